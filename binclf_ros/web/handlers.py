# SPDX-License-Identifier: Apache-2.0
"""HTTP and WebSocket: who may come in is checked before anything else."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from ..core.errors import RequestError
from .access import HEADERS
from .client import Client
from .files import INDEX

if TYPE_CHECKING:
    from .server import Server

MAX_FRAME_BYTES = 2**20
"""What is larger ends the connection before it is read; what is larger than a message may be is refused."""
YEAR_SEC = 365 * 86_400
AGAIN = 'no token: open the address that was printed when the page was started'
CLOSE_REFUSED = 1008
CLOSE_TOO_BIG = 1009


class Guarded(RequestHandler):
    """Refuses a foreign Host by 403 and a missing token by 401; says why in one sentence of plain text."""

    needs_token = True

    def initialize(self, server: Server) -> None:
        """Know whom it works for."""
        self.server = server

    def set_default_headers(self) -> None:
        """Say what a browser may do with what it gets."""
        for name, value in HEADERS.items():
            self.set_header(name, value)

    def prepare(self) -> None:
        """Let in who may come in."""
        if not self.server.access.is_ours(self.request.host, _local_address(self)):
            self.refuse(403, 'foreign_host', 'this Host is none of ours: add it to the parameter hosts')
        elif self.needs_token and not self.is_known():
            self.refuse(401, 'no_token', AGAIN)

    def is_known(self) -> bool:
        """Return whether the token is in the cookie."""
        return self.server.access.knows(self.get_cookie(self.cookie))

    @property
    def cookie(self) -> str:
        """The name of the cookie: browsers do not tell ports apart, so the name does."""
        return f'binclf_ros_{self.server.port}'

    def refuse(self, status: int, reason: str, text: str) -> None:
        """Answer with a status and a sentence, and count it."""
        self.server.counts[f'refused/{reason}'] += 1
        self.set_status(status)
        self.set_header('Content-Type', 'text/plain; charset=utf-8')
        self.set_header('Cache-Control', 'no-store')
        self.finish(text + '\n')

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer what went wrong in one line."""
        self.set_header('Content-Type', 'text/plain; charset=utf-8')
        self.finish(f'{status_code}: {self._reason}\n')

    def log_exception(self, *arguments: Any) -> None:
        """Count instead: what others send does not fill a log."""
        self.server.counts['failed/http'] += 1


class Index(Guarded):
    """The page; with `?token=` once, which becomes a cookie and leaves the address bar."""

    def is_known(self) -> bool:
        """Return whether the token is in the cookie or in the address."""
        return super().is_known() or self.server.access.knows(self.get_query_argument('token', None))

    def get(self) -> None:
        """Answer with the page, or send the browser there."""
        if self.get_query_argument('token', None) is None:
            _serve(self, INDEX)
            return
        secure = bool(self.server.options.certificate)
        token = self.server.access.token
        self.set_cookie(
            self.cookie, token, path='/', httponly=True, secure=secure, samesite='Strict', max_age=YEAR_SEC
        )
        self.set_header('Cache-Control', 'no-store')
        self.redirect('/')


class Static(Guarded):
    """The files of the page."""

    def get(self, name: str) -> None:
        """Answer with a file that there is."""
        if name in self.server.files:
            _serve(self, name)
        else:
            self.refuse(404, 'no_file', 'there is no such file')


class Health(Guarded):
    """Tells everybody who asks that it lives."""

    needs_token = False

    def get(self) -> None:
        """Answer ok."""
        self.set_header('Content-Type', 'text/plain; charset=utf-8')
        self.set_header('Cache-Control', 'no-store')
        self.finish('ok\n')


class PageSocket(Guarded, WebSocketHandler):
    """The socket of one page."""

    client: Client | None = None

    def prepare(self) -> None:
        """Let in who may come in, as long as there is room, from a page of ours."""
        super().prepare()
        origin = self.request.headers.get('Origin') or self.request.headers.get('Sec-Websocket-Origin')
        if self._finished:
            return
        if origin is not None and not self.server.access.same_origin(origin, self.request.host):
            self.refuse(403, 'foreign_origin', 'this Origin is none of ours')
        elif self.server.is_full:
            self.refuse(503, 'full', f'{self.server.n_clients} pages are connected, as max_clients allows')

    def check_origin(self, origin: str) -> bool:
        """Return True: `prepare` has checked it."""
        return True

    def get_compression_options(self) -> None:
        """Compress nothing: a few bytes could become many."""

    def open(self, *arguments: str, **named: str) -> None:
        """Take the page in."""
        self.set_nodelay(True)
        self.client = Client(self, time.monotonic())
        self.server.join(self.client)

    def send(self, text: str) -> None:
        """Send a text, unless the page is gone."""
        try:
            self.write_message(text).add_done_callback(lambda future: future.exception())
        except WebSocketClosedError:
            self.on_close()

    def ask_for_pong(self) -> None:
        """Ask for a pong."""
        try:
            self.ping()
        except WebSocketClosedError:
            self.on_close()

    def on_pong(self, data: bytes) -> None:
        """Note that the last frame was read."""
        if self.client is not None:
            self.client.on_pong()

    def on_message(self, message: str | bytes) -> None:
        """Do what the page asks for; tell it where that is refused."""
        if self.client is None:
            return
        try:
            self.server.receive(self.client, message)
        except RequestError as error:
            self.client.send({'type': 'refused', 'reason': error.reason, 'text': str(error)})
            if error.reason == 'too_long':
                self.close(CLOSE_TOO_BIG, 'too long')
            elif error.reason == 'too_many':
                self.close(CLOSE_REFUSED, 'too many messages')

    def on_close(self) -> None:
        """Let go of what the page held."""
        if self.client is not None:
            client, self.client = self.client, None
            self.server.leave(client)


def application(server: Server) -> Application:
    """Return all that is served."""
    known = {'server': server}
    return Application(
        [
            ('/', Index, known),
            ('/healthz', Health, known),
            ('/ws', PageSocket, known),
            ('/(.*)', Static, known),
        ],
        websocket_max_message_size=MAX_FRAME_BYTES,
        log_function=lambda handler: None,
    )


def _serve(handler: Guarded, name: str) -> None:
    """Answer with a file, or with 304 where the browser has it."""
    file = handler.server.files[name]
    handler.set_header('Content-Type', file.kind)
    handler.set_header('Cache-Control', 'no-cache')
    handler.set_header('Etag', file.etag)
    if handler.check_etag_header():
        handler.set_status(304)
    else:
        handler.write(file.content)


def _local_address(handler: RequestHandler) -> str:
    """Return the address at which the connection reached us; '' where it is gone."""
    stream = getattr(handler.request.connection, 'stream', None)
    try:
        return str(stream.socket.getsockname()[0]) if stream is not None else ''
    except (OSError, AttributeError):
        return ''
