# SPDX-License-Identifier: Apache-2.0
"""Painting: which strokes are kept, and what goes to the robot."""

from __future__ import annotations

import asyncio
import time

import pytest
from pages import site

from binclf_ros.core.errors import RequestError
from binclf_ros.web.painting import MAX_PICTURES, MAX_POINTS, MAX_STROKES, Stroke, Strokes


def test_a_stroke_goes_on_and_is_taken_back_by_its_owner_alone():
    strokes = Strokes()
    strokes.add(1, 'phone', 0, Stroke(1, 0.1, ((0.0, 0.0),)))
    strokes.add(1, 'laptop', 0, Stroke(0, 0.1, ((0.5, 0.5),)))
    strokes.add(1, 'phone', 0, Stroke(1, 0.1, ((0.1, 0.0),)))
    assert [each.points for each in strokes.of(1)] == [((0.0, 0.0), (0.1, 0.0)), ((0.5, 0.5),)]
    assert strokes.undo(1, 'phone') and not strokes.undo(1, 'phone')
    assert [each.label for each in strokes.of(1)] == [0]
    assert not strokes.undo(9, 'phone')


def test_strokes_are_bounded():
    strokes = Strokes()
    dot = Stroke(1, 0.1, ((0.0, 0.0),))
    for number in range(MAX_STROKES):
        strokes.add(1, 'phone', number, dot)
    with pytest.raises(RequestError, match='full of strokes'):
        strokes.add(1, 'phone', MAX_STROKES, dot)
    with pytest.raises(RequestError):
        strokes.add(1, 'phone', 0, Stroke(1, 0.1, ((0.0, 0.0),) * MAX_POINTS))
    for picture in range(2, 2 + MAX_PICTURES):
        strokes.add(picture, 'phone', 0, dot)
    assert not strokes.of(1) and strokes.of(2)


PAINT = {
    'type': 'paint', 'id': 1, 'picture': 7, 'stroke': 0, 'label': 1, 'radius': 0.05, 'points': [[0.5, 0.5]],
}  # fmt: skip


def test_all_strokes_of_a_picture_go_to_the_robot_and_its_answer_comes_back():
    async def run():
        async with site() as robot:
            page = await robot.page()
            await page.say(**PAINT)
            await page.say(**{**PAINT, 'id': 2, 'stroke': 1, 'label': 0})
            await robot.until(lambda: len(robot.robot.painted) == 2)
            picture, strokes, answer = robot.robot.painted[-1]
            assert picture == 7 and [each.label for each in strokes] == [1, 0]
            answer(True, '')
            assert (await page.hear('answer'))['ok']
            await page.say(type='undo', id=3, picture=7)
            await robot.until(lambda: len(robot.robot.painted) == 3)
            assert [each.label for each in robot.robot.painted[-1][1]] == [1]
            await page.say(type='undo', id=4, picture=8)
            refused = await page.hear('answer')
            assert (refused['id'], refused['ok']) == (4, False) and 'no stroke' in refused['text']

    asyncio.run(run())


def test_a_page_that_only_looks_paints_nothing():
    async def run():
        async with site(teach=False) as robot:
            page = await robot.page()
            await page.say(**PAINT)
            assert (await page.hear('refused'))['reason'] == 'only_looks'
            await page.say(type='undo', id=3, picture=7)
            assert (await page.hear('refused'))['reason'] == 'only_looks'
            assert not robot.robot.painted

    asyncio.run(run())


def test_pictures_are_shown_to_who_looks_and_the_one_that_stands_still_to_who_paints():
    async def run():
        async with site(rate_hz=20.0) as robot:
            page = await robot.page()
            robot.scene.set_picture(None, {'picture': 7, 'jpeg': ''})
            for _ in range(5):
                assert 'picture' not in await page.hear('state')
            assert not [each for each in page.messages if each['type'] == 'picture']
            await page.say(type='look', pictures=True, clock=0)
            assert (await page.hear('picture'))['picture'] == 7
            assert robot.robot.watched[-1] == (True, frozenset())
            await page.say(type='look', pictures=True, still=7, clock=0)
            await robot.until(lambda: robot.robot.watched[-1] == (False, frozenset({7})))
            robot.scene.set_picture(None, {'picture': 8, 'jpeg': ''})
            robot.scene.set_picture(7, {'picture': 7, 'answer': 'x'})
            assert (await page.hear('picture'))['answer'] == 'x'
            page.connection.close()
            await robot.until(lambda: robot.robot.watched[-1] == (False, frozenset()))

    asyncio.run(run())


def test_no_more_than_five_pictures_a_second():
    async def run():
        async with site(rate_hz=20.0) as robot:
            page = await robot.page()
            await page.say(type='look', pictures=True, clock=0)
            began = time.monotonic()
            for number in range(40):
                robot.scene.set_picture(None, {'picture': number})
                await page.hear('state')
            shown = [each for each in page.messages if each['type'] == 'picture']
            assert 1 <= len(shown) <= 2 + 5.3 * (time.monotonic() - began)

    asyncio.run(run())
