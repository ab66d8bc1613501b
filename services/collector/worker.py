"""One worker process of the collector: a server with a journal of its own."""

import asyncio
import gc
import sys
from dataclasses import dataclass

from services.access import Authenticator
from services.audit import AuditLog
from services.collector.handlers import Collecting
from services.collector.ports import Journal
from services.collector.servicer import SERVICE, CollectorServicer
from services.grpc_server import RunningServer, ServerOptions, keep_serving, start_server

_SWITCH_S = 0.001


@dataclass(slots=True)
class Worker:
    """A worker that is wired and not yet listening. Whoever built it closes it.

    Attributes:
        options: Where it listens and how it behaves.
        collecting: What batches are handled with.
        stream_window: How many batches of a stream may be on their way at once.
        authenticator: Knows the sources.
        audit: Where sources that were turned away are noted.
    """

    options: ServerOptions
    collecting: Collecting
    stream_window: int
    authenticator: Authenticator
    audit: AuditLog

    @property
    def journal(self) -> Journal:
        """Where its events become durable."""
        return self.collecting.journal

    async def start(self) -> RunningServer:
        """Listen; the returned server knows its port."""
        servicer = CollectorServicer(self.collecting, self.stream_window)
        return await start_server(self.options, self.authenticator, servicer.add_to, [SERVICE], self.audit)

    def close(self) -> None:
        """Flush the journal and the audit, after the server has drained."""
        self.journal.close()
        self.collecting.quotas.close()
        self.audit.flush()


async def serve(worker: Worker, lifeline: int) -> None:
    """Serve until SIGTERM, or until the supervisor at the other end of the lifeline is gone; then drain.

    Args:
        worker: The worker; it is closed in the end.
        lifeline: The reading end of a pipe on which nothing is ever written.
    """
    # The journal's thread asks for the interpreter's lock after each statement; it must not wait long for it.
    sys.setswitchinterval(_SWITCH_S)
    try:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(lifeline, stop.set)
        running = await keep_serving(worker.start, stop, _settle)
        loop.remove_reader(lifeline)
        await running.drain()
    finally:
        worker.close()


def _settle() -> None:
    # What is there now stays for good: the garbage collector need not look at it with every batch. It must look often:
    # a call that was refused is a cycle, and holds its request.
    gc.collect()
    gc.freeze()
