"""Runs blocking work in a few threads, and turns away what would wait for too long."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from services.prediction.metrics import WAITING
from services.prediction.refusals import PredictionBusy

T = TypeVar("T")


class Workers:
    """A few threads and the work that waits for them.

    Args:
        threads: How many pieces of work run at once.
        max_waiting: How many more may wait.
    """

    def __init__(self, threads: int, max_waiting: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="prediction")
        self._most = threads + max_waiting
        self._inside = 0
        self._counting = threading.Lock()

    async def run(self, work: Callable[[], T]) -> T:
        """Do work in a thread; work that nobody waits for any more is not begun.

        Raises:
            PredictionBusy: if there is as much as there may be.
        """
        with self._counting:
            if self._inside >= self._most:
                raise PredictionBusy
            self._inside += 1
        WAITING.inc()
        future = self._threads.submit(work)
        future.add_done_callback(self._done)
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Wait for what runs, and begin nothing more."""
        self._threads.shutdown(cancel_futures=True)

    def _done(self, _future: "Future[Any]") -> None:
        with self._counting:
            self._inside -= 1
        WAITING.dec()
