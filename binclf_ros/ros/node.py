# SPDX-License-Identifier: Apache-2.0
"""What every node of this package is: guarded callbacks, counters, diagnostics, one spin, a clean end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from copy import copy
from typing import Any, Generic, TypeVar

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType  # type: ignore[attr-defined]  # Humble has no clock_type
from rclpy.exceptions import ParameterException
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription

from ..core.errors import BinclfError, ParameterError, Rejected
from ..core.health.findings import ERROR, OK, WARN, Finding, Judge, Recent, Verdict
from ..core.options import named
from ..core.text import described, printable, printable_lines
from .executor import executor_of, with_what_waits
from .given import Given
from .graph import doubles, incompatible_endpoints
from .messages import diagnostics_to_msg
from .options import NodeOptions
from .parameter_services import secure_parameter_services
from .parameters import DeclaredParameters
from .qos import overridable
from .services import Answer, answering, create_service
from .timers import Timers

P = TypeVar('P', bound=NodeOptions)
LOG_EVERY_SEC = 10.0
REPORT_SEC = 1.0
LOOK_SEC = 0.2
LOOK_AT_GRAPH_SEC = 2.0


class BinclfNode(Node, Generic[P]):
    """A node with parameters of the kind P.

    Subclasses give `status` and `values`, may give `find`, `on_parameters` (raise BinclfError to refuse)
    and `close`. `counted` are the counters that are shown from the start.
    """

    def __init__(self, name: str, kind: type[P], counted: tuple[str, ...]) -> None:
        super().__init__(name)
        self.counts: Counter[str] = Counter(dict.fromkeys(counted, 0))
        self.steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._periodic = Timers(self, self.steady)
        self._declared = DeclaredParameters(self, kind, self.on_parameters)
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self._given = Given(self, list(named(kind)))
        self._judge, self._verdict = Judge(), Verdict(OK, '')
        self.recent: Recent[Counter[str]] = Recent()
        self.said: dict[str, str] = {}
        self._severity = OK
        self._subscribed: list[Subscription[Any]] = []
        self._advertised: list[Publisher[Any]] = []
        self._sole: list[Publisher[Any]] = []
        self._incompatible: list[str] = []
        self._doubles: set[str] = set()
        self._logged: dict[str, float] = {}
        self._remarked: set[str] = set()
        secure_parameter_services(self, self._parameter_refused)
        self.every(REPORT_SEC, self._report)
        self.every(LOOK_SEC, self._look)
        self.every(LOOK_AT_GRAPH_SEC, self._look_at_graph)

    @property
    def parameters(self) -> P:
        """The parameters as they are now: one immutable value."""
        return self._declared.current

    def set_parameters_atomically(self, parameter_list: list[Parameter[Any]]) -> SetParametersResult:
        """Set all or none; this is where `ros2 param set` arrives. Never raises."""
        try:
            self._periodic.wake()
            for each in parameter_list:
                self._check_is_set(each)
            typed = self._declared.in_declared_types(parameter_list)
            return super().set_parameters_atomically(typed)
        except Exception as error:  # it would end the node, from anywhere on the network
            return SetParametersResult(successful=False, reason=str(error))

    def _check_is_set(self, change: Parameter[Any]) -> None:
        """Raise ParameterError for what rclpy would refuse without a name: unknown, or to be removed."""
        if not self.has_parameter(change.name):
            raise ParameterError(self._given.is_unknown(change.name))
        if change.type_ == Parameter.Type.NOT_SET:
            raise ParameterError(f'{change.name} cannot be undeclared: set it to a value')

    def on_parameters(self, new: P) -> None:
        """Take over new parameters, which are valid each and together."""

    def status(self) -> tuple[int, str]:
        """Return the severity (OK, WARN, ERROR) and a sentence."""
        raise NotImplementedError

    def find(self, now: float) -> list[Finding]:
        """Return what went wrong lately, at a time (s) of the steady clock."""
        return []

    @property
    def has_its_topics(self) -> bool:
        """Whether it has subscribed to all that it ever will, and advertised it."""
        return True

    def activity(self) -> object:
        """Return what, beside the counts, changes as long as something happens."""
        return None

    def values(self) -> dict[str, object]:
        """Return what diagnostics show beside the counts."""
        raise NotImplementedError

    def close(self) -> None:
        """Finish what must not be lost; ROS may be gone already."""

    def subscribe(
        self,
        kind: type[Any],
        topic: str,
        callback: Callable[[Any], None],
        qos: QoSProfile,
        count: str,
        raw: bool = False,
    ) -> Subscription[Any]:
        """Subscribe, guarded: what is refused is counted under `count`/reason, and the node lives.

        `raw`: the callback gets the bytes that came, not a message made of them.
        """
        call = self.guarded(callback, count)
        overrides = overridable(self, topic, 'subscription')  # are written into the profile
        subscription = self.create_subscription(
            kind, topic, call, copy(qos), qos_overriding_options=overrides, raw=raw
        )
        if executor_of(self.parameters.executor) is SingleThreadedExecutor:
            subscription.callback = self.guarded(with_what_waits(call, subscription))
        self._subscribed.append(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription[Any]) -> None:
        """End a subscription."""
        self._subscribed.remove(subscription)
        self.destroy_subscription(subscription)

    def advertise(self, kind: type[Any], topic: str, qos: QoSProfile, sole: bool = False) -> Publisher[Any]:
        """Advertise a topic; where this node is the `sole` one that should publish it, another is named."""
        publisher = self.create_publisher(
            kind, topic, copy(qos), qos_overriding_options=overridable(self, topic, 'publisher')
        )
        self._advertised.append(publisher)
        if sole:
            self._sole.append(publisher)
        return publisher

    def every(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call back on the steady clock, guarded; at least once a second while nothing happens."""
        self._periodic.every(seconds, self.guarded(callback))

    def provide_service(
        self,
        kind: type[Any],
        name: str,
        work: Callable[[Any], tuple[bool, str]],
        post: Callable[[Callable[[], None]], None] = lambda command: command(),
    ) -> None:
        """Offer a service whose answer is success and a message, made by `work` of the request.

        `post` hands a command to what shall run the work, such as another thread; until it is
        done, topics and parameters go on. What the work raises becomes the message.
        """

        def on_request(request: Any, answer: Answer) -> None:
            self._periodic.wake()
            command = answering(lambda: work(request), answer, self._failed)
            try:
                post(command)
            except Exception as error:
                answer.give(*self._failed(error))

        create_service(self, kind, name, on_request, self.guarded)

    def _failed(self, error: Exception) -> tuple[bool, str]:
        """Count what went wrong in a service, unless it is refused on purpose; return its answer."""
        if not isinstance(error, BinclfError):
            self.counts['failed/internal_error'] += 1
        return False, described(error)

    def _parameter_refused(self, error: Exception) -> str:
        """Count a request of parameters that is refused; return the sentence that says why."""
        known = isinstance(error, (BinclfError, ParameterException))
        self.counts['parameter_rejected/' + ('refused' if known else 'unreadable')] += 1
        return printable_lines(error)

    def guarded(self, callback: Callable[..., None], count: str = 'failed') -> Callable[..., None]:
        """Return a callback that never raises: it counts under `count`/reason, and logs sometimes."""
        periodic = self._periodic
        is_input = count != 'failed'

        def call(*arguments: Any) -> None:
            if is_input and periodic.resting:
                periodic.wake()
            try:
                callback(*arguments)
            except Rejected as error:
                self.counts[f'{count}/{error.reason}'] += 1
                self.said[error.reason] = str(error)
                self.warn_sometimes(error.reason, str(error))
            except Exception as error:
                if not self.context.ok():
                    return  # a signal has shut ROS down meanwhile: publishing is over
                self.counts[f'{count}/internal_error'] += 1
                self.said['internal_error'] = described(error)
                self.warn_sometimes(type(error).__name__, described(error))

        return call

    def warn_sometimes(self, topic: str, text: str) -> None:
        """Log a warning, at most one of a topic in ten seconds."""
        now = self.steady_sec()
        if now - self._logged.get(topic, -LOG_EVERY_SEC) >= LOG_EVERY_SEC:
            self._logged[topic] = now
            self.log(text, WARN)

    def remark(self, is_stale: bool, remarks: Sequence[str]) -> None:
        """Count a cloud whose `row_step` was passed over, and log remarks about clouds, each once."""
        self.counts['stale_row_step'] += is_stale
        for each in remarks:
            if each not in self._remarked:
                self._remarked.add(each)
                self.log(each, WARN)

    def log(self, text: object, severity: int = OK) -> None:
        """Log a text as info, a warning (WARN) or an error (ERROR). Never raises.

        rclpy's logger raises for what is not UTF-8, also inside an `except`, and so would end the node.
        """
        line, logger = printable(text), self.get_logger()
        try:
            if severity == ERROR:
                logger.error(line)
            elif severity == WARN:
                logger.warning(line)  # by turns: a line of code has one severity, or rclpy raises
            else:
                logger.info(line)
        except Exception:  # there is no other way to report it
            self.counts['failed/log'] += 1

    def _look_at_graph(self) -> None:
        self._incompatible = incompatible_endpoints(self, self._subscribed, self._advertised)
        self._look_for_doubles()

    def _look_for_doubles(self) -> None:
        """Find who does the same work beside this node, if that is so at two looks in a row."""
        found = doubles(self, self._sole)
        self._incompatible += [each for each in found if each in self._doubles]
        self._doubles = set(found)

    def steady_sec(self) -> float:
        """Return the time of the steady clock (s)."""
        return float(self.steady.now().nanoseconds * 1e-9)

    def _look(self) -> None:
        """Look at how it goes, log what is new of it, and report a change of the level at once."""
        now, counts = self.steady_sec(), self.counts.copy()
        self.recent.add(now, counts)
        if not self._periodic.resting:  # else a report, which judges as well, comes as often
            self._judge_now()
            if self._verdict.level != self._severity:
                self._report()
        self._periodic.look(now, (counts, self.activity(), self._severity))

    def _judge_now(self) -> None:
        now, (severity, text) = self.steady_sec(), self.status()
        findings = [Finding('status', text, severity, holds=False)] if severity else []
        findings += self.find(now)
        findings += self._given.find(self.has_its_topics)
        findings += [Finding(each, each, holds=False) for each in self._incompatible]
        self._verdict = self._judge.take(now, findings, text)
        for level, line in self._verdict.log:
            self.log(line, level)

    def _report(self) -> None:
        self._judge_now()
        self._severity, text = self._verdict.level, self._verdict.text
        name = self.get_fully_qualified_name().lstrip('/')
        shown = {**self.counts, **self.values()}
        if self._incompatible:
            shown['incompatible_endpoints'] = len(self._incompatible)
        stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(diagnostics_to_msg(name, self._severity, text, shown, stamp))
