# SPDX-License-Identifier: Apache-2.0
"""Point clouds as samples, of any message that has the attributes of a `sensor_msgs/PointCloud2`."""
