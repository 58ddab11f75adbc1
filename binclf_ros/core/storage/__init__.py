# SPDX-License-Identifier: Apache-2.0
"""Storage: models and samples in files that survive a crash, a power loss and a full disk."""
