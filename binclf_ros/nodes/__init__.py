# SPDX-License-Identifier: Apache-2.0
"""The nodes: wiring only."""
