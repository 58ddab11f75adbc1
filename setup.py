# SPDX-License-Identifier: Apache-2.0
"""The package for colcon and for pip. The extras are what a robot does not need."""

from glob import glob

from setuptools import find_packages, setup

NAME = 'binclf_ros'
PROGRAMS = (
    'featurizer',
    'trainer',
    'predictor',
    'classifier',
    'label_keyboard',
    'web',
    'demo',
    'report',
    'extract',
    'train',
    'evaluate',
    'label',
    'layouts',
)

setup(
    name=NAME,
    version='0.1.0',
    description='Teaches a robot to answer a yes/no question from its own sensors, while it runs',
    license='Apache-2.0',
    maintainer='the binclf_ros developers',
    maintainer_email='binclf-ros@users.noreply.github.com',
    packages=find_packages(include=[NAME, f'{NAME}.*']),
    package_data={NAME: ['py.typed', 'web/static/*']},
    python_requires='>=3.10',
    install_requires=['numpy>=1.21'],
    extras_require={
        # ROS itself, where none is installed: real ROS 2 from wheels, for Linux on x86_64
        'wheels': [
            'ros-rclpy',
            'ros-rmw-fastrtps-cpp',
            'ros-std-msgs',
            'ros-sensor-msgs',
            'ros-std-srvs',
            'ros-diagnostic-msgs',
            'ros-geometry-msgs',
        ],
        # the same of Jazzy, for Python 3.12, with the numpy of Ubuntu 24.04
        'wheels-jazzy': [
            'ros-jazzy-rclpy',
            'ros-jazzy-rmw-fastrtps-cpp',
            'ros-jazzy-std-msgs',
            'ros-jazzy-sensor-msgs',
            'ros-jazzy-std-srvs',
            'ros-jazzy-diagnostic-msgs',
            'ros-jazzy-geometry-msgs',
            'numpy==1.26.4',
        ],
        # ~/plot of the trainer, and the report
        'plot': ['matplotlib'],
        # images: classified pixel by pixel, and regions of them as features
        'vision': ['opencv-python-headless'],
        # the page to teach from
        'web': ['tornado>=6.1'],
        'demo': ['rosbags', 'matplotlib', 'tornado>=6.1'],
        # extract, train, evaluate and label, without ROS
        'offline': ['rosbags', 'mcap', 'tqdm', 'PyYAML', 'matplotlib'],
        'parquet': ['pyarrow'],
        'cluster': ['distributed'],
        'sklearn': ['scikit-learn'],
        'test': [
            'pytest',
            'pytest-xdist>=3.7',
            'hypothesis',
            'scikit-learn',
            'scipy',
            'river; python_version >= "3.11"',  # no wheel for 3.10, where its tests skip
            'rosbags',
            'mcap',
            'pyarrow',
            'distributed',
            'pyyaml',
            'catkin_pkg',  # reads CHANGELOG.rst and package.xml as a release does
            'matplotlib',
            'opencv-python-headless',
            'setuptools',  # the wheel is built and looked into
            'wheel',
            'nbclient',
            'nbformat',
            'ipykernel',
            'tornado>=6.1',
            # the page in a real browser: a chromium of the system is taken, where there is one
            'playwright',
            'axe-playwright-python',
        ],
        # the peers of make bench-train; it also takes vowpalwabbit and torch, where they are installed
        'bench': [
            'scikit-learn',
            'river',
            'statsmodels',
            'matplotlib',
            'rosbags',
            'opencv-python-headless',
            'tornado>=6.1',
            'playwright',
        ],
        'check': ['ruff', 'mypy', 'numpy', 'sphinx', 'myst-parser', 'furo'],
    },
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{NAME}']),
        (f'share/{NAME}', ['package.xml']),
        (f'share/{NAME}/launch', glob('launch/*.launch.py')),
        (f'share/{NAME}/config', glob('config/*')),
    ],
    entry_points={'console_scripts': [f'{name} = {NAME}.__main__:{name}' for name in PROGRAMS]},
    zip_safe=True,
)
