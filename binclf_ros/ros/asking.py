# SPDX-License-Identifier: Apache-2.0
"""Services and parameters of the other nodes, asked for without waiting; every answer has a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from rcl_interfaces.msg import ParameterType
from rcl_interfaces.srv import GetParameters, SetParametersAtomically
from rclpy.client import Client
from rclpy.node import Node
from rclpy.parameter import Parameter, parameter_value_to_python
from rclpy.task import Future
from std_srvs.srv import SetBool, Trigger

from binclf_ros.ros.parameters import TYPES

Answer = Callable[[bool, str], None]
Done = Callable[[Any], None]
Failed = Callable[[str], None]

PATIENCE_SEC = 5.0
LONG_SEC = 60.0
"""For what may take its time: train, save, load, reset."""


@dataclass
class _Pending:
    client: Client[Any, Any]
    future: Future[Any]
    deadline: float
    failed: Failed


class Asking:
    """Asks the nodes beside `node`: services of the trainer, parameters of all.

    `post` may be called by any thread; everything else is done by that of ROS, in `turn`.
    """

    def __init__(self, node: Node, services: Mapping[str, type[Any]], roles: Sequence[str]) -> None:
        self._triggers: dict[str, Client[Any, Any]] = {
            name: node.create_client(kind, f'trainer/{name}') for name, kind in services.items()
        }
        self._getters: dict[str, Client[Any, Any]] = {
            role: node.create_client(GetParameters, f'{role}/get_parameters') for role in roles
        }
        self._setters: dict[str, Client[Any, Any]] = {
            role: node.create_client(SetParametersAtomically, f'{role}/set_parameters_atomically')
            for role in roles
        }
        self._posted: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._pending: list[_Pending] = []

    def post(self, command: Callable[[], None]) -> None:
        """Have a command run by the thread of ROS."""
        self._posted.put(command)

    def turn(self) -> None:
        """Run what was posted, and give up on what has not been answered in time."""
        while True:
            try:
                self._posted.get_nowait()()
            except Empty:
                break
        now = time.monotonic()
        for each in [each for each in self._pending if now > each.deadline]:
            self._pending.remove(each)
            each.client.remove_pending_request(each.future)
            each.failed('no answer in time')
        self._pending = [each for each in self._pending if not each.future.done()]

    def call(self, service: str, data: bool | None, answer: Answer) -> None:
        """Call a service of the trainer; `data` is that of a SetBool."""
        request = Trigger.Request() if data is None else SetBool.Request(data=data)

        def done(response: Any) -> None:
            answer(bool(response.success), str(response.message))

        self._send(self._triggers[service], request, done, lambda text: answer(False, text), LONG_SEC)

    def set(self, role: str, values: Mapping[str, Any], answer: Answer) -> None:
        """Set parameters of a node, all or none; the answer is its own reason where it refuses."""
        request = SetParametersAtomically.Request(
            parameters=[
                Parameter(name, TYPES[type(value)], value).to_parameter_msg()
                for name, value in values.items()
            ]
        )

        def done(response: Any) -> None:
            answer(bool(response.result.successful), str(response.result.reason))

        self._send(self._setters[role], request, done, lambda text: answer(False, text), PATIENCE_SEC)

    def get(self, role: str, names: Sequence[str], take: Callable[[dict[str, Any]], None]) -> None:
        """Get parameters of a node; those that it does not have are left out."""

        def done(response: Any) -> None:
            values = zip(names, response.values)
            take(
                {
                    name: _plain(parameter_value_to_python(value))
                    for name, value in values
                    if value.type != ParameterType.PARAMETER_NOT_SET
                }
            )

        request = GetParameters.Request(names=list(names))
        self._send(self._getters[role], request, done, lambda text: None, PATIENCE_SEC)

    def _send(
        self,
        client: Client[Any, Any],
        request: Any,
        done: Done,
        failed: Callable[[str], None],
        patience: float,
    ) -> None:
        if not client.service_is_ready():
            failed(f'nobody offers {client.srv_name}: is that node running?')
            return
        future = client.call_async(request)

        def on_done(finished: Future[Any]) -> None:
            error = finished.exception()
            response = finished.result() if error is None else None
            if response is None:
                failed(f'{client.srv_name} failed: {error}')
            else:
                done(response)

        future.add_done_callback(on_done)
        self._pending.append(_Pending(client, future, time.monotonic() + patience, failed))


def _plain(value: Any) -> Any:
    return value if isinstance(value, (bool, int, float, str)) else list(value)
