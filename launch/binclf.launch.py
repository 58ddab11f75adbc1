"""Start featurizer, trainer and predictor: `ros2 launch binclf_ros binclf.launch.py`."""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

ARGUMENTS = {
    'params_file': (
        str(Path(get_package_share_directory('binclf_ros'), 'config', 'binclf.yaml')),
        'YAML with the parameters of the nodes',
    ),
    'namespace': ('', 'put in front of every relative topic, for a second classifier on one robot'),
    'train': ('true', 'false: no trainer; the predictor answers by model_file'),
    'model_file': ('', 'where the model lives; empty: what params_file says'),
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
    own = {'featurizer': {}, 'trainer': kept, 'predictor': kept}
    return [
        Node(
            package='binclf_ros',
            executable=name,
            name=name,
            namespace=given['namespace'],
            parameters=[given['params_file'], {**common, **parameters}],
            arguments=['--ros-args', '--log-level', given['log_level']],
            output='screen',
            respawn=True,  # for what no node survives, such as a /clock with negative seconds
            respawn_delay=1.0,
        )
        for name, parameters in own.items()
        if train or name != 'trainer'
    ]


def _bool(name: str, text: str) -> bool:
    if text.lower() not in ('true', 'false'):
        raise ValueError(f'{name}:={text}: expected true or false')
    return text.lower() == 'true'
