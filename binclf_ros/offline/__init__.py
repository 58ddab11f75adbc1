# SPDX-License-Identifier: Apache-2.0
"""From recordings to a model, without ROS: extract, train, evaluate and label."""
