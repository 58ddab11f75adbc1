# SPDX-License-Identifier: Apache-2.0
"""The classifier: featurizer and predictor in one process, on one executor."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from ..core.errors import BinclfError
from ..ros.executor import executor_of, spin
from ..ros.node import BinclfNode
from ..ros.options import KINDS, usage
from ..ros.outputs import DirectOutput
from ..ros.process import run_together
from ..ros.qos import LIVE
from .featurizer import Featurizer
from .predictor import Predictor

ABOUT = """Featurizer and predictor in one process: two nodes with the parameters of each.

-p NAME:=VALUE is for both, -p featurizer:NAME:=VALUE for one of them; in a namespace, a params file."""


class DirectPredictor(Predictor):
    """The predictor beside a featurizer, which hands it arrays; from `features` it answers others."""

    def __init__(self) -> None:
        self._echoes: deque[bytes] = deque(maxlen=LIVE.depth)
        super().__init__()

    def on_features(self, data: bytes) -> None:
        """Answer one sample, as it is on the wire, unless it was handed over already."""
        if data in self._echoes:
            self._echoes.remove(data)
        else:
            super().on_features(data)

    def output(self, node: BinclfNode[Any]) -> DirectOutput:
        """Return what a featurizer hands its samples over by; what goes wrong is counted here."""
        take = self.guarded(self.on_sample, 'rejected')
        return DirectOutput(node, take, self._echoes, self.parameters.classification)


def create() -> Iterator[BinclfNode[Any]]:
    """Make both nodes. Raises BinclfError where they ask for different executors."""
    predictor = DirectPredictor()
    yield predictor
    featurizer = Featurizer(predictor.output)
    yield featurizer
    wanted = featurizer.parameters.executor, predictor.parameters.executor
    if executor_of(wanted[0]) is not executor_of(wanted[1]):
        raise BinclfError(
            f'executor is {wanted[0]} for the featurizer and {wanted[1]} for the predictor, '
            'which share one: set the same for both'
        )


def about() -> str:
    """Return what `--help` says."""
    of_each = (f'\n{name}\n{usage(KINDS[name])}' for name in ('featurizer', 'predictor'))
    return '\n'.join([ABOUT, *of_each])


def main(arguments: list[str] | None = None) -> int:
    """Run both nodes to their end; return the exit code."""
    return run_together(create, about, arguments, lambda nodes: spin(nodes, nodes[0].parameters.executor))
