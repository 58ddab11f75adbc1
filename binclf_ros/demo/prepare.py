# SPDX-License-Identifier: Apache-2.0
"""What a run of the demo needs, made from its arguments, before any node is started."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.signals import SignalHandlerOptions

from ..core.errors import BinclfError, ParameterError
from ..recordings import bags
from ..recordings import basic_motions as recordings
from ..recordings.feed import find_topics, look_through
from ..ros.options import FeaturizerParameters, NodeOptions, TrainerParameters, Words
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
    names: tuple[str, str] = ('0', '1')
    """What the labels 0 and 1 are called."""


def prepare(given: argparse.Namespace) -> Prepared:
    """Read the parameters and the recording. Raises BinclfError where they do not fit."""
    return _clouds(given) if given.points else _vectors(given)


def _vectors(given: argparse.Namespace) -> Prepared:
    """Prepare for messages of sensors: all three nodes."""
    asked = {'features': given.features, **{name: getattr(given, name) for name in replay.LABELS}}
    if not given.bag:
        asked = {'features': list(recordings.FEATURES), 'label': recordings.LABEL_PATH}
    starts = {
        'featurizer': arguments_of(asked, given.params),
        'trainer': arguments_of({'l2': given.l2}, given.params),
        'predictor': arguments_of({}, given.params),
    }
    parameters = _read('featurizer', FeaturizerParameters, starts['featurizer'])
    if parameters.stamped:
        raise BinclfError('the demo takes vectors: leave out the parameter stamped of the featurizer')
    feed = bags.feed(given.bag, given.train_until) if given.bag else recordings.feed()
    topics = find_topics(feed, parameters, field_types)
    if topics.by_arrival:
        _check_rate(given, f'{topics.by_arrival} goes by the time of arrival, as a topic without header')
    steps, notes, by_arrival = look_through(feed, topics, parameters, decoder)
    for note in (*feed.notes, *notes):
        print(f'demo: {note}', file=sys.stderr)
    replay.check_steps(feed, steps, topics)
    if by_arrival:
        _check_rate(given, f'{by_arrival} goes by the time of arrival, as a topic whose stamps stand still')
    pace = _pace(given, topics.by_arrival or by_arrival)
    own = {} if given.bag else {'positive': 'badminton', 'negative': 'no badminton'}
    words = _read('demo', Words, arguments_of(own, given.params))
    title = words.question or (f'{given.bag.resolve().name}: {_question(parameters)}' if given.bag else '')
    feed = replace(feed, title=title or feed.title)
    return Prepared(
        feed.title,
        starts,
        lambda nodes, panel: replay.Replay(feed, topics, steps, pace, nodes, panel),
        (words.negative, words.positive),
    )


def _question(given: FeaturizerParameters) -> str:
    """Return what is asked, in the words of the parameters."""
    return given.label or ' or '.join(filter(None, (given.label_positive, given.label_negative)))


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
    words = _read('demo', Words, starts['trainer'])
    feed = replace(feed, title=words.question or f'{given.bag.resolve().name}: {given.points}')
    return Prepared(
        feed.title,
        starts,
        lambda nodes, panel: clouds.CloudReplay(feed, given.points, steps, pace, nodes, panel),
        (words.negative, words.positive),
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


def _check_rate(given: argparse.Namespace, why: str) -> None:
    """Raise BinclfError where what goes by arrival is asked to be played at another pace than its own."""
    if given.rate not in (None, 1.0):
        raise BinclfError(f'{why} has no other: it can only be played at --rate 1')


def _pace(given: argparse.Namespace, by_arrival: str) -> Pace:
    """Return how fast to play; windows that go by arrival have to be played as they were recorded."""
    if by_arrival:
        print(f'{by_arrival} goes by the time of arrival: playing in real time')
        return Pace(rate=1.0, patience_sec=0.0, answer_sec=0.2)
    return Pace(given.rate or 0.0, BAG_HZ, BAG_HZ) if given.bag else Pace(given.rate or 0.0)
