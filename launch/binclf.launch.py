# SPDX-License-Identifier: Apache-2.0
"""Start featurizer, trainer and predictor: `ros2 launch binclf_ros binclf.launch.py`."""

import os
from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

CONFIG = Path(get_package_share_directory('binclf_ros'), 'config')
ARGUMENTS = {
    'params_file': (
        str(CONFIG / 'binclf.yaml'),
        'YAML with the parameters of the nodes',
    ),
    'namespace': ('', 'put in front of every relative topic, for a second classifier on one robot'),
    'train': ('true', 'false: no trainer; the predictor answers by model_file'),
    'model_file': ('', 'where the model lives; empty: what params_file says'),
    'one_process': ('false', 'true: featurizer and predictor in one process, the classifier'),
    'web': ('false', 'true: the page to teach from as well; its parameters are in params_file'),
    'large_clouds': ('false', 'true: Fast DDS hands clouds over in shared memory with room for them'),
    'use_sim_time': ('false', 'take the time from /clock'),
    'log_level': ('info', 'debug, info, warn, error or fatal'),
}


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments, then start the nodes by what they are."""
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, (default, description) in ARGUMENTS.items()
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=_nodes)])


def _nodes(context: LaunchContext) -> list[Node]:
    given = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    train = _bool('train', given['train'])
    common = {'use_sim_time': _bool('use_sim_time', given['use_sim_time'])}
    kept = {'model_file': given['model_file']} if given['model_file'] else {}
    environment = _shared_memory() if _bool('large_clouds', given['large_clouds']) else {}
    own = {'featurizer': {}, 'trainer': kept, 'predictor': kept, 'classifier': kept, 'web': {}}
    two = {'featurizer', 'predictor'}
    left_out = two if _bool('one_process', given['one_process']) else {'classifier'}
    left_out |= {'trainer'} if not train else set()
    left_out |= {'web'} if not _bool('web', given['web']) else set()
    return [
        Node(
            package='binclf_ros',
            executable=name,
            name=None if name == 'classifier' else name,  # that are two nodes, with names of their own
            namespace=given['namespace'],
            parameters=[given['params_file'], {**common, **parameters}],
            arguments=['--ros-args', '--log-level', given['log_level']],
            additional_env=environment,
            output='screen',
            respawn=True,  # for what no node survives, such as a /clock with negative seconds
            respawn_delay=1.0,
        )
        for name, parameters in own.items()
        if name not in left_out
    ]


def _shared_memory() -> dict[str, str]:
    """Return the variable that names the profile; before Fast DDS 3 (Kilted) it was called otherwise."""
    older = os.environ.get('ROS_DISTRO') in ('humble', 'iron', 'jazzy')
    name = ('FASTRTPS' if older else 'FASTDDS') + '_DEFAULT_PROFILES_FILE'
    return {name: str(CONFIG / 'fastdds_large_clouds.xml')}


def _bool(name: str, text: str) -> bool:
    if text.lower() not in ('true', 'false'):
        raise ValueError(f'{name}:={text}: expected true or false')
    return text.lower() == 'true'
