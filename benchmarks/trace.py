# SPDX-License-Identifier: Apache-2.0
"""How many functions, of how many files, a message goes through: `python benchmarks/trace.py [--calls]`.

Counted with `sys.setprofile`, in the nodes themselves but without a middleware: calls of functions of this
package, and those of them whose caller stands in another file. A message is traced after many of its kind,
so that what is looked up once has been. `--calls` prints each call.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import rclpy
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Imu

import binclf_ros
from binclf_ros.nodes.featurizer import Featurizer
from binclf_ros.nodes.trainer import Trainer
from binclf_ros.ros.messages import FeaturesMessage

PACKAGE = str(Path(binclf_ros.__file__).parent)
FEATURES = [f'{what}(/imu/angular_velocity/{axis}, 0.5)' for what in ('mean', 'std') for axis in 'xyz']
WARM_UP = 200


class Trace:
    """Counts the calls of functions of the package while it is on."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, str, str]] = []
        self.changes = 0

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        """See one event of the interpreter."""
        code = frame.f_code
        if event != 'call' or not code.co_filename.startswith(PACKAGE) or code.co_name.startswith('<'):
            return
        depth, before = 0, frame.f_back
        while before is not None and not before.f_code.co_filename.startswith(PACKAGE):
            before = before.f_back
        self.changes += before is not None and before.f_code.co_filename != code.co_filename
        while before is not None:
            depth, before = depth + 1, before.f_back
        self.calls.append((depth, os.path.relpath(code.co_filename, PACKAGE), code.co_name))

    def of(self, work: Callable[[], object]) -> Trace:
        """Trace what a piece of work calls."""
        sys.setprofile(self)
        try:
            work()
        finally:
            sys.setprofile(None)
        return self


def imu_to_features() -> Trace:
    """Trace an Imu as bytes of the middleware to its vector on `features`."""
    node = Featurizer()
    publisher = node.create_publisher(Imu, '/imu', 10)
    while '/imu' not in dict(node.get_topic_names_and_types()):
        rclpy.spin_once(node, timeout_sec=0.1)
    features = rclpy.Parameter('features', rclpy.Parameter.Type.STRING_ARRAY, FEATURES)
    node.set_parameters_atomically([features])
    callback = next(each.callback for each in node.subscriptions if each.topic_name == '/imu')
    message, generator = Imu(), np.random.default_rng(0)

    def come(i: int) -> None:
        message.header.stamp.sec, message.header.stamp.nanosec = 1 + i // 100, i % 100 * 10_000_000
        message.angular_velocity.x = float(generator.normal())
        data = serialize_message(message)
        traced.append(Trace().of(lambda: callback(data)))

    traced: list[Trace] = []
    for i in range(WARM_UP):
        come(i)
    assert node.counts['sampled'] > WARM_UP // 2
    node.destroy_node()
    del publisher
    return traced[-1]


def label_to_model() -> Trace:
    """Trace a labelled vector as bytes of the middleware to the model that it changes, on `model`."""
    node = Trainer()
    node._worker.close()  # its work is done in this thread
    worker, generator = node._worker, np.random.default_rng(0)
    worker._ended = False
    worker._slice_ends = float('inf')
    message = FeaturesMessage(('a', 'b'), labeled=True)

    def come(x: np.ndarray, y: float) -> None:
        node.on_labeled_features(message.fill(x, y))
        worker._work_off_queue()
        if worker.learner.has_work:
            worker._descend(lambda: False)

    for i in range(WARM_UP):
        come(generator.normal(size=2), float(i % 2))
    data = bytes(message.fill(generator.normal(size=2), 1.0))

    def last() -> None:
        node.on_labeled_features(data)
        worker._work_off_queue()
        worker._descend(lambda: False)

    step = worker.status.step
    trace = Trace().of(last)
    assert worker.status.step == step + 1
    node.destroy_node()
    return trace


def main() -> None:
    """Print the table."""
    rclpy.init(args=['--ros-args', '--log-level', 'error'])
    for name, trace in (('Imu to features', imu_to_features()), ('label to model', label_to_model())):
        print(f'{name}: {len(trace.calls)} calls, {trace.changes} from another file')
        if '--calls' in sys.argv:
            print('\n'.join(f'{"  " * depth}{file}: {function}' for depth, file, function in trace.calls))
    rclpy.try_shutdown()


if __name__ == '__main__':
    main()
