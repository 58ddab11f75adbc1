# SPDX-License-Identifier: Apache-2.0
"""What the pages are told: once each, in frames that wait for one another, with what was skipped."""

from __future__ import annotations

import asyncio
import json
import time
from itertools import pairwise

import pytest
from pages import site

from binclf_ros.web.bins import BIN_SEC, Bins
from binclf_ros.web.client import STALLED_SEC, Client
from binclf_ros.web.influence import influences
from binclf_ros.web.scene import SILENT_SEC, Scene, Status


class NotingSocket:
    """A page that answers a ping when it is told to."""

    def __init__(self):
        self.sent, self.pings = [], 0

    def send(self, text):
        self.sent.append(text)

    def ask_for_pong(self):
        self.pings += 1

    def close(self):
        pass


def test_bins_keep_the_extremes():
    bins = Bins()
    for i in range(1000):
        bins.add(1.0 if i == 7 else 0.5, now=1.0 + i * 1e-3)
    rows = bins.since(-1, now=2.1)
    assert [row[0] for row in rows] == list(range(20, 40))
    assert rows[0][1:3] == [0.5, 1.0] and rows[1][1:4] == [0.5, 0.5, 0.5]


def test_bins_forget_what_is_older_than_30_s_and_what_is_not_finite():
    bins = Bins()
    for i in range(1300):
        bins.add(float('nan') if i % 2 else 0.5, now=i * BIN_SEC)
    rows = bins.since(-1, now=1300 * BIN_SEC)
    assert len(rows) <= 600 and rows[-1][0] == 1298


def test_a_bin_says_what_was_labelled_and_decided():
    bins = Bins()
    bins.label(1, 0.01)
    bins.label(0, 0.02)
    bins.decide(1, 0.03)
    bins.label(0, 0.06)
    assert bins.since(-1, 0.11) == [[0, None, None, None, 1, 2], [1, None, None, None, -1, 0]]


def test_a_frame_waits_for_the_one_before_and_carries_what_was_skipped():
    scene, socket = Scene(), NotingSocket()
    client = Client(socket, 0.0)
    for i in range(40):
        now = 10.0 + i * 0.1
        scene.add_probability(0.5, now)
        if i in (20, 39):
            client.on_pong()
        client.send_new({'type': 'state'}, scene, now)
    assert (len(socket.sent), socket.pings) == (3, 3)
    rows = [json.loads(text)['bins'] for text in socket.sent]
    indices = [row[0] for each in rows for row in each]
    assert indices == sorted(set(indices)) and len(indices) == 39


def test_a_page_without_progress_is_given_up():
    scene, client = Scene(), Client(NotingSocket(), 0.0)
    client.send_new({'type': 'state'}, scene, 10.0)
    assert not client.is_stalled(10.0 + STALLED_SEC)
    assert client.is_stalled(10.1 + STALLED_SEC)


def test_counts_go_on_from_what_the_trainer_has():
    scene = Scene()
    scene.add_label(1, 0.0)
    assert scene.state(0.0)['counts'] == {'yes': 1, 'no': 0}
    scene.add_status('trainer', Status(0, 'learning', {'buffer': '30', 'positives': '10'}, 1.0))
    scene.add_label(0, 1.1)
    assert scene.state(1.2)['counts'] == {'yes': 10, 'no': 21}


def test_a_node_that_falls_silent_is_said_to_be_gone():
    scene = Scene()
    scene.add_status('trainer', Status(0, 'learning', {}, 10.0))

    def trainer(now):
        return next(each for each in scene.state(now)['nodes'] if each['name'] == 'trainer')

    assert trainer(10.0 + SILENT_SEC)['alive']
    dead = trainer(10.1 + SILENT_SEC)
    assert not dead['alive'] and dead['level'] == 2 and 'silent' in dead['text']
    scene.add_status('trainer', Status(0, 'learning', {}, 14.0))
    assert trainer(14.1)['alive']


def test_scores_that_are_not_defined_are_none():
    scene = Scene()
    values = {'accuracy': '0.9', 'auc': 'nan', 'log_loss': 'inf', 'brier': '0.1'}
    scene.add_status('trainer', Status(0, '', values, 0.0))
    scores = scene.state(0.0)['scores']
    assert (scores['accuracy'], scores['auc'], scores['log_loss']) == (0.9, None, None)
    assert 'brier' not in scores


def test_the_ten_features_that_matter_most():
    names = [f'x{i}' for i in range(12)]
    model = {'features': names, 'weights': [float(-i) for i in range(12)], 'scale': [2.0] * 12}
    found = influences(model)
    assert [each['name'] for each in found] == names[:1:-1]
    assert found[0]['weight'] == -22.0


def test_a_curve_is_the_sum_of_its_columns_at_the_knots():
    model = {
        'features': ['x'], 'weights': [0.5, 1.0, -3.0], 'scale': [1.0],
        'map': {'kind': 'curves', 'knots': [[0.0, 2.0, 4.0]]},
    }  # fmt: skip
    (found,) = influences(model)
    z = [value for _, value in found['curve']]
    assert [b - a for a, b in pairwise(z)] == pytest.approx([2.0, -2.0])
    assert found['weight'] == pytest.approx(2.0)


def test_a_page_is_told_everything_once_and_then_what_is_new():
    async def run():
        async with site(rate_hz=20.0) as robot:
            began = time.monotonic()
            robot.scene.add_probability(0.25, began)
            robot.scene.set_model({'step': 1})
            page = await robot.page()
            await page.hear('model')
            indices = []
            for i in range(10):
                robot.scene.add_probability(0.25, time.monotonic())
                indices += [row[0] for row in (await page.hear('state'))['bins']]
            assert indices and indices == sorted(set(indices))
            assert len([each for each in page.messages if each['type'] == 'model']) == 1
            robot.scene.set_model({'step': 2})
            assert (await page.hear('model'))['model'] == {'step': 2}

    asyncio.run(run())


def test_topics_are_looked_at_only_while_somebody_looks():
    async def run():
        async with site() as robot:
            page, other = await robot.page(), await robot.page()
            robot.scene.set_topics([{'name': '/imu'}], {'/imu': {'hz': 10.0}, '/scan': {'hz': 5.0}})
            await page.say(type='look', list=True, topics=['/imu'], clock=0)
            assert (await page.hear('topics'))['values'] == {'/imu': {'hz': 10.0}}
            await robot.until(lambda: robot.robot.looks[-1] == (True, frozenset({'/imu'})))
            await other.say(type='look', list=True, topics=['/scan'], clock=0)
            await robot.until(lambda: robot.robot.looks[-1] == (True, frozenset({'/imu', '/scan'})))
            page.connection.close()
            await robot.until(lambda: robot.robot.looks[-1] == (True, frozenset({'/scan'})))
            await other.say(type='look', list=False, topics=['/scan'], clock=0)
            await robot.until(lambda: robot.robot.looks[-1] == (False, frozenset()))

    asyncio.run(run())
