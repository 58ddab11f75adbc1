# SPDX-License-Identifier: Apache-2.0
"""What the page to teach from costs: writes doc/explanation/benchmarks.md.

python benchmarks/web.py [--dry] [--minutes N]

Probability, decision and labelled features at 1 kHz, three pages, one of them stopped later, and a real
browser for its heap (playwright and chromium; without them there is no such row).
"""

# ruff: noqa: ANN001, ANN201

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from measure import LOAD, machine, put_section

HZ = 1000
CPU_SEC = 20.0
STOPPED_SEC = 10.0
START, END = '<!-- web: written by make bench-web -->', '<!-- end of web -->'
TEXT = """## The page to teach from

One run of `make bench-web` on {machine}. Probability, decision and labelled features of eight values come
at {hz:,} Hz each; three pages are connected, at 10 frames a second. CPU is that of all threads of the web
node. The load average was {load} at the start.

| work | figure | target |
| --- | --- | --- |
{facts}
"""
CLIENT = """
import asyncio, sys
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

async def run():
    request = HTTPRequest(sys.argv[1], headers={'Cookie': sys.argv[2]})
    connection = await websocket_connect(request)
    while await connection.read_message() is not None:
        print('.', end='', flush=True)

asyncio.run(run())
"""


class Page(threading.Thread):
    """A client that notes when each frame came."""

    def __init__(self, url: str, cookie: str) -> None:
        super().__init__(daemon=True)
        self.at: list[float] = []
        self._url, self._cookie = url, cookie
        self.start()

    def run(self) -> None:
        asyncio.run(self._read())

    async def _read(self) -> None:
        from tornado.httpclient import HTTPRequest
        from tornado.websocket import websocket_connect

        connection = await websocket_connect(HTTPRequest(self._url, headers={'Cookie': self._cookie}))
        while (text := await connection.read_message()) is not None:
            if json.loads(text)['type'] == 'state':
                self.at.append(time.perf_counter())

    def gaps_ms(self, since: float) -> np.ndarray:
        """Return the time between frames since then."""
        return 1e3 * np.diff([each for each in self.at if each >= since])


class Robot(threading.Thread):
    """Publishes what a robot at 1 kHz does, each millisecond or in what it is late by."""

    def __init__(self, probe) -> None:
        super().__init__(daemon=True)
        from std_msgs.msg import Float64, Float64MultiArray, UInt8

        self._outs = [
            (probe.publisher(Float64, '/web/probability'), Float64(data=0.5)),
            (probe.publisher(UInt8, '/web/decision'), UInt8(data=1)),
            (probe.publisher(Float64MultiArray, '/web/labeled_features'),
             Float64MultiArray(data=[0.5] * 8 + [1.0])),
        ]  # fmt: skip
        self.count, self.ending = 0, False

    def run(self) -> None:
        began = time.perf_counter()
        while not self.ending:
            while self.count < HZ * (time.perf_counter() - began):
                for out, message in self._outs:
                    out.publish(message)
                self.count += 1
            time.sleep(0.0005)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return int(probe.getsockname()[1])


def connected(folder: Path):
    """Start the web node; return it, its address, and the cookie of a page."""
    from probe import Server

    port, token = free_port(), folder / 'token'
    server = Server('web', 'web', parameters=[f'port:={port}', f'token_file:={token}'])
    while True:
        try:
            socket.create_connection(('127.0.0.1', port), 1.0).close()
            break
        except OSError:
            time.sleep(0.1)
    return server, f'127.0.0.1:{port}', f'binclf_ros_{port}={token.read_text().strip()}'


def stopped(url: str, cookie: str, pages: list[Page]) -> list:
    """Return how the others fare beside a page that is stopped, and beside it before that."""
    client = subprocess.Popen(
        [sys.executable, '-c', CLIENT, url, cookie], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        time.sleep(2.0)
        began = time.perf_counter()
        time.sleep(STOPPED_SEC)
        before = np.concatenate([each.gaps_ms(began) for each in pages])
        client.send_signal(signal.SIGSTOP)
        began = time.perf_counter()
        time.sleep(STOPPED_SEC)
        after = np.concatenate([each.gaps_ms(began) for each in pages])
    finally:
        client.kill()
        client.wait()
    p99 = [float(np.percentile(each, 99)) for each in (before, after)]
    shown = [f'{np.median(each):.0f}, {worst:.0f} ms' for each, worst in zip((before, after), p99)]
    return [
        ('between two frames, median and p99, three pages', shown[0], '', None),
        ('… while one of them is stopped (SIGSTOP)', shown[1], 'not delayed', p99[1] < 1.5 * p99[0] + 20.0),
    ]


def heap(place: str, cookie: str, minutes: float) -> list:
    """Return what a real page holds in its heap, after a collection, at the start and at the end."""
    chromium = shutil.which('chromium') or shutil.which('chromium-browser')
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        chromium = None
    if chromium is None:
        return []
    token, used = cookie.partition('=')[2], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=['--no-sandbox'])
        page = browser.new_page()
        page.goto(f'http://{place}/?token={token}')
        inspector = page.context.new_cdp_session(page)
        for seconds in (20.0, 60.0 * minutes - 20.0):
            page.wait_for_timeout(1e3 * seconds)
            inspector.send('HeapProfiler.collectGarbage')
            used.append(inspector.send('Runtime.getHeapUsage')['usedSize'] / 2**20)
        browser.close()
    row = f"the page's heap after {minutes:g} minutes (after 20 s)"
    return [(row, f'{used[1]:.1f} MiB ({used[0]:.1f})', '≤ 30', used[1] <= 30.0)]


def measured(minutes: float) -> list:
    os.environ.update(ROS_DOMAIN_ID='76', ROS_AUTOMATIC_DISCOVERY_RANGE='LOCALHOST')
    from probe import Probe

    probe = Probe()
    robot = Robot(probe)
    with tempfile.TemporaryDirectory() as folder:
        server, place, cookie = connected(Path(folder))
        try:
            url = f'ws://{place}/ws'
            pages = [Page(url, cookie) for _ in range(3)]
            probe.until(lambda: all(each.at for each in pages), what='pages')
            robot.start()
            time.sleep(3.0)
            began, cpu, count = time.perf_counter(), server.cpu_sec(), robot.count
            time.sleep(CPU_SEC)
            spent = time.perf_counter() - began
            load, rate = (server.cpu_sec() - cpu) / spent, (robot.count - count) / spent
            facts = [
                (f'CPU, three pages, {rate:.0f} Hz', f'{100 * load:.0f} % of a core', '≤ 20 %', load <= 0.2)
            ]
            facts += stopped(url, cookie, pages[:2])
            facts += heap(place, cookie, minutes)
            return [*facts, ('memory of the web node', f'{server.resident_mib():.0f} MiB', '', None)]
        finally:
            robot.ending = True
            server.end()
            probe.close()


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument('--dry', action='store_true', help='write nothing')
    arguments.add_argument('--minutes', type=float, default=10.0, help='for the heap of the page')
    given = arguments.parse_args()
    lines = [
        f'| {work} | {figure} | {target} {"" if met is None else "met" if met else "MISSED"} |'
        for work, figure, target, met in measured(given.minutes)
    ]
    facts = '\n'.join(lines)
    print(facts)
    if not given.dry:
        text = TEXT.format(machine=machine(), load=LOAD, hz=HZ, facts=facts)
        put_section(Path(__file__).resolve().parents[1] / 'doc/explanation/benchmarks.md', START, text, END)
    return 0


if __name__ == '__main__':
    sys.exit(main())
