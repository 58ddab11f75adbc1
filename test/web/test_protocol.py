# SPDX-License-Identifier: Apache-2.0
"""What a page may say: anything else is refused with a sentence, counted, and the server goes on."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pages import site

from binclf_ros.core.errors import RequestError
from binclf_ros.web.painting import Stroke
from binclf_ros.web.protocol import MAX_BYTES, SERVICES, Call, Hold, Look, Paint, Set, Undo, parse

GOOD = {
    'hold': {'type': 'hold', 'label': 1, 'sequence': 7, 'clock': 1500.0},
    'call': {'type': 'call', 'id': 1, 'service': 'train'},
    'set': {'type': 'set', 'id': 2, 'node': 'predictor', 'values': {'threshold': 0.4}},
    'features': {'type': 'features', 'id': 3, 'features': ['/imu/x', 'std(/imu/x, 1.0)']},
    'look': {'type': 'look', 'list': True, 'topics': ['/imu'], 'clock': 0},
    'paint': {
        'type': 'paint',
        'id': 4,
        'picture': 12,
        'stroke': 0,
        'label': 1,
        'radius': 0.02,
        'points': [[0.5, 0.25], [1, 0]],
    },
    'undo': {'type': 'undo', 'id': 5, 'picture': 12},
}
BAD = {
    'json': ['', '{', 'nonsense', '[' * 2000],
    'shape': [
        '[]', '1', 'null',
        *(json.dumps({**GOOD['hold'], **each}) for each in (
            {'label': 2}, {'label': True}, {'label': 1.0}, {'label': None}, {'sequence': -1},
            {'sequence': 2**60}, {'clock': 'now'}, {'clock': 1e300}, {'clock': [1]},
        )),
        '{"type": "hold", "label": 1, "sequence": 1, "clock": NaN}',
        '{"type": "hold", "label": 1}',
        json.dumps({**GOOD['call'], 'id': 'x'}),
        json.dumps({**GOOD['set'], 'values': {'threshold': 'high'}}),
        json.dumps({**GOOD['features'], 'features': 'x'}),
        json.dumps({**GOOD['features'], 'features': ['x'] * 201}),
        json.dumps({**GOOD['features'], 'features': ['']}),
        json.dumps({**GOOD['features'], 'features': ['a\nb']}),
        json.dumps({**GOOD['features'], 'features': ['\ud800']}),
        json.dumps({**GOOD['look'], 'topics': ['/t'] * 9}),
        json.dumps({**GOOD['look'], 'list': 1}),
        json.dumps({**GOOD['look'], 'pictures': 1}),
        json.dumps({**GOOD['look'], 'still': -1}),
        *(json.dumps({**GOOD['paint'], **each}) for each in (
            {'label': -1}, {'label': True}, {'radius': 0}, {'radius': 0.2}, {'radius': None},
            {'points': []}, {'points': [[0.5]]}, {'points': [[0.5, 1.01]]}, {'points': [[True, 0]]},
            {'points': [{}]}, {'points': [[0, 0]] * 201}, {'points': 'x'}, {'stroke': 0.5},
            {'picture': None},
        )),
        json.dumps({**GOOD['undo'], 'picture': 'x'}),
    ],
    'unknown': [
        '{}', '{"type": "publish"}', '{"type": ["hold"]}',
        json.dumps({**GOOD['call'], 'service': 'shutdown'}),
        json.dumps({**GOOD['call'], 'service': ['train']}),
        json.dumps({**GOOD['set'], 'node': 'trainer'}),
        json.dumps({**GOOD['set'], 'node': '/other'}),
        json.dumps({**GOOD['set'], 'values': {'model_file': 1}}),
        json.dumps({**GOOD['set'], 'values': {}}),
    ],
    'too_long': ['x' * (MAX_BYTES + 1), 'ü' * 2100],
}  # fmt: skip


def test_what_is_well_said_is_understood():
    assert parse(json.dumps(GOOD['hold'])) == Hold(1, 7, 1.5)
    assert parse(json.dumps(GOOD['call'])) == Call(1, 'train')
    assert parse(json.dumps(GOOD['set'])) == Set(2, 'predictor', {'threshold': 0.4})
    assert parse(json.dumps(GOOD['features'])) == Set(
        3, 'featurizer', {'features': GOOD['features']['features']}
    )
    assert parse(json.dumps(GOOD['look'])) == Look(True, frozenset({'/imu'}), 0.0)
    still = {'type': 'look', 'pictures': True, 'still': 12, 'clock': 0}
    assert parse(json.dumps(still)) == Look(False, frozenset(), 0.0, pictures=True, still=12)
    stroke = Stroke(1, 0.02, ((0.5, 0.25), (1.0, 0.0)))
    assert parse(json.dumps(GOOD['paint'])) == Paint(4, 12, 0, stroke)
    assert parse(json.dumps(GOOD['undo'])) == Undo(5, 12)


@pytest.mark.parametrize(('reason', 'text'), [(k, text) for k, texts in BAD.items() for text in texts])
def test_anything_else_is_refused_by_its_reason(reason, text):
    with pytest.raises(RequestError) as refused:
        parse(text)
    assert refused.value.reason == reason
    assert len(str(refused.value)) < 300


@given(st.one_of(st.text(max_size=300), st.binary(max_size=300)))
def test_no_text_raises_anything_else(text):
    with pytest.raises(RequestError):
        parse(text)


@given(
    st.sampled_from(sorted(GOOD)),
    st.dictionaries(
        st.sampled_from(
            [
                'label',
                'sequence',
                'clock',
                'id',
                'service',
                'node',
                'values',
                'list',
                'topics',
                'points',
                'still',
            ]
        ),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
            ),
            max_leaves=5,
        ),
        max_size=4,
    ),
)
def test_no_mixture_raises_anything_else(kind, other):
    try:
        parse(json.dumps({**GOOD[kind], **other}))
    except RequestError as error:
        assert error.reason in BAD


def test_a_bad_frame_is_counted_and_the_server_lives():
    async def run():
        async with site() as robot:
            page = await robot.page()
            for reason in ('json', 'shape', 'unknown'):
                await page.connection.write_message(BAD[reason][1])
                assert (await page.hear('refused'))['reason'] == reason
            await page.connection.write_message(b'\xff\xfe', binary=True)
            assert (await page.hear('refused'))['reason'] == 'json'
            await page.connection.write_message('x' * 65_536)
            assert (await page.hear('refused'))['reason'] == 'too_long'
            await page.closed()
            assert page.connection.close_code == 1009
            counts = robot.server.counts
            assert [counts[f'refused/{each}'] for each in ('json', 'shape', 'unknown', 'too_long')] == [
                2,
                1,
                1,
                1,
            ]
            await (await robot.page()).hear('state')

    asyncio.run(run())


def test_too_many_messages_end_the_connection():
    async def run():
        async with site() as robot:
            page = await robot.page()
            for _ in range(300):
                await page.connection.write_message('{}')
            await page.closed()
            assert page.connection.close_code == 1008
            assert robot.server.counts['refused/too_many'] >= 1

    asyncio.run(run())


@pytest.mark.parametrize('service', SERVICES)
def test_a_call_gets_its_own_answer(service):
    async def run():
        async with site() as robot:
            page, other = await robot.page(), await robot.page()
            await page.say(type='call', id=42, service=service)
            await robot.until(lambda: robot.robot.asked)
            request, answer = robot.robot.asked[0]
            assert request == Call(42, service)
            answer(False, 'no <b>model</b>')
            heard = await page.hear('answer')
            assert heard == {'type': 'answer', 'id': 42, 'ok': False, 'text': 'no <b>model</b>'}
            await other.hear('state')
            assert not [each for each in other.messages if each['type'] == 'answer']

    asyncio.run(run())


def test_who_asks_on_and_on_is_told_to_wait():
    async def run():
        async with site() as robot:
            page = await robot.page()
            for number in range(9):
                await page.say(type='call', id=number, service='train')
            assert (await page.hear('refused'))['reason'] == 'busy'
            assert len(robot.robot.asked) == 8

    asyncio.run(run())


def test_an_answer_to_a_page_that_is_gone_is_dropped():
    async def run():
        async with site() as robot:
            page = await robot.page()
            await page.say(type='call', id=1, service='train')
            await robot.until(lambda: robot.robot.asked)
            page.connection.close()
            await robot.until(lambda: robot.server.n_clients == 0)
            robot.robot.asked[0][1](True, 'done')
            await (await robot.page()).hear('state')

    asyncio.run(run())
