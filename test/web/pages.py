# SPDX-License-Identifier: Apache-2.0
"""A server with a robot that only notes what is asked of it, and clients that talk to it."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import websocket_connect

from binclf_ros.web.options import WebOptions
from binclf_ros.web.scene import Scene
from binclf_ros.web.server import Server

HANG_SEC = 20.0


class NotingRobot:
    """Keeps what it is asked for, with the time."""

    def __init__(self):
        self.labels = []
        self.asked = []
        self.looks = []
        self.watched = []
        self.painted = []

    def publish_label(self, label):
        self.labels.append((time.monotonic(), label))

    def ask(self, request, answer):
        self.asked.append((request, answer))

    def look(self, listed, topics):
        self.looks.append((listed, topics))

    def watch(self, live, stills):
        self.watched.append((live, stills))

    def label_picture(self, picture, strokes, answer):
        self.painted.append((picture, strokes, answer))


class Page:
    """A client of the socket; everything that came, in order."""

    def __init__(self, connection):
        self.connection = connection
        self.sequence = 0
        self.messages = []
        self.ended = False

    @property
    def clock(self):
        return time.monotonic() * 1e3

    async def say(self, **fields):
        await self.connection.write_message(json.dumps(fields))

    async def hold(self, label, late_sec=0.0):
        self.sequence += 1
        clock = self.clock - late_sec * 1e3
        await self.say(type='hold', label=label, sequence=self.sequence, clock=clock)

    async def hear(self, kind):
        """Return the next message of a kind."""
        while True:
            text = await asyncio.wait_for(self.connection.read_message(), HANG_SEC)
            assert text is not None, f'closed while waiting for {kind}: {self.connection.close_code}'
            self.messages.append(json.loads(text))
            if self.messages[-1]['type'] == kind:
                return self.messages[-1]

    async def closed(self):
        """Wait until the server has ended it."""
        while not self.ended:
            self.ended = await asyncio.wait_for(self.connection.read_message(), HANG_SEC) is None


class Site:
    """The server and what a browser would do with it."""

    def __init__(self, server, robot, scene):
        self.server, self.robot, self.scene = server, robot, scene
        self.pages = []
        self.place = f'http://127.0.0.1:{server.port}'

    @property
    def cookie(self):
        return f'binclf_ros_{self.server.port}={self.server.access.token}'

    async def get(self, path, token=True, **headers):
        given = {'Cookie': self.cookie} if token else {}
        request = HTTPRequest(self.place + path, headers={**given, **headers}, follow_redirects=False)
        return await AsyncHTTPClient(force_instance=True).fetch(request, raise_error=False)

    async def page(self, token=True, **headers):
        given = {'Cookie': self.cookie} if token else {}
        url = f'ws://127.0.0.1:{self.server.port}/ws'
        page = Page(await websocket_connect(HTTPRequest(url, headers={**given, **headers})))
        self.pages.append(page)
        return page

    async def end(self):
        for each in self.pages:
            each.connection.close()
        for each in self.pages:
            await each.closed()
        await self.server.close()

    async def until(self, condition):
        ends = time.monotonic() + HANG_SEC
        while not condition():
            assert time.monotonic() < ends, 'waited in vain'
            await asyncio.sleep(0.005)


@asynccontextmanager
async def site(**options):
    robot, scene = NotingRobot(), Scene()
    server = Server(WebOptions(**{'port': 0, **options}), scene, robot)
    server.start()
    site = Site(server, robot, scene)
    try:
        yield site
    finally:
        await site.end()
