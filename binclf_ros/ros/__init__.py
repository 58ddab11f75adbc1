"""What nodes share and what imports rclpy."""
