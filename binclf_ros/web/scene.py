# SPDX-License-Identifier: Apache-2.0
"""What is known of the robot now: the thread of ROS writes it, that of the server reads it."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .bins import Bins, index_at

SILENT_SEC = 2.5
"""After which a node that reports once a second is taken for gone."""
FORGET_ASK_SEC = 3.0
ROLES = ('featurizer', 'trainer', 'predictor')
SCORES = ('accuracy', 'balanced_accuracy', 'log_loss', 'auc', 'majority_accuracy', 'majority_log_loss')
NUMBERS = (
    'step', 'loss', 'drift_alarms', 'drift_level', 'total_scored', 'score_window', 'sampled', 'labeled',
)  # fmt: skip
ERROR = 2


@dataclass(frozen=True)
class Status:
    """The newest diagnostics of a node: `level` is 0 OK, 1 WARN, 2 ERROR; received at a time (s)."""

    level: int
    text: str
    values: Mapping[str, str]
    received_sec: float


class Scene:
    """Everything that the page shows. Times are in seconds, of one clock; each method takes the lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bins = Bins()
        self._statuses: dict[str, Status] = {}
        self._reported = [0, 0]
        self._since = [0, 0]
        self._parameters: dict[str, dict[str, Any]] = {}
        self._notes: dict[str, tuple[Any, float]] = {}
        self._model: dict[str, Any] | None = None
        self._model_number = 0
        self._topics: list[dict[str, Any]] = []
        self._values: dict[str, dict[str, Any]] = {}
        self._pictures: dict[int | None, tuple[int, dict[str, Any]]] = {}
        self._picture_number = 0

    def add_probability(self, probability: float, now: float) -> None:
        """Take a probability in."""
        with self._lock:
            self._bins.add(probability, now)

    def add_decision(self, decision: int, now: float) -> None:
        """Take a decision in."""
        with self._lock:
            self._bins.decide(decision, now)

    def add_label(self, label: int, now: float) -> None:
        """Count a labelled sample."""
        with self._lock:
            self._bins.label(label, now)
            self._since[label] += 1

    def add_status(self, role: str, status: Status) -> None:
        """Take the diagnostics of a node in; those of the trainer are what the counts start from."""
        with self._lock:
            self._statuses[role] = status
            if role == 'trainer':
                positives, buffer = (_whole(status.values.get(key)) for key in ('positives', 'buffer'))
                self._reported, self._since = [buffer - positives, positives], [0, 0]

    def set_parameters(self, role: str, values: Mapping[str, Any]) -> None:
        """Take the parameters of a node in."""
        with self._lock:
            self._parameters[role] = dict(values)

    def note(self, name: str, value: Any, now: float) -> None:
        """Take in what counts for a few seconds: `ask`, and the `activity` that the demo plays."""
        with self._lock:
            self._notes[name] = value, now

    def set_model(self, model: dict[str, Any]) -> None:
        """Take a model in, as the page shows it."""
        with self._lock:
            self._model, self._model_number = model, self._model_number + 1

    def set_topics(self, topics: list[dict[str, Any]], values: dict[str, dict[str, Any]]) -> None:
        """Take in the list of topics, and what those say that are looked into."""
        with self._lock:
            self._topics, self._values = topics, values

    def set_picture(self, still: int | None, picture: dict[str, Any]) -> None:
        """Take in the newest picture (None), or what is new of one that stands still."""
        with self._lock:
            self._picture_number += 1
            self._pictures[still] = self._picture_number, picture

    def keep_pictures(self, stills: frozenset[int | None]) -> None:
        """Forget all other pictures."""
        with self._lock:
            self._pictures = {key: each for key, each in self._pictures.items() if key in stills}

    def picture(self, still: int | None) -> tuple[int, dict[str, Any] | None]:
        """Return the newest picture, or what is new of one that stands still, and a number that grows."""
        with self._lock:
            return self._pictures.get(still, (0, None))

    def bins(self, after: int, now: float) -> list[list[Any]]:
        """Return the rows of the bins after this one."""
        with self._lock:
            return self._bins.since(after, now)

    def model(self) -> tuple[int, dict[str, Any] | None]:
        """Return the model and its number, which grows with each."""
        with self._lock:
            return self._model_number, self._model

    def topics(self) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
        """Return the list of topics, and the values by topic."""
        with self._lock:
            return self._topics, self._values

    def state(self, now: float) -> dict[str, Any]:
        """Return what all clients are told, but for the bins."""
        with self._lock:
            trainer = self._statuses.get('trainer')
            values = trainer.values if trainer else {}
            negatives, positives = (a + b for a, b in zip(self._reported, self._since))
            return {
                'type': 'state',
                'now': index_at(now),
                'counts': {'yes': positives, 'no': negatives},
                'nodes': [self._node(role, now) for role in (*ROLES, 'web')],
                'scores': {name: _number(values.get(name)) for name in SCORES},
                'numbers': {name: _number(values.get(name)) for name in NUMBERS},
                'parameters': self._parameters,
                **{name: self._newest(name, now) for name in ('ask', 'activity')},
            }

    def _node(self, role: str, now: float) -> dict[str, Any]:
        status = self._statuses.get(role)
        if status is None:
            return {'name': role, 'level': ERROR, 'text': 'no diagnostics yet', 'alive': False}
        silent = now - status.received_sec
        if silent > SILENT_SEC:
            text = f'gone: silent for {silent:.0f} s'
            return {'name': role, 'level': ERROR, 'text': text, 'alive': False}
        return {'name': role, 'level': status.level, 'text': status.text, 'alive': True}

    def _newest(self, name: str, now: float) -> Any:
        value, noted = self._notes.get(name, (None, -math.inf))
        return value if now - noted < FORGET_ASK_SEC else None


def _whole(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0


def _number(text: str | None) -> float | None:
    """Return a number of diagnostics; None where there is none, or it is not finite."""
    try:
        value = float(text or '')
    except ValueError:
        return None
    return value if math.isfinite(value) else None
