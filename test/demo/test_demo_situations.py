# SPDX-License-Identifier: Apache-2.0
"""Bags as robots leave them in the demo: what is planned for them, and what is said before it starts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import rclpy

from binclf_ros.demo import main
from binclf_ros.demo.command import _checked, _parser
from binclf_ros.demo.prepare import Prepared, prepare
from binclf_ros.demo.processes import Processes

SITUATIONS = Path(__file__).resolve().parents[3] / 'shared' / 'data' / 'situations'
FEATURES = ['--features', 'std(/imu/data/angular_velocity/x, 0.5)']
LABEL = ['--label', '/label/data']
BUTTONS = ['--label-positive', '/joy/buttons[0]', '--label-negative', '/joy/buttons[1]']
# the parser of ROS interfaces imports lark, which imports what Python has deprecated
pytestmark = [
    pytest.mark.filterwarnings("ignore:module 'sre_:DeprecationWarning"),
    pytest.mark.skipif(not SITUATIONS.is_dir(), reason=f'no folder {SITUATIONS}'),
]


def prepared(name: str, *more: str) -> Prepared:
    return prepare(_checked(_parser().parse_checked(['--bag', str(SITUATIONS / name), *FEATURES, *more])))


def planned(found: Prepared) -> int:
    rclpy.init()
    try:
        course = found.course(Processes(), None)  # type: ignore[arg-type]  # nothing is shown
        try:
            return course._planned_samples()
        finally:
            course.close()
    finally:
        rclpy.shutdown()


@pytest.mark.parametrize(
    ('name', 'least', 'said'),
    [
        ('cut', 670, r'demo: .*cut.*mcap recover cut_0.mcap.*\n'),
        ('nometa', 675, r'demo: .* has no metadata.yaml: its files are read without it\n'),
        ('shortmsg', 670, r'demo: 1 message of /imu/data could not be read, and left out\n'),
        ('disorder', 675, ''),
        ('stamp0', 670, r'demo: the stamps of /imu/data are all 0: .* time of arrival; .*\n'),
    ],
)
def test_what_is_whole_of_a_bag_is_played_and_the_rest_is_told(
    name: str, least: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = prepared(name, *LABEL)
    captured = capsys.readouterr()
    assert re.fullmatch(said, captured.err), captured.err
    assert ('playing in real time' in captured.out) == (name == 'stamp0')
    assert found.title == f'{name}: /label/data'
    assert planned(found) >= least


def test_two_buttons_label_a_bag_as_they_label_live(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    params = tmp_path / 'p.yaml'
    params.write_text('/**: {featurizer: {ros__parameters: {label_timeout_sec: 0.0}}}')
    found = prepared('joychange', *BUTTONS, '--params', str(params))
    assert planned(found) == 675
    assert capsys.readouterr().err == ''
    assert planned(prepared('joychange', *BUTTONS)) < 675 / 2
    said = capsys.readouterr().err
    assert said.startswith('demo: the label comes every 2.0 s, label_timeout_sec is 0.5: ')
    assert said.count('\n') == 1


@pytest.mark.parametrize(
    ('name', 'more', 'said'),
    [
        ('cutz', LABEL, 'is compressed as a whole and is cut'),
        ('stamp0', [*LABEL, '--rate', '3'], '/imu/data goes by the time of arrival'),
        ('joychange', [*LABEL, *BUTTONS], 'label and label_positive or label_negative are both set'),
    ],
)
def test_what_cannot_be_played_is_one_sentence(
    name: str, more: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ['--bag', str(SITUATIONS / name), *FEATURES, *more, '--output', str(tmp_path)]
    assert main(arguments) == 2
    assert said in capsys.readouterr().err


def test_labels_have_the_words_of_the_parameters(tmp_path: Path) -> None:
    params = tmp_path / 'p.yaml'
    params.write_text('/**: {demo: {ros__parameters: {question: "which?", positive: yes it is}}}')
    found = prepared('disorder', *LABEL, '--params', str(params))
    assert (found.title, found.names) == ('which?', ('0', 'yes it is'))
