# SPDX-License-Identifier: Apache-2.0
"""How well a trainer learns: scores and drift as topics, a threshold, a picture."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict

from std_msgs.msg import Float64
from std_srvs.srv import Trigger

from ..core.arrays import Array
from ..core.evaluation.progress import Progress
from ..core.evaluation.rival import Rival
from ..core.evaluation.scores import SCORES, Scores
from ..core.evaluation.thresholds import recommend
from ..core.evaluation.verdict import Learning, verdict
from ..core.health.findings import WARN, Finding
from ..core.learning.model import Model
from .messages import scalar_to_msg
from .node import BinclfNode
from .options import TrainerParameters
from .plot import Plot
from .qos import SCALAR

CURVES_SEC = 0.2
PROGRESS_SEC = 1.0
ADVICE = 'other features, or labels that are nearer to the moment, may tell the two apart'
AHEAD = 'score_ahead'
"""The accuracy over whole stretches of one label, each predicted by the model from before it."""
BESIDE = ('accuracy', 'log_loss')
"""Scores of the majority class that have a topic of their own."""


class Scoring:
    """Takes predictions in that were made before their label was learned from, and publishes their scores.

    `model` returns the one in use, `missing` what is missing before there is one; `forget` is called
    at an alarm where the parameter `on_drift` asks for it; `rival` says how the other map does.
    """

    def __init__(
        self,
        node: BinclfNode[TrainerParameters],
        model: Callable[[], Model | None],
        missing: Callable[[], str],
        forget: Callable[[], None],
        rival: Rival,
    ) -> None:
        self._node, self._model, self._missing, self._forget = node, model, missing, forget
        self._rival = rival
        self._scores = Scores(node.parameters.score_window)
        self._progress = Progress()
        self._drawn: object = None
        self._alarms = self._forgot_at = 0
        self._judged, self._verdict = 0, ''
        curves = ('loss', 'drift', AHEAD, *SCORES, *(f'majority_{name}' for name in BESIDE))
        self._curves = {name: node.advertise(Float64, f'~/{name}', SCALAR) for name in curves}
        node.provide_service(Trigger, '~/recommend_threshold', self._recommend_threshold)
        node.every(CURVES_SEC, self._publish_curves)
        node.every(CURVES_SEC, self._look_for_drift)
        node.every(PROGRESS_SEC, self._note_progress)
        node.every(PROGRESS_SEC, rival.work)
        self._plot = Plot(node, '~/plot', self._take_picture)

    def extend(self, y: Array, z: Array, ahead: Array, begins: bool, slope: float) -> None:
        """Take predictions in, as `Scores.extend` does."""
        self._scores.extend(y, z, ahead, begins, slope)
        self._progress.extend(y, z)

    def resize(self, window: int) -> None:
        """Look back on another number of samples."""
        self._scores.resize(window)

    def clear(self) -> None:
        """Forget all of them."""
        self._scores.clear()
        self._progress.clear()
        self._forgot_at = 0

    def close(self) -> None:
        """Let the picture that is being drawn come to its end."""
        self._plot.close()

    @property
    def drift(self) -> str:
        """What is to be said of drift; '' for nothing."""
        if not self._drifted:
            return ''
        drift = self._scores.drift
        done = ', half of the samples were let go' if self._node.parameters.on_drift == 'forget' else ''
        return f'drift, {drift.seen - drift.last} samples ago: {drift.how} has risen{done}'

    def values(self) -> dict[str, object]:
        """Return all scores: of the window, of all (`total_`), of the majority, and what was counted."""
        scores, tally, ahead = self._scores, self._scores.tally, self._scores.ahead()
        return {
            **({'plot': self._plot.problem} if self._plot.problem else {}),
            **scores.values(),
            **_named('majority_', scores.majority()),
            **_named('total_', scores.totals()),
            **_named('total_majority_', scores.majority_totals()),
            **_named('last_label_', scores.last_label(BESIDE)),
            **({AHEAD: ahead.accuracy, f'{AHEAD}_log_loss': ahead.log_loss} if ahead.stretches else {}),
            'label_changes': ahead.changes,
            **(
                {'maps': maps} if (maps := self._rival.describe(self._node.parameters.score_window)) else {}
            ),
            'drift_alarms': scores.drift.alarms,
            'drift_level': scores.drift.level,
            'drift_dependence': scores.drift.tau,
            'total_scored': tally.samples,
            'total_tn': tally.tn,
            'total_fp': tally.fp,
            'total_fn': tally.fn,
            'total_tp': tally.tp,
        }

    def find(self) -> list[Finding]:
        """Return that what is learned is no better than to say the more frequent label always."""
        return [Finding('verdict', self._verdict, holds=False)] if self._verdict else []

    @property
    def _drifted(self) -> bool:
        """Whether the last alarm is no further back than the scores look."""
        drift = self._scores.drift
        return drift.alarms > 0 and drift.seen - drift.last < self._node.parameters.score_window

    def _publish_curves(self) -> None:
        """Publish the curves that somebody draws, where there is anything new, and that are defined."""
        model = self._model()
        wanted = {name for name, out in self._curves.items() if out.get_subscription_count()}
        state = (model, self._node.counts['accepted'], wanted)
        if model is None or state == self._drawn:
            return
        self._drawn = state
        level = 1.0 if self._drifted else self._scores.drift.level
        values = {'loss': model.loss, 'drift': level, **self._scores.values(wanted)}
        if AHEAD in wanted:
            values[AHEAD] = self._scores.ahead().accuracy
        if beside := [name for name in BESIDE if f'majority_{name}' in wanted]:
            values.update(_named('majority_', self._scores.majority(beside)))
        for name in wanted & values.keys():
            if math.isfinite(values[name]):
                self._curves[name].publish(scalar_to_msg(values[name]))

    def _look_for_drift(self) -> None:
        """Log each alarm, and let old samples go where that is asked for."""
        drift = self._scores.drift
        if drift.alarms > self._alarms:
            self._node.log(f'drift: {drift.how} has risen', WARN)
            if self._node.parameters.on_drift == 'forget':
                self._forget_again(drift.seen)
        self._alarms = drift.alarms

    def _forget_again(self, seen: int) -> None:
        """Let half of the samples go, unless fewer than are held have come since that was done last.

        So the buffer never falls below half of what it held, however many alarms there are.
        """
        model = self._model()
        if not self._forgot_at or model is None or seen - self._forgot_at >= model.samples:
            self._forgot_at = seen
            self._forget()

    def _note_progress(self) -> None:
        model = self._model()
        if model is not None:
            self._progress.note(self._scores, model.loss)
        if self._judged != self._scores.tally.samples:
            self._judged = self._scores.tally.samples
            found = verdict(self._take_picture())
            self._verdict = '' if found.learns is not False else f'{found.text}: {ADVICE}'

    def _take_picture(self) -> Learning:
        name = self._node.get_fully_qualified_name()
        return Learning.of(name, self._scores, self._progress, self._model(), self._missing())

    def _recommend_threshold(self, request: Trigger.Request) -> tuple[bool, str]:
        """Answer with the threshold for the objective. Raises BinclfError, which becomes the answer."""
        advice = recommend(*self._scores.window(), self._node.parameters.threshold_objective)
        return True, json.dumps(asdict(advice))


def _named(prefix: str, values: dict[str, float]) -> dict[str, float]:
    return {prefix + name: value for name, value in values.items()}
