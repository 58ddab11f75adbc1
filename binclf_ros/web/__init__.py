# SPDX-License-Identifier: Apache-2.0
"""The page to teach from: its server and its files, without ROS; `robot.Robot` is what it asks for."""
