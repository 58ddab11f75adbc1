"""The mathematics and everything else that needs no ROS: numpy and the standard library."""
