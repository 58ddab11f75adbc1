# SPDX-License-Identifier: Apache-2.0
"""The demo's own node: it publishes what a robot would, and hears what the nodes make of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.client import Client
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from std_msgs.msg import Float64, Float64MultiArray, String, UInt8
from std_srvs.srv import Trigger

from ..core.learning.model import Model
from ..ros.messages import model_from_msg
from ..ros.qos import LABELED, MODEL, OUT, SCALAR
from .errors import DemoFailed

SLICE_SEC = 0.05
SERVICE_SEC = 60.0


@dataclass
class Heard:
    """What the nodes have said so far."""

    model: Model | None = None
    accuracy: float | None = None
    losses: list[tuple[float, float]] = field(default_factory=list)
    """Time (s, on the monotonic clock) and loss of the model on the samples it was fitted to."""
    log_losses: list[tuple[float, float]] = field(default_factory=list)
    """The same of samples that were predicted before they were taught."""
    labeled: int = 0
    """Labelled samples on their way to the trainer, or there."""
    probability: float | None = None
    decision: int | None = None
    decided_at: float = 0.0
    """When the decision came (s, `time.perf_counter`)."""
    status: dict[str, dict[str, str]] = field(default_factory=dict)
    """Node → what its newest diagnostics show."""
    levels: dict[str, int] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)


class Player:
    """Publishes messages of `kinds`, topic → class; `watch` is called while it waits.

    `close` takes it down.
    """

    def __init__(self, kinds: Mapping[str, Any], watch: Callable[[], None]) -> None:
        self.heard = Heard()
        self._watch = watch
        self._count = 0
        self._node = Node('demo')
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._out = {topic: self._node.create_publisher(kind, topic, OUT) for topic, kind in kinds.items()}
        hear = self._node.create_subscription
        hear(UInt8, 'decision', self._on_decision, OUT)
        hear(Float64, 'probability', self._on_probability, OUT)
        hear(Float64, 'trainer/loss', self._on_loss, SCALAR)
        hear(Float64, 'trainer/log_loss', self._on_log_loss, SCALAR)
        hear(Float64, 'trainer/accuracy', self._on_accuracy, SCALAR)
        hear(Float64MultiArray, 'labeled_features', self._on_labeled, LABELED)
        hear(String, 'model', self._on_model, MODEL)
        hear(DiagnosticArray, '/diagnostics', self._on_diagnostics, SCALAR)

    def close(self) -> None:
        """Take the node down."""
        self._executor.shutdown()
        self._node.destroy_node()

    def publish(self, topic: str, message: Any) -> None:
        """Publish one message, or its raw CDR bytes."""
        self._out[topic].publish(message)

    def subscribe(
        self, kind: type[Any], topic: str, callback: Callable[[Any], None], qos: QoSProfile
    ) -> None:
        """Hear one more topic."""
        self._node.create_subscription(kind, topic, callback, qos)

    def is_said(self, topic: str) -> bool:
        """Return whether somebody publishes a topic."""
        return bool(self._node.count_publishers(topic))

    def is_heard(self, topic: str) -> bool:
        """Return whether somebody subscribes to a topic that it publishes."""
        return bool(self._out[topic].get_subscription_count())

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Hear what comes until the condition holds; return whether it did, in this time."""
        deadline = time.monotonic() + seconds
        while not condition():
            left = deadline - time.monotonic()
            if left <= 0.0:
                return False
            self._executor.spin_once(timeout_sec=min(left, SLICE_SEC))
            self._watch()
        return True

    def wait(self, seconds: float) -> None:
        """Hear what comes for this long."""
        self.wait_for(lambda: False, seconds)

    def hear_waiting(self) -> None:
        """Hear what has come already."""
        deadline = time.monotonic() + SLICE_SEC
        before = None
        while before != self._count and time.monotonic() < deadline:
            before = self._count
            self._executor.spin_once(timeout_sec=0.0)

    def call(self, kind: type[Any], name: str, request: Any) -> Any:
        """Call a service and return its answer. Raises DemoFailed where none comes."""
        client: Client[Any, Any] = self._node.create_client(kind, name)
        try:
            if not self.wait_for(client.service_is_ready, SERVICE_SEC):
                raise DemoFailed(f'the service {name} did not appear within {SERVICE_SEC:g} s')
            future = client.call_async(request)
            if not self.wait_for(future.done, SERVICE_SEC):
                raise DemoFailed(f'the service {name} did not answer within {SERVICE_SEC:g} s')
            return future.result()
        finally:
            self._node.destroy_client(client)

    def set_text(self, node: str, name: str, text: str) -> None:
        """Set a parameter of a node. Raises DemoFailed where that is refused."""
        value = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=text)
        request = SetParameters.Request(parameters=[Parameter(name=name, value=value)])
        result = self.call(SetParameters, f'/{node}/set_parameters', request).results[0]
        if not result.successful:
            raise DemoFailed(f'the {node} refused {name} := {text!r}: {result.reason}')

    def trigger(self, name: str) -> tuple[bool, str]:
        """Call a Trigger service; return its success and its message."""
        answer = self.call(Trigger, name, Trigger.Request())
        return bool(answer.success), str(answer.message)

    def fresh_status(self, node: str, seconds: float = 5.0) -> dict[str, str]:
        """Return what a node's next diagnostics show. Raises DemoFailed where none come."""
        self.heard.status.pop(node, None)
        if not self.wait_for(lambda: node in self.heard.status, seconds):
            raise DemoFailed(f'the {node} has sent no diagnostics for {seconds:g} s')
        return self.heard.status[node]

    def _on_decision(self, message: UInt8) -> None:
        self.heard.decided_at = time.perf_counter()
        self.heard.decision = message.data
        self._count += 1

    def _on_probability(self, message: Float64) -> None:
        self.heard.probability = message.data
        self._count += 1

    def _on_loss(self, message: Float64) -> None:
        self.heard.losses.append((time.monotonic(), message.data))
        self._count += 1

    def _on_log_loss(self, message: Float64) -> None:
        self.heard.log_losses.append((time.monotonic(), message.data))
        self._count += 1

    def _on_accuracy(self, message: Float64) -> None:
        self.heard.accuracy = message.data
        self._count += 1

    def _on_labeled(self, message: Float64MultiArray) -> None:
        self.heard.labeled += 1
        self._count += 1

    def _on_model(self, message: String) -> None:
        self.heard.model = model_from_msg(message)
        self._count += 1

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for each in message.status:
            self.heard.status[each.name] = {pair.key: pair.value for pair in each.values}
            self.heard.levels[each.name] = each.level[0]
            self.heard.words[each.name] = each.message
        self._count += 1
