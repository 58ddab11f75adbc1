# SPDX-License-Identifier: Apache-2.0
"""The predictor: features and a model in, probability and decision out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Float64, Float64MultiArray, Header, String, UInt8

from ..core.arrays import Array, Floats
from ..core.clouds.reader import CloudReader
from ..core.errors import ModelError, SampleError
from ..core.evaluation.ask import Ask
from ..core.health.findings import ERROR, OK, WARN, Finding, Pulse
from ..core.health.learning import find_of_predictor, find_outside, nothing_to_answer
from ..core.learning.followed import Followed
from ..core.learning.losses import sigmoid_of
from ..core.learning.model import Model
from ..core.learning.taught import Taught
from ..core.storage.files import place_of
from ..core.storage.model_file import ModelFile, check_is_new
from ..core.text import difference
from ..ros.classification import ClassificationOutput
from ..ros.cloud_bytes import Cloud, SerializedClouds
from ..ros.cloud_writer import CloudWriter
from ..ros.images import ImageAnswers
from ..ros.messages import (
    SerializedFeatures,
    check_values,
    decision_to_bytes,
    model_from_msg,
    probability_to_bytes,
    scalar_to_msg,
)
from ..ros.node import BinclfNode
from ..ros.options import PredictorParameters
from ..ros.process import run
from ..ros.qos import CLOUDS_OUT, LIVE, MODEL, OUT, SCALAR

EXPLAIN_SEC = 0.2
ASK_SEC = 1.0
MAX_LOOKED_AT = 4096
"""At most this many points of a cloud are compared with the range taught, where all are answered."""
CHATTER_SEC = 1.0
COUNTED = ('received', 'answered', 'outside', 'flips', 'chatter')


class Predictor(BinclfNode[PredictorParameters]):
    """Answers by the newest good `model`.

    `features` with `probability` and `decision`; `points` with `classified_points`, `image` with
    `classified_image`.
    """

    def __init__(self) -> None:
        super().__init__('predictor', PredictorParameters, counted=COUNTED)
        self._features = SerializedFeatures()
        self._names: tuple[str, ...] = ()
        self._pulse = Pulse()
        self._decision = 0
        self.on_parameters(self.parameters)
        self._followed = Followed()
        self._text = ''
        self._flipped = -math.inf
        self._newest: tuple[tuple[str, ...], Array] | None = None
        self._refused = self._failure = ''
        self._score: Callable[[Array], float] = lambda x: math.nan
        self._taught: Taught | None = None
        if place := place_of(self.parameters.model_file):
            self.log(place)
        self._keeper = ModelFile(self.parameters.model_file, self._on_failure)
        self._probability_out = self.advertise(Float64, 'probability', OUT, sole=True)
        self._points_out = self.advertise(PointCloud2, 'classified_points', CLOUDS_OUT, sole=True)
        self._clouds, self._reader, self._writer = SerializedClouds(), CloudReader(), CloudWriter()
        self._decision_out = self.advertise(UInt8, 'decision', OUT, sole=True)
        self._classification = ClassificationOutput(self, self.parameters.classification)
        self._explanation_out = self.advertise(String, '~/explanation', OUT)
        self._ask_out = self.advertise(Float64, '~/ask', SCALAR)
        self._ask = Ask(ASK_SEC)
        self._said_outside = ''
        self._load()
        self.subscribe(Float64MultiArray, 'features', self.on_features, LIVE, 'rejected', raw=True)
        self.subscribe(PointCloud2, 'points', self.on_points, LIVE, 'rejected', raw=True)
        ImageAnswers(self, lambda: self._model)
        self.subscribe(String, 'model', self.on_model, MODEL, 'model_rejected')
        self.every(EXPLAIN_SEC, self._explain)

    @property
    def _model(self) -> Model | None:
        return self._followed.model

    def on_parameters(self, new: PredictorParameters) -> None:
        """Take over the threshold, and where the model is kept. Raises StorageError."""
        if new.model_file != self.parameters.model_file:
            check_is_new(new.model_file)
            self._keeper = ModelFile(new.model_file, self._on_failure)
            if self._model is not None:
                self._keeper.keep(self._model)
        self._lower, self._upper = new.threshold - new.hysteresis, new.threshold + new.hysteresis

    def on_features(self, data: bytes) -> None:
        """Answer one sample, as it is on the wire."""
        self.counts['received'] += 1
        self._answer(*self._features.read(data))

    def on_sample(self, names: tuple[str, ...], x: Array, header: Header | None) -> None:
        """Answer one sample of a featurizer in this process, x (N,) of these names."""
        self.counts['received'] += 1
        check_values(x)
        self._answer(names, x, header)

    def _answer(self, names: tuple[str, ...], x: Array, header: Header | None = None) -> None:
        """Publish probability and decision of x (N,). Raises SampleError."""
        if names is not self._names:
            self._check_names(names)
        z = self._score(x)
        if z != z:
            raise SampleError('not_finite', 'w·x + b is not a number: the values are too large')
        probability = sigmoid_of(z)
        self._newest = names, x
        if self._taught is not None and self._taught.leaves(x):
            self._on_outside(x)
            if self.parameters.on_outside == 'answer':
                self._decide(probability)
        else:
            self._decide(probability)
        self._ask.add(probability)
        if (
            self._probability_out.get_subscription_count()
        ):  # to ask takes a twentieth of the time to publish
            self._probability_out.publish(probability_to_bytes(probability))
        if self._decision_out.get_subscription_count():
            self._decision_out.publish(decision_to_bytes(self._decision))
        self._classification.publish(probability, header)
        self.counts['answered'] += 1

    def on_points(self, data: bytes) -> None:
        """Answer the points of a cloud; one that is not finite has probability NaN and decision 0."""
        self.counts['received'] += 1
        model = self._model
        if model is None:
            raise SampleError('no_model', 'no model yet: nothing is published')
        cloud = self._clouds.read(data)
        probability = self._reader.predict_proba(cloud, model)
        self._look_outside(cloud, model, probability)
        if self._points_out.get_subscription_count():
            self._points_out.publish(self._writer.write(cloud, probability, self.parameters.threshold))
        if len(probability) == 1:
            self._classification.publish_of_cloud(float(probability[0]), data)
        self.counts['points'] += len(probability)
        self.counts['points_not_finite'] += self._reader.n_unusable
        self.remark(self._reader.is_stale, self._reader.remarks())
        self.counts['answered'] += 1

    def _on_outside(self, x: Array) -> None:
        """Count a sample outside of what was taught. Raises SampleError where it is to be silent."""
        assert self._taught is not None
        self.counts['outside'] += 1
        self._said_outside = self._taught.describe(x, self._names)
        if self.parameters.on_outside == 'silent':
            raise SampleError('outside', self._said_outside)

    def _look_outside(self, cloud: Cloud, model: Model, probability: Floats) -> None:
        """Count the points outside of what was taught; where they are to be silent, each is NaN.

        All are looked at where it matters to the answer, else one in so many stands for the others.
        """
        if model.taught is None:
            return
        silent = self.parameters.on_outside == 'silent'
        stride = 1 if silent else max(1, len(probability) // MAX_LOOKED_AT)
        outside = self._reader.outside(cloud, model.taught, stride)
        self.counts['points_outside'] += stride * int(np.count_nonzero(outside))
        if silent:
            probability[outside] = math.nan

    def on_model(self, message: String) -> None:
        """Take over a good model, whole; refuse any other, and go on with the one in use."""
        if self._text and message.data == self._text:  # a repeat, as most are: nothing to read
            self._followed.heard_sec, self._refused = time.monotonic(), ''
            return
        try:
            model = model_from_msg(message)
            self._followed.check(model, time.monotonic())
        except ModelError as error:
            self._refused = f'model refused ({error.reason}): {error}'
            raise
        self._followed.heard_sec, self._text = time.monotonic(), message.data
        self._refused = ''
        if self._followed.is_new(model):
            self._use(model)
            self._keeper.keep(model)

    def status(self) -> tuple[int, str]:
        """Return by which model it answers, and what is wrong with that."""
        if self._failure:
            return ERROR, self._failure
        if self._refused:
            return WARN, self._refused
        if self._model is None:
            return WARN, f'no model yet{self._keeper.missing}: nothing is published'
        if self._followed.heard_sec is None:
            return OK, 'answering by the model file; there is no trainer'
        if self._followed.is_silent(time.monotonic()):
            return WARN, 'trainer gone: answering by its last model'
        return OK, 'answering'

    def find(self, now: float) -> list[Finding]:
        """Return what keeps it from answering lately."""
        self._pulse.look(now, self.counts['received'])
        found = list(self._classification.findings)
        if self._model is None:
            return found
        if silent := nothing_to_answer(self._pulse, now):
            return found + silent
        then = self.recent.before(now, self._pulse.window_sec)
        if then is None:
            return found
        found += find_of_predictor(self.counts, then[1], then[0], self.said)
        return [*found, *find_outside(self.counts, then[1], then[0], self._said_outside)]

    def values(self) -> dict[str, object]:
        """Return which model is in use."""
        model = self._model
        return {
            'model_run': model.run if model else '',
            'model_step': model.step if model else '',
            'model_age_sec': max(0.0, time.time() - model.stamp) if model else '',
        }

    def close(self) -> None:
        """Write the model file."""
        self._keeper.close()

    def _check_names(self, names: tuple[str, ...]) -> None:
        """Raise SampleError for other features than the model's; those are not looked at again."""
        if self._model is None:
            raise SampleError('no_model', 'no model yet: nothing is published')
        wanted = self._model.features
        if names != wanted:
            raise SampleError('names' if len(names) == len(wanted) else 'length', difference(names, wanted))
        self._names = names

    def _decide(self, probability: float) -> None:
        """Decide 1 at and above the threshold; inside the dead band, what was decided before."""
        before = self._decision
        if probability >= self._upper:
            self._decision = 1
        elif probability < self._lower:
            self._decision = 0
        if self._decision != before and self.counts['answered']:
            self._count_flip()

    def _count_flip(self) -> None:
        """Count decisions that differ from the one before, and as chatter those soon after another."""
        now = time.monotonic()
        self.counts['flips'] += 1
        self.counts['chatter'] += now - self._flipped < CHATTER_SEC
        self._flipped = now

    def _explain(self) -> None:
        """Say what made the newest decision, and how much a label would teach, while somebody listens."""
        worth = self._ask.look(time.monotonic())
        if worth is not None and self._ask_out.get_subscription_count():
            self._ask_out.publish(scalar_to_msg(worth))
        newest, self._newest = self._newest, None
        if newest is None or not self._explanation_out.get_subscription_count():
            return
        (names, x), model = newest, self._model
        if model is not None and names == model.features:
            self._explanation_out.publish(String(data=model.explain(x)))

    def _use(self, model: Model) -> None:
        self._score, self._taught = model.forward.score, model.taught
        self._names = ()
        self._reader = CloudReader.of_model(model.features)
        if said := self._followed.take(model):
            self.log(said)

    def _load(self) -> None:
        model, self._refused = self._keeper.recover()
        if self._refused:
            self.log(self._refused, ERROR)
        if model is not None:
            self._use(model)

    def _on_failure(self, text: str) -> None:
        self._failure = text


def main(arguments: list[str] | None = None) -> int:
    """Run the predictor to its end; return the exit code."""
    return run(Predictor, PredictorParameters, arguments)
