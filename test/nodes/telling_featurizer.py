# SPDX-License-Identifier: Apache-2.0
"""The featurizer, which tells on `taken` how many messages it has taken in, from when it is heard on."""

from __future__ import annotations

import sys

from std_msgs.msg import UInt64

from binclf_ros.nodes import featurizer
from binclf_ros.ros.qos import MODEL


class Telling(featurizer.Featurizer):
    def __init__(self):
        super().__init__()
        self._taken = 0
        self._told = self.advertise(UInt64, 'taken', MODEL)
        self.every(0.05, self._tell_that_it_is_heard)

    def _tell_that_it_is_heard(self):
        outputs = self._out._features_out, self._out._labeled_out
        if not self._taken and self._sampler and all(each.get_subscription_count() for each in outputs):
            self._told.publish(UInt64(data=0))

    def _on_message(self, topic):
        take_in = super()._on_message(topic)

        def on_message(data):
            take_in(data)
            self._taken += 1
            self._told.publish(UInt64(data=self._taken))

        return on_message


featurizer.Featurizer = Telling

if __name__ == '__main__':
    sys.exit(featurizer.main(sys.argv[1:]))
