# SPDX-License-Identifier: Apache-2.0
"""The trainer: labelled samples in, models out."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable

from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Float64MultiArray, String
from std_srvs.srv import SetBool, Trigger

from ..core.arrays import Array
from ..core.clouds.labeled import LabeledClouds
from ..core.clouds.reader import CloudReader, LabeledPoints
from ..core.errors import DescentError, ModelError
from ..core.evaluation.intake import Intake
from ..core.evaluation.rival import Rival
from ..core.health.findings import ERROR, OK, WARN, WINDOW_SEC, Finding
from ..core.health.learning import find_of_trainer
from ..core.learning.feature_names import FeatureNames
from ..core.learning.memory import check_memory
from ..core.learning.model import Model
from ..core.learning.options import LearningOptions
from ..core.learning.status import LearningStatus
from ..core.learning.worker import Worker
from ..core.options import pick
from ..core.storage.durable_learner import DurableLearner
from ..core.storage.files import place_of
from ..core.storage.model_file import check_is_new
from ..ros.cloud_bytes import SerializedClouds
from ..ros.images import LabeledImages
from ..ros.messages import SerializedFeatures, model_to_msg
from ..ros.node import BinclfNode
from ..ros.options import TrainerParameters
from ..ros.process import run
from ..ros.qos import LABELED, LABELED_POINTS, MODEL
from ..ros.scoring import Scoring

REPEAT_MODEL_SEC = 1.0
RETRY_SEC = 1.0
MAX_NOTES = 5


class Trainer(BinclfNode[TrainerParameters]):
    """Learns from `labeled_features`, `labeled_points`, `labeled_image`; publishes `model` and curves."""

    def __init__(self) -> None:
        super().__init__('trainer', TrainerParameters, counted=('received', 'accepted'))
        self._samples = SerializedFeatures(labeled=True)
        self._points = CloudReader(self.parameters.point_features)
        self._clouds = LabeledClouds(
            self._points, SerializedClouds().read, self.counts, self._check_points, self._take_points
        )
        self._publishing = threading.Lock()
        self._forgotten = 0
        self._failures = {'learning': '', 'model_file': '', 'dataset_file': ''}
        self._notes: list[str] = []
        self._has_learned = False
        self._model_out = self.advertise(String, 'model', MODEL, sole=True)
        self._learner = self._restored_learner()
        self._names = FeatureNames(self._learner.names, self._check_memory)
        self._worker = Worker(
            self._learner,
            self.parameters.train_rate_hz,
            self.parameters.train_budget_sec,
            self._on_model,
            lambda text: self._on_failure('learning', text),
        )
        self._rival = Rival(pick(LearningOptions, self.parameters))
        if self._status.restored:
            self.log(self._status.restored)
        self._publish_model()
        self._scoring = Scoring(
            self, lambda: self._status.model, lambda: self._status.missing, self._forget_half, self._rival
        )
        self._intake = Intake(lambda: self._status.model, self._scoring.extend, self._stage, self._rival)
        self._subscribe_all()
        self._provide_services()
        self.every(REPEAT_MODEL_SEC, self._publish_model)
        self.every(RETRY_SEC, self._retry)
        self._worker.start()
        self._rival.start()

    def _subscribe_all(self) -> None:
        vectors, points = self.on_labeled_features, self.on_labeled_points
        self.subscribe(Float64MultiArray, 'labeled_features', vectors, LABELED, 'rejected', raw=True)
        self.subscribe(PointCloud2, 'labeled_points', points, LABELED_POINTS, 'rejected', raw=True)

    def _restored_learner(self) -> DurableLearner:
        """Return a learner that goes on where the files end."""
        files = self.parameters.model_file, self.parameters.dataset_file
        for place in filter(None, map(place_of, files)):
            self.log(place)
        options = pick(LearningOptions, self.parameters)
        learner = DurableLearner(uuid.uuid4().hex, options, *files, self._on_failure, self._on_note)
        learner.restore()
        return learner

    def _provide_services(self) -> None:
        LabeledImages(self, self._names.check, self._intake.take, self._forget)
        self.provide_service(Trigger, '~/train', self._train, self._worker.post)
        self.provide_service(SetBool, '~/pause', self._pause)
        self.provide_service(Trigger, '~/reset', self._reset, self._post_reset)
        self.provide_service(Trigger, '~/restart', self._restart, self._worker.post)
        self.provide_service(Trigger, '~/save', self._save, self._worker.post)
        self.provide_service(Trigger, '~/load', self._load, self._worker.post)

    def on_labeled_features(self, data: bytes) -> None:
        """Check one labelled sample, as it is on the wire, score it by the model in use, and stage it."""
        self.counts['received'] += 1
        names, values = self._samples.read(data)
        self._names.check(names)
        self._intake.take(names, values[None, :-1], values[-1:])

    def on_labeled_points(self, data: bytes) -> None:
        """Check one labelled cloud; the points that cannot be used are left out, and counted."""
        self._clouds.add(data)

    def _check_points(self, names: tuple[str, ...]) -> None:
        self.remark(self._points.is_stale, self._points.remarks())
        self._names.check(names)

    def _take_points(self, cloud: LabeledPoints) -> None:
        self._intake.take(cloud.names, cloud.X, cloud.y)

    def _check_memory(self, n_features: int) -> None:
        check_memory(n_features, self.parameters.buffer_capacity)

    def _forget(self, X: Array, y: Array) -> None:
        """Take back what was taught."""
        self._worker.post(lambda: self._learner.forget(X, y))

    def _stage(self, names: tuple[str, ...], X: Array, y: Array) -> None:
        self._worker.stage(names, X, y)
        self.counts['accepted'] += len(y)

    def on_parameters(self, new: TrainerParameters) -> None:
        """Hand the options to the worker. Raises ParameterError where there is no memory, StorageError."""
        if new.buffer_capacity > self.parameters.buffer_capacity:
            check_memory(len(self._names), new.buffer_capacity)
        if new.model_file != self.parameters.model_file:
            check_is_new(new.model_file)
            self._worker.post(lambda: self._learner.keep_model_in(new.model_file))
        self._scoring.resize(new.score_window)
        options = pick(LearningOptions, new)
        self._worker.configure(options, new.train_rate_hz, new.train_budget_sec)
        self._rival.configure(options)

    def status(self) -> tuple[int, str]:
        """Return how the learning goes."""
        status = self._status
        if failures := '; '.join(filter(None, self._failures.values())):
            return ERROR, failures
        if status.error:
            return WARN, status.error
        if self._notes:
            return WARN, '; '.join(self._notes)
        if status.model is None:
            return WARN, status.missing or 'the first descent is on its way'
        if drift := self._scoring.drift:
            return WARN, drift
        doing = 'paused' if self._worker.paused else 'learning'
        return OK, '; '.join(filter(None, (doing, status.note)))

    def find(self, now: float) -> list[Finding]:
        """Return that samples are refused, and that what is learned is of no use."""
        then = self.recent.before(now, WINDOW_SEC)
        refused = [] if then is None else find_of_trainer(self.counts, then[1], then[0], self.said)
        return [*refused, *self._scoring.find()]

    def activity(self) -> tuple[int, int]:
        """Return what changes while it learns."""
        return self._status.step, self._status.samples

    def values(self) -> dict[str, object]:
        """Return counts, the state of the learning and the scores."""
        status = self._status
        model, durable = status.model, status.acknowledged
        return {
            'acknowledged': self.counts['accepted'] - self._forgotten if durable is None else durable,
            'buffer': status.samples,
            'positives': status.positives,
            'step': status.step,
            'loss': model.loss if model else '',
            'converged': model.converged if model else False,
            'effective_samples': '' if model is None else model.effective_samples or '',
            **self._scoring.values(),
        }

    @property
    def _status(self) -> LearningStatus:
        """What the learner was last: all that this thread reads of it."""
        return self._worker.status

    def close(self) -> None:
        """End the descent and write what is not written yet."""
        self._rival.close()
        self._worker.close()
        self._learner.close()
        self._scoring.close()

    def _on_model(self, model: Model) -> None:
        """Publish a new model; called by the worker."""
        if not self._has_learned:
            self._has_learned = True
            self.log(f'the first model: step {model.step}, of {model.samples} samples')
        self._on_failure('learning', '')
        self.guarded(self._publish_model)()

    def _on_failure(self, kind: str, text: str) -> None:
        """Show what goes wrong as long as it does; '' is the end of it."""
        self._failures[kind] = text
        if text:
            self.warn_sometimes(kind, text)

    def _on_note(self, text: str) -> None:
        """Show what happened to a file, until a service brings the files into order."""
        self._notes = [*self._notes, text][-MAX_NOTES:]
        self.log(text, WARN)

    def _retry(self) -> None:
        if self._status.failing:
            self._worker.post(self._learner.retry)

    def _publish_model(self) -> None:
        with self._publishing:  # by turns, so that no older model goes out after a newer one
            model = self._status.model
            if model is not None:
                self._model_out.publish(model_to_msg(model))

    def _forget_half(self) -> None:
        self._worker.post(self._learner.forget_half)
        self._rival.forget_half()

    def _train(self, request: Trigger.Request) -> tuple[bool, str]:
        """Descend to convergence; run by the worker."""
        began = time.monotonic()
        try:
            fit = self._worker.train()
        except (DescentError, ModelError) as error:
            return False, json.dumps({'error': str(error)})
        self._publish_model()
        model = self._status.model
        loss = model.loss if model else None
        return fit.converged, json.dumps(fit.answer(loss, time.monotonic() - began))

    def _pause(self, request: SetBool.Request) -> tuple[bool, str]:
        self._worker.pause(request.data)
        self._rival.pause(request.data)
        return True, 'paused: collecting, not descending' if request.data else 'descending again'

    def _post_reset(self, command: Callable[[], None]) -> None:
        """Forget what is known here; samples that come from now on come after the command."""
        self._names.clear()
        self._scoring.clear()
        self._intake.clear()
        self._forgotten = self.counts['accepted']
        self._worker.post(command)

    def _reset(self, request: Trigger.Request) -> tuple[bool, str]:
        """Forget samples and model; run by the worker."""
        self._notes = []
        return True, self._worker.change(self._learner.reset, '~/reset')

    def _restart(self, request: Trigger.Request) -> tuple[bool, str]:
        """Descend again from new random weights; run by the worker."""
        return True, self._worker.change(self._learner.restart, '~/restart')

    def _save(self, request: Trigger.Request) -> tuple[bool, str]:
        """Write samples and model to their files; run by the worker."""
        done = self._learner.save()
        self._notes = []
        return done

    def _load(self, request: Trigger.Request) -> tuple[bool, str]:
        """Go on from what the files hold; run by the worker."""
        done = self._worker.change(lambda: self._learner.load(self._names.agree), '~/load')
        if done[0]:
            self._notes = []
            self._on_failure('learning', '')
            self._publish_model()
        return done


def main(arguments: list[str] | None = None) -> int:
    """Run the trainer to its end; return the exit code."""
    return run(Trainer, TrainerParameters, arguments)
