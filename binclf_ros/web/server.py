# SPDX-License-Identifier: Apache-2.0
"""The server of the page: it listens to clients, holds the label for them, and tells them the state."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
import time
from collections import Counter
from dataclasses import dataclass, field

from tornado.httpserver import HTTPServer
from tornado.ioloop import PeriodicCallback

from ..core.errors import BinclfError, RequestError
from . import files
from .access import LOOPBACK, Access, token_of
from .client import MAX_PENDING, Client
from .handlers import application
from .holds import NO_LABEL, Hold, Holds
from .options import WebOptions
from .painting import Strokes
from .protocol import Call, Look, Paint, Set, Undo, parse
from .robot import Robot
from .scene import Scene

LABEL_SEC = 0.05
MAX_HEADER_BYTES = 16_384
IDLE_SEC = 60.0
NETWORK = ('0.0.0.0', '::', '')


@dataclass
class Server:
    """Serves the page of one robot, in the event loop that runs where `start` is called.

    `counts` gets `web/…` for what was refused, by its reason. Use `start`, then `close`.
    """

    options: WebOptions
    scene: Scene
    robot: Robot
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.access = Access(token_of(self.options.token_file), self.options.hosts)
        self.files = files.load()
        self.holds = Holds(self.options.hold_sec)
        self.strokes = Strokes()
        self.port = self.options.port
        self._clients: set[Client] = set()
        self._label = NO_LABEL

    def start(self) -> None:
        """Listen. Raises BinclfError where the port is taken, or the certificate cannot be used."""
        self._loop = asyncio.get_running_loop()
        self._http = HTTPServer(
            application(self),
            ssl_options=_tls(self.options),
            max_header_size=MAX_HEADER_BYTES,
            max_body_size=1,  # 0 would be taken for no limit
            idle_connection_timeout=IDLE_SEC,
        )
        listening = _bind(self.options)
        self.port = listening.getsockname()[1]
        self._http.add_socket(listening)
        self._timers = [
            PeriodicCallback(self._publish_label, LABEL_SEC * 1e3),
            PeriodicCallback(self._send_states, 1e3 / self.options.rate_hz),
        ]
        for each in self._timers:
            each.start()

    async def close(self) -> None:
        """Let go of what is held, and end all connections."""
        for each in self._timers:
            each.stop()
        for client in list(self._clients):
            self.leave(client)
        self._http.stop()
        await self._http.close_all_connections()

    @property
    def url(self) -> str:
        """Where the page is, token included: for the one who starts it alone."""
        return f'{self.place}/?token={self.access.token}'

    @property
    def place(self) -> str:
        """Where the page is."""
        scheme = 'https' if self.options.certificate else 'http'
        address = _own_address() if self.options.address in NETWORK else self.options.address
        return f'{scheme}://{f"[{address}]" if ":" in address else address}:{self.port}'

    @property
    def warning(self) -> str:
        """A sentence about who can read along; '' for nothing."""
        local = self.options.address.startswith('127.') or self.options.address in LOOPBACK
        if self.options.certificate or local:
            return ''
        return (
            f'open to the network on {self.options.address}:{self.port}, not encrypted: anybody who is on '
            'it can read the token and teach; set certificate and key'
        )

    @property
    def n_clients(self) -> int:
        """How many pages are connected."""
        return len(self._clients)

    @property
    def is_full(self) -> bool:
        """Whether no more pages can connect."""
        return len(self._clients) >= self.options.max_clients

    def join(self, client: Client) -> None:
        """Take a page in."""
        self._clients.add(client)
        client.send({'type': 'hello', 'teach': self.options.teach, 'hold_sec': self.options.hold_sec})

    def leave(self, client: Client) -> None:
        """Forget a page: what it held is over."""
        self._clients.discard(client)
        self.holds.leave(client)
        self._look()
        self._publish_label_if_new()

    def receive(self, client: Client, text: str | bytes) -> None:
        """Do what a page asks for. Raises RequestError, and has counted it."""
        try:
            self.counts['messages'] += 1
            if client.sends_too_much(_now()):
                raise RequestError('too_many', 'too many messages in a second')
            self._do(client, text)
        except RequestError as error:
            self.counts[f'refused/{error.reason}'] += 1
            raise

    def _do(self, client: Client, text: str | bytes) -> None:
        request = parse(text)
        if isinstance(request, Look):
            self.holds.note_clock(client, request.clock_sec, _now())
            client.looks = request
            self._look()
            return
        if not self.options.teach:
            raise RequestError('only_looks', 'this page only looks: teach is false')
        if isinstance(request, Hold):
            self._hold(client, request)
        else:
            self._ask(client, request)

    def _hold(self, client: Client, hold: Hold) -> None:
        try:
            self.holds.take(client, hold, _now())
        finally:
            self._publish_label_if_new()

    def _ask(self, client: Client, request: Call | Set | Paint | Undo) -> None:
        if client.pending >= MAX_PENDING:
            raise RequestError('busy', f'{MAX_PENDING} requests have no answer yet')
        is_drawn = isinstance(request, (Paint, Undo)) and self._draw(client, request)
        send = client.answer(request.id)

        def answer(ok: bool, text: str) -> None:
            self._loop.call_soon_threadsafe(lambda: client in self._clients and send(ok, text))

        if isinstance(request, (Call, Set)):
            self.robot.ask(request, answer)
        elif is_drawn:
            self.robot.label_picture(request.picture, self.strokes.of(request.picture), answer)
        else:
            answer(False, 'there is no stroke of yours to take back')

    def _draw(self, client: Client, request: Paint | Undo) -> bool:
        """Draw, or take back; return whether anything is different now. Raises RequestError."""
        if isinstance(request, Undo):
            return self.strokes.undo(request.picture, client)
        self.strokes.add(request.picture, client, request.number, request.part)
        return True

    def _look(self) -> None:
        """Have the robot looked at as far as anybody looks."""
        looks = [each.looks for each in self._clients if each.looks.list]
        topics = frozenset().union(*(each.topics for each in looks))
        self.robot.look(bool(looks), topics)
        pictures = [each.looks.still for each in self._clients if each.looks.pictures]
        self.robot.watch(None in pictures, frozenset(each for each in pictures if each is not None))

    def _publish_label_if_new(self) -> None:
        if self.holds.label(_now()) != self._label:
            self._publish_label()

    def _publish_label(self) -> None:
        """Publish the label while one is held, and once −1 after that."""
        before, self._label = self._label, self.holds.label(_now())
        if self._label != NO_LABEL or before != NO_LABEL:
            self.robot.publish_label(self._label)

    def _send_states(self) -> None:
        now = _now()
        for client in [each for each in self._clients if each.is_stalled(now)]:
            self.counts['stalled'] += 1
            self.leave(client)
            client.close()
        if self._clients:
            disagree = self.holds.disagree(now)
            state = {**self.scene.state(now), 'label': self._label, 'disagree': disagree}
            for client in list(self._clients):
                client.send_new(state, self.scene, now)


def _now() -> float:
    return time.monotonic()


def _bind(options: WebOptions) -> socket.socket:
    family = socket.AF_INET6 if ':' in options.address else socket.AF_INET
    try:
        listening = socket.create_server((options.address, options.port), family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise BinclfError(
                f'port {options.port} of {options.address} is taken: end what has it, or set port (0: any)'
            ) from error
        raise BinclfError(f'{options.address}:{options.port} cannot be listened on: {error}') from error
    listening.setblocking(False)
    return listening


def _tls(options: WebOptions) -> ssl.SSLContext | None:
    if not options.certificate:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(*(os.path.expanduser(each) for each in (options.certificate, options.key)))
    except OSError as error:  # SSLError is one
        raise BinclfError(
            f'certificate {options.certificate} and key {options.key} cannot be used: {error}'
        ) from error
    return context


def _own_address() -> str:
    """Return the address under which the network reaches us; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(('192.0.2.1', 9))  # of a network that is kept for documentation
            return str(probe.getsockname()[0])
        except OSError:
            return '127.0.0.1'
