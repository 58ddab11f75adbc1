# SPDX-License-Identifier: Apache-2.0
"""Answers as vision_msgs/Classification: by types made from its definition, and where it is missing."""

from __future__ import annotations

import importlib.util
import json
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from ros_harness import LATCHED, model_dict
from std_msgs.msg import Header, String

from binclf_ros.ros.classification import ClassificationOutput
from binclf_ros.ros.cloud_writer import one_point_cloud
from binclf_ros.ros.outputs import DirectOutput

DEFINITIONS = {
    'vision_msgs/msg/ObjectHypothesis': 'string class_id\nfloat64 score\n',
    'vision_msgs/msg/Classification': 'std_msgs/Header header\nObjectHypothesis[] results\n',
}


@pytest.fixture
def said(monkeypatch):
    """An output that has types made from the definitions, and what it said of them."""
    typesys = pytest.importorskip('rosbags.typesys')
    store = typesys.get_typestore(typesys.Stores.LATEST)
    for name, text in DEFINITIONS.items():
        store.register(typesys.get_types_from_msg(text, name))
    module = ModuleType('vision_msgs.msg')
    module.Classification = store.types['vision_msgs/msg/Classification']
    module.ObjectHypothesis = store.types['vision_msgs/msg/ObjectHypothesis']
    monkeypatch.setitem(sys.modules, 'vision_msgs', ModuleType('vision_msgs'))
    monkeypatch.setitem(sys.modules, 'vision_msgs.msg', module)
    messages, listeners = [], [1]
    publisher = SimpleNamespace(
        publish=messages.append, get_subscription_count=lambda: listeners[0], topics=[]
    )
    clock = SimpleNamespace(now=lambda: SimpleNamespace(to_msg=Header().stamp.__class__))

    def advertise(kind, topic, qos, sole=False):
        publisher.topics.append((kind, topic))
        return publisher

    node = SimpleNamespace(advertise=advertise, get_clock=lambda: clock)
    return SimpleNamespace(
        output=ClassificationOutput(node, True),
        messages=messages,
        listeners=listeners,
        publisher=publisher,
        module=module,
        results=lambda: [(each.class_id, each.score) for each in messages[-1].results],
        node=node,
    )


def test_each_answer_is_two_hypotheses_with_the_header_of_the_sensor(said):
    header = Header(frame_id='imu_link')
    header.stamp.sec = 12
    said.output.publish(0.25, header)
    assert said.publisher.topics == [(said.module.Classification, 'classification')]
    assert said.messages[-1].header == header
    assert said.results() == [('0', 0.75), ('1', 0.25)], 'the likelier one first'
    said.output.publish(0.75)
    assert said.results() == [('1', 0.75), ('0', 0.25)]
    assert said.messages[-1].header.frame_id == ''
    said.listeners[0] = 0
    said.output.publish(0.5)
    assert len(said.messages) == 2, 'nobody listens'
    assert not ClassificationOutput(said.node, False).findings


def test_a_cloud_of_one_point_is_answered_with_its_header(said):
    from rclpy.serialization import serialize_message

    header = Header(frame_id='base')
    header.stamp.nanosec = 7
    data = serialize_message(one_point_cloud(header, ('a', 'b'), np.array([1.0, 2.0])))
    said.output.publish_of_cloud(0.9, data)
    assert said.messages[-1].header == header
    said.output.publish_of_cloud(float('nan'), data)
    assert len(said.messages) == 1


def test_a_featurizer_in_the_same_process_hands_the_header_over_where_it_is_wanted(said):
    from rclpy.serialization import serialize_message
    from sensor_msgs.msg import Imu

    imu = Imu(header=Header(frame_id='imu_link'))
    for wanted, expected in ((True, imu.header), (False, None)):
        output = DirectOutput(said.node, lambda *_: None, None, wanted)
        assert output.keep(serialize_message(imu), Imu) == expected


@pytest.mark.skipif(importlib.util.find_spec('vision_msgs') is not None, reason='vision_msgs is installed')
def test_without_vision_msgs_it_says_so_and_answers_all_the_same(ground):
    ground.start('predictor', classification=True)
    ground.wait_for_nodes('predictor')
    models = ground.publisher(String, 'model', LATCHED)
    models.publish(String(data=json.dumps(model_dict((1.0,), 0.0))))
    probabilities = ground.hear_probabilities()
    ground.ask_until(lambda: probabilities, [0.7])
    ground.wait_until(lambda: 'vision-msgs' in ground.text['predictor'])
