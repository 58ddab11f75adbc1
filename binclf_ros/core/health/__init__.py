# SPDX-License-Identifier: Apache-2.0
"""Whether a node does its work now: what is found of counts over the last seconds, in sentences."""
