# SPDX-License-Identifier: Apache-2.0
"""The page to teach from: asyncio serves it in the main thread, ROS runs in a thread of its own.

There are three ways across: the scene, which ROS writes and the server reads under a lock; the publisher of
`label`, which any thread may use; and `call_soon_threadsafe`, by which answers come back.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import ExternalShutdownException
from std_msgs.msg import Float64, Float64MultiArray, Int8, String, UInt8
from std_srvs.srv import SetBool, Trigger

from ..core.errors import BinclfError
from ..core.health.findings import OK, WARN
from ..ros.asking import Answer, Asking
from ..ros.executor import spin
from ..ros.looking import Looking
from ..ros.messages import SerializedFeatures, message_from_bytes, model_from_msg
from ..ros.options import WebParameters
from ..ros.pictures import Pictures
from ..ros.polling import POLL_SEC, PollingNode
from ..ros.process import run
from ..ros.qos import LIVE, MODEL, NEWEST, SCALAR, SEEN
from ..vision.strokes import mask_of_strokes
from ..web.influence import influences
from ..web.painting import Stroke
from ..web.protocol import SERVICES, Call, Set
from ..web.scene import ROLES, Scene, Status

if TYPE_CHECKING:
    from ..web.server import Server

REFRESH_SEC = 1.0
MAX_ACTIVITY = 80
OTHER_LABELS = ('label_positive', 'label_negative')
SHOWN = {
    'featurizer': ('features', 'label', *OTHER_LABELS),
    'trainer': ('model_file', 'dataset_file'),
    'predictor': ('threshold', 'hysteresis'),
}
"""The parameters that the page shows, by node."""
OWN = (
    'features', 'labeled_features', 'points', 'labeled_points', 'label', 'model', 'probability', 'decision',
    'classified_points', 'labeled_image', 'classified_image', 'classification', 'demo/',
    *(f'{role}/' for role in ROLES),
)  # fmt: skip
"""Topics of this package, or folders of them: no sensors, so they are not listed."""


class Web(PollingNode[WebParameters]):
    """Serves the page to teach from: shows what the other nodes say, and publishes `label`."""

    def __init__(self) -> None:
        self.scene = Scene()
        self._server: Server | None = None
        self._model = ''
        super().__init__('web', WebParameters, counted=('messages',))
        self._labeled = SerializedFeatures(labeled=True)
        self._label_out = self.advertise(Int8, 'label', SCALAR)
        kinds = {name: SetBool if name == 'pause' else Trigger for name in SERVICES if name != 'resume'}
        self._asking = Asking(self, kinds, ROLES)
        self._looking = Looking(self, self.scene.set_topics, OWN)
        self._pictures = Pictures(self, self.scene.set_picture)
        self.poll(Float64, 'probability', self._on_probability, SEEN)
        self.poll(UInt8, 'decision', self._on_decision, NEWEST)
        self.poll(Float64MultiArray, 'labeled_features', self._on_labeled, SEEN)
        self.subscribe(String, 'model', self._on_model, MODEL, 'ignored')
        self.subscribe(DiagnosticArray, '/diagnostics', self._on_diagnostics, LIVE, 'ignored')
        self.subscribe(Float64, 'predictor/ask', self._on_ask, LIVE, 'ignored')
        self.subscribe(String, 'demo/activity', self._on_activity, LIVE, 'ignored')
        self.every(POLL_SEC, self._asking.turn)
        self.every(POLL_SEC * 4, self._looking.turn)
        self.every(POLL_SEC, self._pictures.turn)
        self.every(REFRESH_SEC, self._refresh)

    def open(self) -> Server:
        """Start to serve, in the event loop that runs. Raises BinclfError where that cannot be."""
        try:
            from ..web.server import Server
        except ImportError as error:
            raise BinclfError(
                f'the page is served by tornado, which is missing ({error}): apt install python3-tornado, '
                'or pip install tornado'
            ) from error
        server = Server(self.parameters, self.scene, self, self.counts)
        server.start()
        self._server = server
        return server

    def status(self) -> tuple[int, str]:
        """Return where the page is, and who can read along."""
        server = self._server
        if server is None:
            return WARN, 'starting'
        if server.warning:
            return WARN, server.warning
        return OK, f'serving {server.place}'

    def values(self) -> dict[str, object]:
        """Return how many pages there are."""
        return {'clients': self._server.n_clients if self._server else 0}

    def publish_label(self, label: int) -> None:
        """Publish 1, 0, or −1 for no label; may be called by any thread."""
        self.guarded(self._label_out.publish)(Int8(data=label))

    def ask(self, request: Call | Set, answer: Answer) -> None:
        """Call a service, or set parameters; may be called by any thread."""
        self._asking.post(lambda: self._ask(request, answer))

    def look(self, listed: bool, topics: frozenset[str]) -> None:
        """List topics and look into some; may be called by any thread."""
        self._looking.want(listed, topics)

    def watch(self, live: bool, stills: frozenset[int]) -> None:
        """Show pictures; may be called by any thread."""
        self.scene.keep_pictures(stills | {None} if live else stills)
        self._pictures.want(live, stills)

    def label_picture(self, picture: int, strokes: Sequence[Stroke], answer: Answer) -> None:
        """Publish the mask of strokes on a picture; may be called by any thread."""
        mask = partial(mask_of_strokes, strokes)
        self._asking.post(lambda: self._pictures.label(picture, mask, answer))

    def _ask(self, request: Call | Set, answer: Answer) -> None:
        if isinstance(request, Set):
            # the featurizer has to read what is taught by this page
            label = {
                'label': f'{self._label_out.topic_name}/data',
                'label_positive': '',
                'label_negative': '',
            }
            values = {**request.values, **(label if request.node == 'featurizer' else {})}
            self._asking.set(request.node, values, answer)
        elif request.service in ('pause', 'resume'):
            self._asking.call('pause', request.service == 'pause', answer)
        else:
            self._asking.call(request.service, None, answer)

    def _refresh(self) -> None:
        """Read the parameters that the page shows, while there is one."""
        if self._server is None or not self._server.n_clients:
            return
        for role, names in SHOWN.items():
            self._asking.get(role, names, partial(self.scene.set_parameters, role))

    def _on_probability(self, data: bytes) -> None:
        self.scene.add_probability(message_from_bytes(data, Float64).data, time.monotonic())

    def _on_decision(self, data: bytes) -> None:
        self.scene.add_decision(message_from_bytes(data, UInt8).data, time.monotonic())

    def _on_labeled(self, data: bytes) -> None:
        _, values = self._labeled.read(data)
        self.scene.add_label(int(values[-1]), time.monotonic())

    def _on_model(self, message: String) -> None:
        if message.data == self._model:
            return  # repeated every second
        model = model_from_msg(message)
        self._model = message.data
        self._pictures.set_model(model)
        fields = json.loads(message.data)
        shown = ('run', 'step', 'samples', 'positives', 'loss', 'converged')
        about = {name: getattr(model, name) for name in shown}
        self.scene.set_model({**about, 'n_features': len(model.features), 'features': influences(fields)})

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        names = {f'{self.get_namespace()}/{role}'.strip('/'): role for role in (*ROLES, 'web')}
        for each in message.status:
            role = names.get(each.name.replace('//', '/'))
            if role is None:
                continue
            if role == 'trainer':
                self.take_waiting()  # what it has counted already is not to be counted on top of that
            values = {pair.key: pair.value for pair in each.values}
            self.scene.add_status(role, Status(each.level[0], each.message, values, time.monotonic()))

    def _on_ask(self, message: Float64) -> None:
        self.scene.note('ask', message.data if message.data == message.data else None, time.monotonic())

    def _on_activity(self, message: String) -> None:
        self.scene.note('activity', message.data[:MAX_ACTIVITY], time.monotonic())


def serve(node: Web) -> None:
    """Run the server until ROS is shut down. Raises BinclfError where it cannot start."""
    asyncio.run(_serve(node))


async def _serve(node: Web) -> None:
    loop, over = asyncio.get_running_loop(), asyncio.Event()

    def spin_ros() -> None:
        try:
            with contextlib.suppress(ExternalShutdownException):
                spin([node], node.parameters.executor)
        finally:
            loop.call_soon_threadsafe(over.set)

    server = node.open()
    thread = threading.Thread(target=spin_ros, name='ros')
    thread.start()
    try:
        # to the terminal, not to the log, which goes out on /rosout
        print(f'teach at {server.url}', flush=True)
        await over.wait()
    finally:
        await server.close()
        node.context.try_shutdown()
        thread.join()


def main(arguments: list[str] | None = None) -> int:
    """Run the web node to its end; return the exit code."""
    return run(Web, WebParameters, arguments, serve)
