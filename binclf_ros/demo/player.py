# SPDX-License-Identifier: Apache-2.0
"""The demo's own node: it publishes what a robot would, and receives what the nodes make of it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.srv import SetParametersAtomically
from rclpy.client import Client
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from std_msgs.msg import Float64, Float64MultiArray, String, UInt8
from std_srvs.srv import Trigger

from ..core.learning.model import Model
from ..ros.messages import model_from_msg
from ..ros.qos import LABELED, MODEL, OUT, SCALAR
from .errors import DemoFailed

SLICE_SEC = 0.05
SERVICE_SEC = 60.0
CURVES = ('loss', 'log_loss', 'majority_log_loss', 'accuracy')
"""Topics of the trainer that are subscribed to."""


@dataclass
class Feedback:
    """What the nodes have said so far."""

    model: Model | None = None
    curves: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    """Of `CURVES`: time (s, on the monotonic clock) and value."""
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
        self.feedback = Feedback()
        self._watch = watch
        self._count = 0
        self._node = Node('demo')
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._out = {topic: self._node.create_publisher(kind, topic, OUT) for topic, kind in kinds.items()}
        self.subscribe(UInt8, 'decision', self._on_decision, OUT)
        self.subscribe(Float64, 'probability', self._on_probability, OUT)
        for name in CURVES:
            self.subscribe(Float64, f'trainer/{name}', self._on_curve(name), SCALAR)
        self.subscribe(Float64MultiArray, 'labeled_features', self._on_labeled, LABELED)
        self.subscribe(String, 'model', self._on_model, MODEL)
        self.subscribe(DiagnosticArray, '/diagnostics', self._on_diagnostics, SCALAR)

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
        """Subscribe to one more topic."""

        def on_message(message: Any) -> None:
            self._count += 1
            callback(message)

        self._node.create_subscription(kind, topic, on_message, qos)

    def has_publishers(self, topic: str) -> bool:
        """Return whether somebody publishes a topic."""
        return bool(self._node.count_publishers(topic))

    def has_subscribers(self, topic: str) -> bool:
        """Return whether somebody subscribes to a topic that it publishes."""
        return bool(self._out[topic].get_subscription_count())

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Receive messages until the condition holds; return whether it did, in this time."""
        deadline = time.monotonic() + seconds
        while not condition():
            left = deadline - time.monotonic()
            if left <= 0.0:
                return False
            self._executor.spin_once(timeout_sec=min(left, SLICE_SEC))
            self._watch()
        return True

    def wait(self, seconds: float) -> None:
        """Receive messages for this long."""
        self.wait_for(lambda: False, seconds)

    def take_waiting(self) -> None:
        """Receive what has come already."""
        deadline, before = time.monotonic() + SLICE_SEC, -1
        while before != self._count and time.monotonic() < deadline:
            before = self._count
            self._executor.spin_once(timeout_sec=0.0)

    def set_texts(self, node: str, texts: Mapping[str, str]) -> None:
        """Set parameters of a node, all or none. Raises DemoFailed where that is refused."""
        values = [Parameter(name, Parameter.Type.STRING, text) for name, text in texts.items()]
        request = SetParametersAtomically.Request(parameters=[each.to_parameter_msg() for each in values])
        result = self._call(SetParametersAtomically, f'/{node}/set_parameters_atomically', request).result
        if not result.successful:
            raise DemoFailed(f'the {node} refused {dict(texts)}: {result.reason}')

    def trigger(self, name: str) -> tuple[bool, str]:
        """Call a Trigger service; return its success and its message."""
        answer = self._call(Trigger, name, Trigger.Request())
        return bool(answer.success), str(answer.message)

    def _call(self, kind: type[Any], name: str, request: Any) -> Any:
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

    def fresh_status(self, node: str, seconds: float = 5.0) -> dict[str, str]:
        """Return what a node's next diagnostics show. Raises DemoFailed where none come."""
        self.feedback.status.pop(node, None)
        if not self.wait_for(lambda: node in self.feedback.status, seconds):
            raise DemoFailed(f'the {node} has sent no diagnostics for {seconds:g} s')
        return self.feedback.status[node]

    def _on_curve(self, name: str) -> Callable[[Float64], None]:
        points = self.feedback.curves[name]
        return lambda message: points.append((time.monotonic(), message.data))

    def _on_decision(self, message: UInt8) -> None:
        self.feedback.decided_at, self.feedback.decision = time.perf_counter(), message.data

    def _on_probability(self, message: Float64) -> None:
        self.feedback.probability = message.data

    def _on_labeled(self, message: Float64MultiArray) -> None:
        self.feedback.labeled += 1

    def _on_model(self, message: String) -> None:
        self.feedback.model = model_from_msg(message)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for each in message.status:
            self.feedback.status[each.name] = {pair.key: pair.value for pair in each.values}
            self.feedback.levels[each.name] = each.level[0]
            self.feedback.words[each.name] = each.message
