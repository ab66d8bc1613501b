"""Runs asyncio code for callers who are not: one event loop in a thread of its own."""

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from privacy.errors import MangroveError

T = TypeVar("T")


class ClientUnusable(MangroveError):
    """The client was closed, or belongs to the process that this one was forked from."""

    reason = "CLIENT_UNUSABLE"

    def __init__(self) -> None:
        super().__init__("This client was closed, or was made before this process was forked. Make a new one here.")


class LoopThread:
    """An event loop that runs in a daemon thread until it is stopped."""

    def __init__(self, name: str) -> None:
        self._process = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    @property
    def is_usable(self) -> bool:
        """Whether the loop runs, and in this process."""
        return not self._loop.is_closed() and self._process == os.getpid()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop and wait for what it gives; it is cancelled when the wait is interrupted.

        Raises:
            ClientUnusable: if the loop was stopped, or runs in another process.
        """
        if not self.is_usable:
            work.close()
            raise ClientUnusable
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def stop(self) -> None:
        """Stop the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
