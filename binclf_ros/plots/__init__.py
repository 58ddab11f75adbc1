# SPDX-License-Identifier: Apache-2.0
"""Pictures of the learning, drawn with matplotlib, which is an extra: imported where one is drawn."""
