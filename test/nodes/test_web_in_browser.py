# SPDX-License-Identifier: Apache-2.0
"""A person at the page: chromium, and the real featurizer, trainer and predictor at an IMU of 100 Hz."""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path

import pytest
from browser import (
    FEATURES,
    LAPTOP,
    PHONE,
    PHONE_ON_ITS_SIDE,
    Ears,
    Sensor,
    browser,
    button,
    hold,
    opened,
    start_all,
    start_web,
    wait_for,
)
from ros_harness import LATCHED, model_dict
from std_msgs.msg import Int8, String

SIZES = {'phone': PHONE, 'phone on its side': PHONE_ON_ITS_SIDE, 'laptop': LAPTOP}


@pytest.fixture(scope='module')
def chrome():
    with browser() as launched:
        yield launched


@pytest.fixture(scope='module')
def graph(shared_ground):
    """The whole graph, a sensor, and the address of the page, for all tests of this file."""
    ground, sensor = shared_ground, Sensor(shared_ground)
    try:
        start_all(ground)
        _, address = start_web(ground)
        ground.wait_for_nodes('featurizer', 'trainer', 'predictor', 'web')
        ground.wait_until(lambda: ground.text['featurizer'].startswith('sampling'), 'samples')
        yield ground, sensor, address
    finally:
        sensor.end()


@pytest.fixture
def robot(graph):
    """The same, with nothing learned yet."""
    ground, sensor, _ = graph
    sensor.z = 0.0
    ground.drain()
    assert not ground.set_parameter('featurizer', 'features', list(FEATURES))
    assert not ground.set_parameter('featurizer', 'label', '/label/data')
    assert not ground.set_parameter('predictor', 'threshold', 0.5)
    assert ground.trigger('/trainer/reset')[0]
    return graph


def counts(ground):
    """Samples of YES and NO as the trainer has them, now."""
    for _ in range(5):
        ground.drain()  # what was said while the page was waited for
    ground.wait_for_reports('trainer')
    positives = ground.count('trainer', 'positives')
    return positives, ground.count('trainer', 'buffer') - positives


def test_two_fingers_teach_and_the_probability_follows(robot, chrome, record_property, latency):
    ground, sensor, address = robot
    with opened(chrome, address) as page, Ears(ground, Int8, '/label') as labels:
        sensor.z = 1.5
        page.wait_for_timeout(600)
        hold(page, 'YES', 4.0)
        released = time.monotonic()
        sensor.z = -1.5
        page.wait_for_timeout(600)
        hold(page, 'NO', 4.0)
        page.wait_for_timeout(700)
        yes, no = counts(ground)
        record_property('samples of two holds of 4 s at 100 Hz', f'YES {yes}, NO {no}')
        assert yes >= 150 and no >= 150  # a busy machine takes in fewer
        latency('samples of a hold of 4 s that are lacking of 300', 300 - min(yes, no), 0)
        assert labels.values()[-1] == -1 and labels.values().count(-1) == 2
        last = max(t for t, label in labels.heard if label == 1)
        latency('the last label after a release', last - released, 0.5)
        page.wait_for_timeout(1000)
        assert counts(ground) == (yes, no)
        assert page.inner_text('#count-yes') == str(yes) and page.inner_text('#count-no') == str(no)
        wait_for(page, "document.getElementById('verdict').textContent.startsWith('It learns')")
        for z, word in ((1.5, 'YES'), (-1.5, 'NO')):
            sensor.z = z
            wait_for(page, f"document.getElementById('decision').textContent === 'decides {word}'")
        assert '/imu/data/linear_acceleration/z' in page.inner_text('#weights li:first-child')
        assert page.complaints == []


def test_a_press_is_quick(robot, chrome, record_property, latency):
    ground, _, address = robot
    with opened(chrome, address) as page, Ears(ground, Int8, '/label') as labels:
        button(page, 'YES').hover()
        delays = []
        for _ in range(15):
            n = len(labels.heard)
            pressed = time.monotonic()
            page.mouse.down()
            while not [t for t, label in labels.heard[n:] if label == 1]:
                assert time.monotonic() < pressed + 10.0
                time.sleep(0.001)
            delays.append(next(t for t, label in labels.heard[n:] if label == 1) - pressed)
            page.mouse.up()
            page.wait_for_timeout(150)
        page.wait_for_timeout(800)
        page.evaluate("""() => {
            const [yes, count] = ['yes', 'count-yes'].map((id) => document.getElementById(id));
            window.counted = new Promise((resolve) => {
              let pressed = 0;
              yes.addEventListener('pointerdown', () => { pressed = performance.now(); });
              new MutationObserver(() => pressed && resolve(performance.now() - pressed))
                .observe(count, {childList: true, characterData: true, subtree: true});
            });
        }""")
        page.mouse.down()
        counted = page.evaluate('window.counted') / 1e3
        page.mouse.up()
    median = statistics.median(delays)
    record_property('press to /label', f'{median * 1e3:.0f} ms (median of {len(delays)})')
    record_property('press to the count on the page', f'{counted * 1e3:.0f} ms')
    latency('a press to /label', median, 0.05)
    latency('a press to the count on the page', counted, 0.3)


