# SPDX-License-Identifier: Apache-2.0
"""The reference of topics and services is what the nodes do: names, types, qualities of service."""

from __future__ import annotations

import re

import pytest
from ros_harness import REPOSITORY, run_program

LOOK = """
import json
import rclpy
from binclf_ros.nodes.featurizer import Featurizer
from binclf_ros.nodes.predictor import Predictor
from binclf_ros.nodes.trainer import Trainer
from binclf_ros.nodes.web import Web
from binclf_ros.ros.outputs import StampedOutput

OF_ROS = '/parameter_events', '/rosout'

def words(qos):
    said = qos.reliability.name, qos.durability.name, f'depth {qos.depth}'
    return ', '.join(each.lower().replace('_', ' ') for each in said if each != 'VOLATILE')

def kind(of):
    return f'{of.__module__.split(".")[0]}/{of.__name__}'

def ends(node):
    subscriptions = {*node.subscriptions, *getattr(node, '_polled', ())}
    for side, found in (('published', node.publishers), ('subscribed', subscriptions)):
        for each in found:
            if each.topic_name not in OF_ROS:
                who = f'{node.get_name()}: {words(each.qos_profile)}'
                yield each.topic_name, kind(each.msg_type), side, who

rclpy.init(args=['--ros-args', '-p', 'port:=0'])
topics, services, values = [], [], {}
for make in (Featurizer, Trainer, Predictor, Web):
    node = make()
    if make is Featurizer:
        StampedOutput(node)
    topics += ends(node)
    services += [(each.srv_name, kind(each.srv_type)) for each in node.services if each.srv_name[0] == '~']
    values[node.get_name()] = sorted({**node.counts, **node.values()})
    node.close()
    node.destroy_node()
print(json.dumps([topics, services, values]))
rclpy.try_shutdown()
"""


@pytest.fixture(scope='module')
def seen(shared_ground):
    """Topics, services and values of diagnostics, as the nodes have them that were just made."""
    return run_program(LOOK, shared_ground.domain)[0]


def rows(page):
    """The rows of all tables of a page that begin with code."""
    text = (REPOSITORY / 'doc' / 'reference' / f'{page}.md').read_text()
    lines = re.findall(r'^\| (`.*) \|$', text, re.MULTILINE)
    return [re.split(r' *(?<!\\)\| *', line) for line in lines]


def code(cell):
    return re.findall('`([^`]+)`', cell)


def test_the_topics_are_told_as_they_are(seen):
    wanted = {}
    for topic, kind, side, who in seen[0]:
        name = topic if topic == '/diagnostics' else topic[1:]
        entry = wanted.setdefault((name, kind), {'published': set(), 'subscribed': set()})
        entry[side].add(who)
    told = {
        tuple(code(topic)): {
            'published': set(filter(None, published.split('; '))),
            'subscribed': set(filter(None, subscribed.split('; '))),
        }
        for topic, published, subscribed, about in rows('topics')
        if about
    }
    assert told == wanted


def test_the_services_of_the_trainer_are_told_as_they_are(seen):
    told = {tuple(code(name) + code(kind)) for name, kind, about in rows('services') if about}
    assert told == {(f'trainer{name[1:]}', kind) for name, kind in seen[1]}


def test_every_value_of_diagnostics_is_told(seen):
    told = {name: others for names, *others in rows('diagnostics') for name in code(names)}
    for node, names in seen[2].items():
        assert names
        for name in names:
            assert name in told and node in re.split(', | |;', told[name][0]), f'{name} of the {node}'
