# SPDX-License-Identifier: Apache-2.0
"""The mathematics and everything else that needs no ROS: numpy and the standard library."""