def test_whatever_lets_go_lets_go(robot, chrome):
    ground, _, address = robot
    with opened(chrome, address) as page, Ears(ground, Int8, '/label') as labels:

        def until(label):
            ends = time.monotonic() + 10.0
            while not labels.heard or labels.heard[-1][1] != label:
                assert time.monotonic() < ends, f'{label} never came'
                page.wait_for_timeout(10)

        lets_go = {
            'blur': "window.dispatchEvent(new Event('blur'))",
            'pagehide': "window.dispatchEvent(new Event('pagehide'))",
            'visibilitychange': "document.dispatchEvent(new Event('visibilitychange'))",
            'pointercancel': ("yes.dispatchEvent(new PointerEvent('pointercancel', {pointerId: 1}))"),
        }
        for name, script in lets_go.items():
            page.wait_for_selector('#yes:not([disabled])')
            button(page, 'YES').hover()
            page.mouse.down()
            until(1)
            page.evaluate(script)
            until(-1)
            n = len(labels.heard)
            page.wait_for_timeout(250)
            assert len(labels.heard) == n, f'{name}: something goes on'
            page.mouse.up()
        page.wait_for_selector('#yes:not([disabled])')
        page.keyboard.down('0')
        until(0)
        page.keyboard.down('1')  # both: nothing
        until(-1)
        page.keyboard.up('0')
        until(1)
        page.keyboard.up('1')
        until(-1)
        page.focus('#window')
        page.keyboard.press('1')  # typed, not taught
        page.wait_for_timeout(200)
        assert labels.heard[-1][1] == -1


def test_a_page_that_is_frozen_holds_nothing(robot, chrome, record_property, latency):
    ground, _, address = robot
    with opened(chrome, address) as page, Ears(ground, Int8, '/label') as labels:
        button(page, 'YES').hover()
        page.mouse.down()
        page.wait_for_timeout(500)
        froze = time.monotonic()
        page.evaluate('() => { const end = performance.now() + 1500; while (performance.now() < end); }')
        thawed = time.monotonic()
        last = max(t for t, label in labels.heard if label == 1 and t < thawed - 0.3)
        record_property('the last label after the page froze', f'{last - froze:.2f} s')
        latency('the last label after the page froze', last - froze, 0.5)
        assert -1 in labels.values(), 'it went on while the page was frozen'
        page.mouse.up()


def test_two_people_who_disagree_are_told_so(robot, chrome):
    _, _, address = robot
    with opened(chrome, address) as one, opened(chrome, address, PHONE) as other:
        button(one, 'YES').hover()
        button(other, 'NO').hover()
        one.mouse.down()
        one.wait_for_selector('#said:has-text("YES is being taught.")')
        other.wait_for_selector('#said:has-text("YES is being taught by another page.")')
        other.mouse.down()
        one.wait_for_selector('#said:has-text("Two people hold different buttons")')
        one.mouse.up()
        other.wait_for_selector('#said:has-text("NO is being taught.")')
        other.mouse.up()
        one.wait_for_selector('#said:has-text("Hold a button to teach.")')


def test_what_can_be_done_on_the_page(robot, chrome):
    ground, _, address = robot
    with opened(chrome, address) as page:
        wait_for(page, "document.getElementById('threshold-value').textContent === '0.50'")
        page.focus('#threshold')
        page.keyboard.press('ArrowRight')
        page.wait_for_selector('#said:has-text("The threshold is 0.51 now.")')
        assert ground.parameter_values('predictor', 'threshold') == [0.51]
        button(page, 'Pause').click()
        page.wait_for_selector('#pause[aria-pressed=true]') if ground.text['trainer'] == 'paused' else None
        hold(page, 'YES', 0.6)
        wait_for(page, "Number(document.getElementById('count-yes').textContent) > 10")
        reset = page.locator('#reset')
        reset.click()
        assert 'Tap again' in reset.inner_text() and 'there is no file' in reset.inner_text()
        assert counts(ground)[0] > 10
        reset.click()
        wait_for(page, "document.getElementById('count-yes').textContent === '0'")
        assert counts(ground) == (0, 0)
        button(page, 'Recommend a threshold').click()
        page.wait_for_selector('#said:has-text("recommend_threshold:")')
        assert page.complaints == []


