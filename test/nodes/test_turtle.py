# SPDX-License-Identifier: Apache-2.0
"""The example with the turtle, with the stand-in for turtlesim: is it on the blue?"""

from __future__ import annotations

from pathlib import Path

from geometry_msgs.msg import Twist
from std_msgs.msg import ColorRGBA, Int8

EXAMPLES = Path(__file__).resolve().parents[2] / 'examples'


def test_the_turtle_learns_the_blue_and_obeys(ground):
    params = ('--params-file', str(EXAMPLES / 'turtle.yaml'))
    ground.start_script([str(EXAMPLES / 'turtle.py')], 'turtlesim')
    for name in ('featurizer', 'trainer', 'predictor'):
        ground.start(name, *params)
    on_blue = ground.subscribe(ColorRGBA, '/turtle1/color_sensor', read=lambda m: m.b > 200)
    models, decisions = ground.hear_models(), ground.hear_decisions()
    label = ground.publisher(Int8, 'label')

    def teach():
        if on_blue:
            label.publish(Int8(data=int(on_blue[-1])))

    ground.wait_until(
        lambda: models and float(ground.shown('trainer', 'accuracy') or 0.0) > 0.9,
        'scores of a model that has learned it',
        meanwhile=teach,
        every_sec=0.05,
    )
    assert models[-1]['features'][0] == '/turtle1/color_sensor/r'

    teleop = ground.publisher(Twist, '/turtle1/cmd_vel')
    ground.wait_until(
        lambda: len(set(on_blue[-60:])) == 1 and set(decisions[-10:]) == {int(on_blue[-1])},
        'a turtle that stands still, and the right answer',
        meanwhile=lambda: teleop.publish(Twist()),
        every_sec=0.1,
    )
