# SPDX-License-Identifier: Apache-2.0
"""The dead man's switch, by itself and over a socket: what is let go, late or in doubt labels nothing."""

from __future__ import annotations

import asyncio
import time

import pytest
from pages import site

from binclf_ros.core.errors import RequestError
from binclf_ros.web.holds import NO, NO_LABEL, YES, Hold, Holds


def held(label, sequence, clock_sec):
    return Hold(label, sequence, clock_sec)


def test_a_hold_ends_when_its_page_falls_silent():
    holds = Holds(0.4)
    holds.take('a', held(YES, 1, 50.0), now=10.0)
    assert [holds.label(10.0 + dt) for dt in (0.0, 0.39, 0.41)] == [YES, YES, NO_LABEL]
    holds.take('a', held(YES, 2, 51.0), now=11.0)
    assert holds.label(11.1) == YES


def test_what_came_late_is_dropped_and_ends_what_is_held():
    holds = Holds(0.4)
    holds.note_clock('a', 50.0, now=10.0)
    with pytest.raises(RequestError) as late:
        holds.take('a', held(YES, 1, 51.0), now=13.0)
    assert late.value.reason == 'late'
    assert holds.label(13.0) == NO_LABEL


def test_a_delay_shorter_than_the_hold_shortens_it():
    holds = Holds(0.4)
    holds.note_clock('a', 50.0, now=10.0)
    holds.take('a', held(YES, 1, 51.0), now=11.3)
    assert holds.label(11.35) == YES
    assert holds.label(11.45) == NO_LABEL


def test_a_clock_that_runs_slow_is_no_delay():
    holds = Holds(0.4)
    for i in range(36_000):
        holds.take('a', held(YES, i, 0.1 * i * (1 - 5e-5)), now=0.1 * i)
    assert holds.label(3599.9) == YES


def test_a_late_release_still_releases():
    holds = Holds(0.4)
    holds.take('a', held(YES, 1, 50.0), now=10.0)
    holds.take('a', held(NO_LABEL, 2, 50.05), now=10.3)
    assert holds.label(10.3) == NO_LABEL


def test_frames_out_of_order_release():
    holds = Holds(0.4)
    holds.take('a', held(YES, 5, 50.0), now=10.0)
    with pytest.raises(RequestError) as wrong:
        holds.take('a', held(YES, 5, 50.1), now=10.1)
    assert wrong.value.reason == 'sequence'
    assert holds.label(10.1) == NO_LABEL


def test_two_who_disagree_label_nothing():
    holds = Holds(0.4)
    holds.take('a', held(YES, 1, 50.0), now=10.0)
    holds.take('b', held(NO, 1, 7.0), now=10.0)
    assert holds.label(10.1) == NO_LABEL and holds.disagree(10.1)
    holds.leave('b')
    assert holds.label(10.1) == YES and not holds.disagree(10.1)


def test_a_hold_is_published_while_it_lasts_and_once_after_it():
    async def run():
        async with site() as robot:
            page = await robot.page()
            await page.hear('hello')
            for _ in range(5):
                await page.hold(YES)
                await asyncio.sleep(0.1)
            await page.hold(NO_LABEL)
            await robot.until(lambda: robot.robot.labels and robot.robot.labels[-1][1] == NO_LABEL)
            n = len(robot.robot.labels)
            await asyncio.sleep(0.2)  # nothing may come in it
            labels = [label for _, label in robot.robot.labels]
            assert len(labels) == n and labels.count(NO_LABEL) == 1
            assert set(labels[:-1]) == {YES} and len(labels) > 7

    asyncio.run(run())


def test_a_page_that_falls_silent_or_goes_away_holds_nothing():
    async def run():
        async with site() as robot:
            silent = await robot.page()
            await silent.hear('hello')
            await silent.hold(YES)
            said = time.monotonic()
            await robot.until(lambda: robot.robot.labels and robot.robot.labels[-1][1] == NO_LABEL)
            assert [t for t, label in robot.robot.labels if label == YES][-1] - said <= 0.5
            gone = await robot.page()
            await gone.hold(NO)
            await robot.until(lambda: robot.robot.labels[-1][1] == NO)
            gone.connection.close()
            await robot.until(lambda: robot.robot.labels[-1][1] == NO_LABEL)

    asyncio.run(run())


def test_a_frame_that_is_delivered_2_s_late_never_labels():
    async def run():
        async with site() as robot:
            page = await robot.page()
            await page.say(type='look', list=False, topics=[], clock=page.clock)
            await page.hold(YES, late_sec=2.0)
            assert (await page.hear('refused'))['reason'] == 'late'
            assert robot.robot.labels == []
            assert robot.server.counts['refused/late'] == 1

    asyncio.run(run())


def test_two_pages_that_disagree_label_nothing():
    async def run():
        async with site() as robot:
            yes, no = await robot.page(), await robot.page()
            await yes.hold(YES)
            await robot.until(lambda: robot.robot.labels)
            await no.hold(NO)
            await robot.until(lambda: robot.robot.labels[-1][1] == NO_LABEL)
            for _ in range(4):
                await yes.hold(YES)
                await no.hold(NO)
                await asyncio.sleep(0.1)
            assert {label for _, label in robot.robot.labels} <= {YES, NO_LABEL}
            assert [label for _, label in robot.robot.labels].count(NO_LABEL) == 1
            while not (await yes.hear('state'))['disagree']:
                pass

    asyncio.run(run())


def test_a_page_that_only_looks_cannot_teach():
    async def run():
        async with site(teach=False) as robot:
            page = await robot.page()
            assert (await page.hear('hello'))['teach'] is False
            await page.hold(YES)
            assert (await page.hear('refused'))['reason'] == 'only_looks'
            await page.say(type='call', id=1, service='reset')
            assert (await page.hear('refused'))['reason'] == 'only_looks'
            assert not robot.robot.labels and not robot.robot.asked

    asyncio.run(run())
