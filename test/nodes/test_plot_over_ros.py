# SPDX-License-Identifier: Apache-2.0
"""The picture on ~/plot: it comes while somebody subscribes, and costs nothing while nobody does."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rclpy.qos import qos_profile_sensor_data
from ros_harness import REPOSITORY, blobs
from sensor_msgs.msg import CompressedImage

CONFIG = REPOSITORY / 'config'


def has_matplotlib(process):
    return 'matplotlib' in Path(f'/proc/{process.pid}/maps').read_text()


@pytest.mark.skipif(find_spec('matplotlib') is None, reason='matplotlib is missing')
def test_a_picture_comes_while_somebody_subscribes_and_none_is_drawn_before(ground):
    trainer = ground.start('trainer')
    ground.start('predictor')
    ground.teach(*blobs(40))
    ground.wait_until(lambda: ground.shown('trainer', 'converged') == 'true')
    ground.teach(*blobs(300, seed=1))
    ground.wait_until_shown('trainer', 'total_scored', 300)
    ground.wait_for_reports('trainer', 3)
    assert not has_matplotlib(trainer), 'it was imported though nobody looks'

    pictures = ground.subscribe(CompressedImage, 'trainer/plot', 1)
    for_rqt = ground.subscribe(CompressedImage, 'trainer/plot/compressed', qos_profile_sensor_data)
    ground.wait_until(lambda: len(pictures) >= 2 and for_rqt, 'two pictures, and one for rqt')
    for each in (*pictures, *for_rqt):
        assert each.format == 'png'
        assert bytes(each.data[:8]) == b'\x89PNG\r\n\x1a\n'
    first, second = (each.header.stamp for each in pictures[:2])
    assert second.sec + second.nanosec * 1e-9 - first.sec - first.nanosec * 1e-9 > 0.3
    assert has_matplotlib(trainer)
    assert ground.set_parameter('trainer', 'score_window', 500) == ''
    assert ground.count('trainer', 'failed/internal_error') == 0

    there = {name for name, _ in ground.node.get_topic_names_and_types()}
    assert topics_of_foxglove() | topics_of_plotjuggler() <= there


def test_without_matplotlib_it_says_so_and_lives(ground, tmp_path, monkeypatch):
    (tmp_path / 'hidden' / 'matplotlib').mkdir(parents=True)
    (tmp_path / 'hidden' / 'matplotlib' / '__init__.py').write_text('raise ImportError("hidden")')
    monkeypatch.setenv('PYTHONPATH', str(tmp_path / 'hidden'))
    trainer = ground.start('trainer')
    pictures = ground.subscribe(CompressedImage, 'trainer/plot', 1)
    ground.wait_until(lambda: 'pip install matplotlib' in ground.shown('trainer', 'plot'))
    ground.wait_for_reports('trainer', 2)
    assert trainer.stderr.count('matplotlib is missing') == 1
    assert not pictures
    assert ground.count('trainer', 'failed/internal_error') == 0


def topics_of_foxglove():
    """The topics of every panel; each panel is placed once, and has a configuration."""
    layout = json.loads((CONFIG / 'foxglove.json').read_text())
    placed, todo = [], [layout['layout']]
    while todo:
        place = todo.pop()
        if isinstance(place, str):
            placed.append(place)
        else:
            assert place['direction'] in ('row', 'column')
            todo += [place['first'], place['second']]
    assert sorted(placed) == sorted(layout['configById'])
    topics = set()
    for name, panel in layout['configById'].items():
        topics |= {panel['topicToRender']} if 'topicToRender' in panel else set()
        topics |= {panel['imageMode']['imageTopic']} if 'imageMode' in panel else set()
        for path in panel.get('paths', ()):
            assert path['enabled'] is True
            topic, field = path['value'].split('.')
            assert field == 'data'
            topics.add(topic)
    return topics


def topics_of_plotjuggler():
    """The topics of every curve, which are those that the layout subscribes to."""
    root = ElementTree.parse(CONFIG / 'plotjuggler.xml').getroot()
    curves = [each.get('name') for each in root.iter('curve')]
    assert all(name.endswith('/data') for name in curves)
    topics = {name.removesuffix('/data') for name in curves}
    streamer = root.find('previouslyLoaded_Streamer').get('name')
    selected = root.find(f"Plugins/plugin[@ID='{streamer}']/selected_topics").get('value')
    assert set(selected.split(';')) == topics
    return topics
