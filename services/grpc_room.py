"""How many calls and bytes a server holds at once, and how long a request may take to come.

Python sees a request only when all of it has come; before that its bytes lie in gRPC's core. So the calls whose
requests are being read are few, and one that reads for long makes way when others wait.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from prometheus_client import Gauge

from privacy.errors import MangroveError

HELD_BYTES = Gauge(
    "mangrove_grpc_held_bytes", "Bytes of requests that are being handled.", ["method"], multiprocess_mode="livesum"
)


class RequestMalformed(MangroveError):
    """The request's bytes are no message of the method's type."""

    reason = "REQUEST_MALFORMED"

    def __init__(self) -> None:
        super().__init__("The request cannot be read. Build it from the published schema.")


class RequestTooLarge(MangroveError):
    """The request has more bytes than this server takes."""

    reason = "BATCH_TOO_LARGE"

    def __init__(self, max_bytes: int) -> None:
        super().__init__(
            f"The request is larger than {max_bytes} bytes, so nothing of it was taken. Send smaller batches."
        )


class RequestSlow(MangroveError):
    """The request took too long to arrive."""

    reason = "REQUEST_SLOW"

    def __init__(self) -> None:
        super().__init__(
            "The request did not arrive in time, while others waited, so nothing of it was taken. Send smaller batches."
        )


class TooBusy(MangroveError):
    """The server holds as many requests or bytes as it may."""

    reason = "OVERLOADED"

    def __init__(self) -> None:
        super().__init__("The server holds as many requests as it may. Send the request again in a moment.")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server holds at once; zero for no limit.

    Attributes:
        max_message_bytes: The most bytes of one request.
        max_calls: The most calls at once. A quarter of them is kept from any one caller.
        max_streams: The most streams at once, likewise.
        max_held_bytes: The most bytes of requests that are being handled.
        receive_s: How long one request may take to arrive, in seconds.
        readers: How many calls may have their requests read at once.
        reads_alone_s: How long a request may take to arrive when others wait to be read, in seconds.
    """

    max_message_bytes: int = 4 * 1024 * 1024
    max_calls: int = 0
    max_streams: int = 0
    max_held_bytes: int = 0
    receive_s: float = 60.0
    readers: int = 32
    reads_alone_s: float = 1.0


class Room:
    """What a server holds now.

    Args:
        limits: What it holds at most.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._calls: Counter[tuple[bool, str]] = Counter()
        self._held = 0
        self._readers: OrderedDict[object, tuple[float, asyncio.Timeout]] = OrderedDict()
        self._place = asyncio.Event()

    def enter(self, caller: str, *, is_stream: bool = False) -> None:
        """Count a call in.

        Raises:
            TooBusy: if there are as many as there may be, of all callers or of this one.
        """
        most = self._limits.max_streams if is_stream else self._limits.max_calls
        of_all = sum(count for (streams, _), count in self._calls.items() if streams is is_stream)
        if most and (of_all >= most or self._calls[is_stream, caller] >= most - most // 4):
            raise TooBusy
        self._calls[is_stream, caller] += 1

    def leave(self, caller: str, *, is_stream: bool = False) -> None:
        """Count a call out."""
        self._calls[is_stream, caller] -= 1
        if not self._calls[is_stream, caller]:
            del self._calls[is_stream, caller]

    def hold(self, method: str, size: int) -> None:
        """Count the bytes of a request in.

        Raises:
            RequestTooLarge, TooBusy: if they are more than one request, or all together, may have.
        """
        if size > self._limits.max_message_bytes:
            raise RequestTooLarge(self._limits.max_message_bytes)
        if self._limits.max_held_bytes and self._held and self._held + size > self._limits.max_held_bytes:
            raise TooBusy
        self._held += size
        HELD_BYTES.labels(method).inc(size)

    def release(self, method: str, size: int) -> None:
        """Count the bytes of a request out."""
        self._held -= size
        HELD_BYTES.labels(method).dec(size)

    async def receive(self, requests: AsyncIterator[bytes]) -> bytes:
        """Return a call's only request.

        Raises:
            RequestSlow, RequestMalformed: if it does not come in time or at all.
        """
        try:
            async with asyncio.timeout(self._limits.receive_s) as timeout, self._reading(timeout):
                return await anext(requests)
        except TimeoutError:
            raise RequestSlow from None
        except StopAsyncIteration:
            raise RequestMalformed from None

    @asynccontextmanager
    async def _reading(self, timeout: asyncio.Timeout) -> AsyncIterator[None]:
        now = asyncio.get_running_loop().time
        while len(self._readers) >= self._limits.readers:
            longest, (since, its_timeout) = next(iter(self._readers.items()))
            if now() - since >= self._limits.reads_alone_s:
                del self._readers[longest]
                # One that is over just now cannot be set anew, and need not be.
                with suppress(RuntimeError):
                    its_timeout.reschedule(now())
            else:
                await self._wait(since + self._limits.reads_alone_s - now())
        me = object()
        self._readers[me] = (now(), timeout)
        try:
            yield
        finally:
            self._readers.pop(me, None)
            self._place.set()

    async def _wait(self, seconds: float) -> None:
        """Wait until a reader has gone, or for some seconds."""
        self._place.clear()
        waiting = asyncio.ensure_future(self._place.wait())
        await asyncio.wait([waiting], timeout=seconds)
        waiting.cancel()
