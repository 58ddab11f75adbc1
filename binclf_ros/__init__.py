# SPDX-License-Identifier: Apache-2.0
"""Learn a yes/no question from a robot's own sensors, while it runs."""

__version__ = '0.1.0'
