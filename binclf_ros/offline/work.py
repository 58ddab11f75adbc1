# SPDX-License-Identifier: Apache-2.0
"""Tasks over an executor: in this process, over spawned processes, or over a Dask cluster.

`concurrent.futures.Executor` is all that is asked of them. Tasks take paths and give small results.
A pool that broke, because a worker was killed or ran out of memory, is made again; a task that was lost
three times fails.
"""

from __future__ import annotations

import multiprocessing
import os
import platform
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import wait as wait_for_sentinel
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import numpy as np

from ..core.errors import BinclfError
from .errors import OfflineFailed

MAX_ATTEMPTS = 3
LOST = ('KilledWorker', 'FutureCancelledError')
"""Errors of Dask where a worker was lost too often."""
CONNECT_SEC = 20.0
Item = TypeVar('Item')
Result = TypeVar('Result')


class InThisProcess(Executor):
    """Runs each task at once."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a task, and return its result as a future."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class Work:
    """An executor by `jobs` processes (1: this one) or at the `cluster`'s address; for `with`."""

    def __init__(self, jobs: int, cluster: str = '') -> None:
        self.jobs, self._cluster = jobs, cluster
        self._client: Any = None
        self._executor: Executor | None = None

    def __enter__(self) -> Work:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(now=kind is not None)

    @property
    def parallel(self) -> bool:
        """Whether tasks run elsewhere than in this process."""
        return bool(self._cluster) or self.jobs > 1

    @property
    def width(self) -> int:
        """How many tasks run at once."""
        if self._cluster:
            self._start()
            return max(1, len(self._client.scheduler_info()['workers']))
        return self.jobs

    def map(
        self,
        function: Callable[[Item], Result],
        items: Sequence[Item],
        done: Callable[[int, Result], None] = lambda number, result: None,
    ) -> list[Result]:
        """Return the results in the order of the items; `done` gets each as it comes.

        Raises what a task raises, and OfflineFailed where a worker was lost three times with one of them.
        """
        results: dict[int, Result] = {}
        attempts = dict.fromkeys(range(len(items)), 0)
        while len(results) < len(items):
            # what was lost may have been lost by another's fault: it is tried again alone
            suspects = [n for n, times in attempts.items() if times and n not in results]
            left = suspects or [n for n in attempts if n not in results]
            most = 1 if suspects and not self._cluster else self.jobs
            lost = self._try(function, items, results, done, left, len(items) if self._cluster else most)
            for number in lost:
                attempts[number] += 1
                if attempts[number] >= MAX_ATTEMPTS:
                    raise OfflineFailed(
                        f'a worker was lost {MAX_ATTEMPTS} times (killed, or out of memory) at '
                        f'{_describe(items[number])}; what is finished stays: try --jobs 1'
                    )
            if lost:
                self._drop()
        return [results[number] for number in range(len(items))]

    def _try(
        self,
        function: Callable[[Item], Result],
        items: Sequence[Item],
        results: dict[int, Result],
        done: Callable[[int, Result], None],
        left: list[int],
        most: int,
    ) -> list[int]:
        """Run what is left, `most` at once; return the numbers of those that a worker was lost with.

        A pool that breaks loses all that it was given: so it is given no more than it can work on.
        """
        executor = self._start()
        left = left[::-1]
        lost: list[int] = []
        pending: dict[Future[Any], int] = {}
        while (left or pending) and not lost:
            while left and len(pending) < most:
                number = left.pop()
                try:
                    pending[executor.submit(function, items[number])] = number
                except BrokenProcessPool:
                    return [number, *pending.values()]
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                number = pending.pop(future)
                if self._is_lost(future, pending):
                    lost.append(number)
                    continue
                results[number] = future.result()
                done(number, results[number])
        return lost + list(pending.values())

    @staticmethod
    def _is_lost(future: Future[Any], others: Iterable[Future[Any]]) -> bool:
        """Whether a task failed because its worker did; for any other reason, give the others up."""
        error = CancelledError() if future.cancelled() else future.exception()
        if error is None:
            return False
        lost = isinstance(error, (BrokenProcessPool, CancelledError)) or type(error).__name__ in LOST
        if not lost:
            for other in others:
                other.cancel()
        return lost

    def _start(self) -> Executor:
        if self._executor is None:
            if self._cluster:
                self._executor = self._connect()
            elif self.jobs > 1:
                context = multiprocessing.get_context('spawn')
                self._executor = ProcessPoolExecutor(self.jobs, mp_context=context, initializer=_begin)
            else:
                self._executor = InThisProcess()
        return self._executor

    def _connect(self) -> Executor:
        try:
            distributed = import_module('distributed')
        except ImportError as error:
            raise BinclfError('--cluster needs the package distributed: pip install distributed') from error
        try:
            self._client = distributed.Client(self._cluster, timeout=CONNECT_SEC, set_as_default=False)
        except Exception as error:  # it has many
            raise BinclfError(
                f'no Dask scheduler answers at {self._cluster} ({error or type(error).__name__}): '
                'start one with `dask scheduler`, and workers with `dask worker ADDRESS`'
            ) from error
        executor: Executor = self._client.get_executor(pure=False, retries=MAX_ATTEMPTS)
        return executor

    def check_cluster(self, first: Path) -> None:
        """Have each worker of a cluster say its versions, and whether it sees the first recording.

        Raises BinclfError with a table where one differs.
        """
        if not self._cluster:
            return
        self._start()
        said: dict[str, dict[str, str]] = self._client.run(about, str(first))
        if not said:
            raise BinclfError(f'the scheduler at {self._cluster} has no workers: `dask worker ADDRESS`')
        own = about(str(first))
        if any(each != own for each in said.values()):
            rows = {'here': own, **said}
            table = '\n'.join(
                f'  {name}: {", ".join(f"{k} {v}" for k, v in row.items())}' for name, row in rows.items()
            )
            raise BinclfError(
                'the workers of the cluster differ from here: give them the same versions, and the '
                f'recordings at the same place\n{table}'
            )

    def _drop(self) -> None:
        """Leave a broken pool; the next task starts another."""
        if self._executor is not None and not self._cluster:
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._executor = None

    def close(self, *, now: bool = False) -> None:
        """End the workers; `now`: in the middle of a task."""
        executor, self._executor = self._executor, None
        if isinstance(executor, ProcessPoolExecutor):
            workers = list((getattr(executor, '_processes', None) or {}).values())
            executor.shutdown(wait=not now, cancel_futures=True)
            for worker in workers if now else ():
                worker.terminate()
        elif executor is not None:
            executor.shutdown(wait=not now)
        if self._client is not None:
            with suppress(Exception):
                self._client.close()
            self._client = None


def _describe(item: object) -> str:
    source = getattr(item, 'source', None)
    return str(getattr(source, 'name', None) or 'a part of the samples')


def _begin() -> None:
    """Prepare a worker process: Ctrl-C is the parent's, and without the parent it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait_for_sentinel([sentinel])
    os._exit(1)


def about(path: str) -> dict[str, str]:
    """Return what has to be the same on all workers: versions, and whether a file is seen."""
    from .. import __version__

    return {
        'python': '.'.join(map(str, sys.version_info[:2])),
        'numpy': np.__version__,
        'binclf_ros': __version__,
        'machine': platform.machine(),
        'sees the recording': str(os.path.exists(path)),
    }
