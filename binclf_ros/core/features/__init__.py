# SPDX-License-Identifier: Apache-2.0
"""Features: one language, and the samples that it makes of the messages of topics."""
