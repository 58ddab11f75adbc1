# SPDX-License-Identifier: Apache-2.0
"""Images: frames of messages, columns of their pixels, masks. OpenCV is an extra, imported where used."""
