# SPDX-License-Identifier: Apache-2.0
"""One featurizer that goes from test to test by parameters, and a book of what it has to show."""

from __future__ import annotations

import contextlib
from collections import Counter

from builtin_interfaces.msg import Time
from sensor_msgs.msg import Imu
from std_msgs.msg import Float64, Float64MultiArray

UNSET = {
    'label': '',
    'label_positive': '',
    'label_negative': '',
    'label_timeout_sec': 0.0,
    'label_delay_sec': 0.0,
    'trigger': '',
    'max_rate_hz': 0.0,
    'max_age_sec': 0.0,
}
COUNTED = ('sampled', 'labeled', 'dropped/', 'unlabeled/', 'unread/')


def at(ms, message):
    """Stamp a message, in milliseconds of its header."""
    message.header.stamp = Time(sec=ms // 1000, nanosec=ms % 1000 * 1_000_000)
    return message


def imu(ms, x):
    message = at(ms, Imu())
    message.angular_velocity.x = float(x)
    return message


class LiveFeaturizer:
    """Every sample of it has been heard since it was connected; what it counts starts there, too.

    `topics` are advertised before it is connected, so it knows them.
    """

    def __init__(self, ground, topics):
        self.ground = ground
        self.features, self.labeled = [], []
        self._names = '/connect/data'
        self._hear('features', self.features)
        self._hear('labeled_features', self.labeled)
        for topic, kind in {**topics, '/connect': Float64}.items():
            ground.publisher(kind, topic, subscribers=0)
        ground.start(
            'featurizer', features='["/connect/data"]', label='/connect/data', label_timeout_sec='0'
        )
        self.repeat(lambda: self.features and self.labeled, lambda: self.say('/connect', Float64(data=1.0)))
        ground.wait_for_reports('featurizer', 2)  # all of those are counted
        self.features.clear()
        self.labeled.clear()
        self._before = self._shown()
        self._closed = True

    def _hear(self, topic, heard):
        """Hear the samples of the features that are set now, none that are still on their way."""

        def on_sample(message):
            if message.layout.dim[0].label == self._names:
                heard.append(tuple(message.data))

        self.ground.node.create_subscription(Float64MultiArray, topic, on_sample, 1000)

    def _shown(self):
        shown = self.ground.status.get('featurizer', {}).items()
        return Counter({key: int(value) for key, value in shown if key.startswith(COUNTED)})

    def configure(self, features, names=None, counted=True, **parameters):
        """Sample by these parameters, and the defaults, from now on; the book begins again.

        `names` are those of the features, where they are not the expressions; `counted` says that the
        counts will be checked.
        """
        if counted and not self._closed:
            self.ground.wait_for_reports('featurizer', 2)
        parameters = {**UNSET, **parameters, 'features': features}
        assert self.ground.set_atomically('featurizer', parameters) == ''
        self._names = ','.join(names or features)
        self.features.clear()
        self.labeled.clear()
        self._before = self._shown()
        self._closed = False

    def say(self, topic, message):
        self.ground.publisher(type(message), topic, subscribers=0).publish(message)

    def repeat(self, condition, again, what=''):
        """Do it again until an effect is seen."""
        self.ground.wait_until(condition, what, meanwhile=again, every_sec=0.05)

    def say_all(self, topic, messages, key=lambda sample: sample[0]):
        """Send triggers of different readings, at a pace, until each of them is heard as a sample."""
        for message, reading in messages:
            self.say(topic, message)
            self.ground.wait_until(lambda r=reading: r in {key(x) for x in self.features}, f'{reading}')

    def check_counts(self, unlabeled, dropped=()):
        """Wait until the counts are those of what was heard, all else unlabelled or dropped as told.

        `unlabeled` returns how many samples are, by reason; it is asked again as more is heard.
        Triggers before a topic was heard at all, which were only to find out, do not matter.
        """

        def counts():
            counts = self._shown() - self._before
            return {k: v for k, v in counts.items() if not k.startswith('dropped/missing')}

        def expected():
            counts = {f'unlabeled/{reason}': count for reason, count in unlabeled().items()}
            counts.update({f'dropped/{reason}': count for reason, count in dict(dropped).items()})
            counts.update(sampled=len(self.features), labeled=len(self.labeled))
            return {k: v for k, v in counts.items() if v}

        with contextlib.suppress(AssertionError):  # it is told better here
            self.ground.wait_until(lambda: counts() == expected())
        assert counts() == expected()
        assert len(self.features) == len(self.labeled) + sum(unlabeled().values())
        self._closed = True