def test_features_are_ticked_applied_and_refused_by_the_node_itself(robot, chrome):
    ground, _, address = robot
    ground.set_parameter('featurizer', 'features', ['/imu/data/linear_acceleration/y'])
    with opened(chrome, address) as page:
        page.wait_for_selector('#chosen li:has-text("/imu/data/linear_acceleration/y")')
        page.get_by_role('button', name='/imu/data sensor_msgs/msg/Imu').click()
        page.get_by_role('button', name='std of /imu/data/linear_acceleration/z', exact=True).click()
        page.get_by_role('button', name='Remove /imu/data/linear_acceleration/y', exact=True).click()
        page.get_by_role('button', name='max of /imu/data/orientation_covariance', exact=True).click()
        button(page, 'Apply to the robot').click()
        page.wait_for_selector('#said:has-text("The featurizer samples by these features now.")')
        wanted = ['std(/imu/data/linear_acceleration/z, 1.0)', 'max(/imu/data/orientation_covariance)']
        assert ground.parameter_values('featurizer', 'features', 'label') == [wanted, '/label/data']
        page.evaluate("document.getElementById('window').value = '-1'")
        page.evaluate("document.getElementById('window').dispatchEvent(new Event('change'))")
        page.get_by_role('button', name='min of /imu/data/linear_acceleration/x', exact=True).click()
        button(page, 'Apply to the robot').click()
        page.wait_for_selector('#refusal:not([hidden])')
        assert 'min(/imu/data/linear_acceleration/x, -1.0)' in page.inner_text('#refusal')
        assert ground.parameter_values('featurizer', 'features') == [wanted]
        button(page, 'Copy as YAML').click()
        page.wait_for_selector('#yaml:not([hidden])')
        import yaml

        written = yaml.safe_load(page.input_value('#yaml'))['/**']
        assert written['featurizer']['ros__parameters']['features'][:2] == wanted
        assert written['featurizer']['ros__parameters']['label'] == '/label/data'
        assert page.complaints == []


def test_names_from_outside_are_text(robot, chrome):
    ground, _, address = robot
    evil = '<img src=x onerror="document.title=\'taken\'">'
    with opened(chrome, address) as page:
        model = model_dict(run='evil', features=[evil, 'x'])
        ground.publisher(String, 'model', LATCHED).publish(String(data=json.dumps(model)))
        page.wait_for_selector('#weights:has-text("<img")')
        assert page.locator('img').count() == 0
        assert page.title() == 'Teach the robot'


@pytest.mark.parametrize('dark', [False, True], ids=['light', 'dark'])
@pytest.mark.parametrize('size', SIZES.values(), ids=SIZES)
def test_nobody_is_shut_out(robot, chrome, size, dark):
    axe = pytest.importorskip('axe_playwright_python.sync_playwright', reason='axe is not installed').Axe()
    _, _, address = robot
    with opened(chrome, address, size, dark, has_touch=size != LAPTOP) as page:
        hold(page, 'YES', 0.6)
        page.wait_for_timeout(300)
        for view in ('Teach', 'Sensors', 'Robot', 'Paint'):
            if size != LAPTOP or view == 'Paint':
                button(page, view).click()
                page.wait_for_timeout(200)
            if view == 'Sensors':
                page.get_by_role('button', name='/imu/data sensor_msgs/msg/Imu').click()
                page.wait_for_selector('.chips')
            found = axe.run(page).response['violations']
            assert found == [], json.dumps(found, indent=1)[:3000]
            small = page.evaluate("""() => [...document.querySelectorAll('button, input')]
                .filter((e) => e.offsetParent && (e.offsetHeight < 44 || e.offsetWidth < 44))
                .map((e) => e.outerHTML)""")
            assert small == [], 'targets below 44 px'
            sideways = page.evaluate('document.documentElement.scrollWidth > innerWidth')
            assert not sideways, f'{view} scrolls sideways'
        assert page.complaints == []


def test_the_page_of_a_server_that_is_gone_says_so_and_comes_back(ground, chrome, tmp_path):
    token = tmp_path / 'token'
    process, address = start_web(ground, token_file=str(token))
    port = address.split(':')[2].split('/')[0]
    with opened(chrome, address, PHONE) as page:
        process.end()
        page.wait_for_selector('body[data-link=closed]')
        assert page.locator('#yes').is_disabled()
        assert 'connection lost' in page.inner_text('#link')
        start_web(ground, token_file=str(token), port=port)
        page.wait_for_selector('body[data-link=open]')
        assert not page.locator('#yes').is_disabled()
        ground.processes[-1].end()
        Path(token).unlink()
        start_web(ground, token_file=str(token), port=port)
        page.wait_for_selector('body[data-link=refused]')
        assert 'open the printed address again' in page.inner_text('#link')


def test_a_trainer_that_dies_and_comes_back(robot, chrome, record_property, latency):
    ground, _, address = robot
    with opened(chrome, address) as page:
        trainer = next(each for each in ground.processes if each.name == 'trainer')
        page.wait_for_selector(
            '#health li:has-text("trainer"):has-text("OK"), #health li:has-text("trainer WARN")'
        )
        trainer.kill()
        ground.processes.remove(trainer)
        killed = time.monotonic()
        wait_for(page, "document.getElementById('verdict').textContent.includes('the trainer is gone')")
        took = time.monotonic() - killed
        record_property('a killed trainer is said to be gone', f'after {took:.1f} s')
        latency('a killed trainer is said to be gone', took, 3.0)
        page.wait_for_selector('#health li:has-text("trainer"):has-text("gone")')
        ground.start('trainer')
        page.wait_for_selector('#health li:has-text("trainer"):not(:has-text("gone"))')
        hold(page, 'YES', 0.5)
        wait_for(page, "Number(document.getElementById('count-yes').textContent) > 10")
        assert page.complaints == []
