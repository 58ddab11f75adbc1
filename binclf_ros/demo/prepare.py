# SPDX-License-Identifier: Apache-2.0
"""What a run of the demo needs, made from its arguments, before any node is started."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.signals import SignalHandlerOptions

from ..core.errors import BinclfError, ParameterError
from ..recordings import bags
from ..recordings import basic_motions as recordings
from ..recordings.feed import Topics, find_topics, plan
from ..ros.options import FeaturizerParameters, NodeOptions, TrainerParameters
from ..ros.parameters import DeclaredParameters
from ..ros.types import decoder, field_types
from . import clouds, replay
from .course import Course, Pace
from .panel import Panel
from .processes import Processes, ros_arguments

BAG_HZ = 2000.0
CLOUDS_HZ = 20.0

P = TypeVar('P', bound=NodeOptions)


@dataclass(frozen=True)
class Prepared:
    """A title, the arguments of each node, and what makes the course once ROS is there."""

    title: str
    starts: Mapping[str, list[str]]
    course: Callable[[Processes, Panel], Course]


def prepare(given: argparse.Namespace) -> Prepared:
    """Read the parameters and the recording. Raises BinclfError where they do not fit."""
    return _clouds(given) if given.points else _vectors(given)


def _vectors(given: argparse.Namespace) -> Prepared:
    """Prepare for messages of sensors: all three nodes."""
    asked = {'features': given.features, 'label': given.label}
    if not given.bag:
        asked = {'features': list(recordings.FEATURES), 'label': recordings.LABEL_PATH}
    starts = {
        'featurizer': arguments_of(asked, given.params),
        'trainer': arguments_of({'l2': given.l2}, given.params),
        'predictor': arguments_of({}, given.params),
    }
    parameters = _read('featurizer', FeaturizerParameters, starts['featurizer'])
    if parameters.stamped:
        raise BinclfError('the demo plays to vectors: leave out the parameter stamped of the featurizer')
    feed = bags.feed(given.bag, given.train_until) if given.bag else recordings.feed()
    for note in feed.notes:
        print(f'demo: {note}', file=sys.stderr)
    topics = find_topics(feed, parameters, field_types)
    pace = _pace(given, topics)
    steps = plan(feed, topics, parameters, decoder)
    replay.check_steps(feed, steps, topics)
    return Prepared(
        feed.title,
        starts,
        lambda nodes, panel: replay.Replay(feed, topics, steps, pace, nodes, panel),
    )


def _clouds(given: argparse.Namespace) -> Prepared:
    """Prepare for point clouds: trainer and predictor."""
    starts = {
        'trainer': arguments_of({'l2': given.l2, 'point_features': given.point_features}, given.params),
        'predictor': arguments_of({}, given.params),
    }
    parameters = _read('trainer', TrainerParameters, starts['trainer'])
    feed = clouds.cloud_feed(bags.feed(given.bag, given.train_until), given.points, given.train_clouds)
    steps = clouds.plan(feed, given.points, parameters.point_features)
    clouds.check_steps(feed, steps, given.points)
    pace = Pace(given.rate or 0.0, CLOUDS_HZ, CLOUDS_HZ)
    return Prepared(
        feed.title,
        starts,
        lambda nodes, panel: clouds.CloudReplay(feed, given.points, steps, pace, nodes, panel),
    )


def arguments_of(parameters: Mapping[str, object], params_file: str) -> list[str]:
    """Return the arguments of a node: the parameters that are given, over those of the file."""
    return ros_arguments({k: v for k, v in parameters.items() if v is not None}, params_file)


def _read(name: str, kind: type[P], arguments: list[str]) -> P:
    """Return what a node will read from these arguments, by reading them as it does.

    Raises BinclfError where it would not start.
    """
    context = rclpy.Context()
    try:
        rclpy.init(args=arguments, context=context, signal_handler_options=SignalHandlerOptions.NO)
        node = rclpy.create_node(name, context=context, start_parameter_services=False, enable_rosout=False)
        try:
            return DeclaredParameters(node, kind, lambda new: None).current
        finally:
            node.destroy_node()
    except BinclfError:
        raise
    except (ParameterException, RuntimeError, ValueError) as error:
        raise ParameterError(f'the parameters cannot be read: {error}') from error
    finally:
        rclpy.try_shutdown(context=context)


def _pace(given: argparse.Namespace, topics: Topics) -> Pace:
    """Return how fast to play; windows that go by arrival have to be played as they were recorded."""
    if topics.by_arrival:
        if given.rate not in (None, 1.0):
            raise BinclfError(
                f'{topics.by_arrival} goes by the time of arrival, as a topic without header has no '
                'other: it can only be played at --rate 1'
            )
        print(f'{topics.by_arrival} goes by the time of arrival: playing in real time')
        return Pace(rate=1.0)
    return Pace(given.rate or 0.0, BAG_HZ, BAG_HZ) if given.bag else Pace(given.rate or 0.0)
