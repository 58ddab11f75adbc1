# SPDX-License-Identifier: Apache-2.0
"""What nodes share and what imports rclpy."""
