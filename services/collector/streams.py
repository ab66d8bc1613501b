"""Many batches of one stream at once, acknowledged in their order."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeVar

from privacy.errors import MangroveError


class OffsetInvalid(MangroveError):
    """A batch's number is zero or out of turn."""

    reason = "OFFSET_INVALID"

    def __init__(self) -> None:
        super().__init__(
            "The batches of a stream are numbered from 1 on, each one more than the one before. Nothing of this one "
            "was taken; open a new stream and go on from the first batch that was not acknowledged."
        )


class Numbered(Protocol):
    """A batch of a stream."""

    @property
    def offset(self) -> int:
        """The client's number of the batch."""
        ...


Request = TypeVar("Request", bound=Numbered)
Response = TypeVar("Response")


async def acknowledged(
    requests: AsyncIterator[Request], answer: Callable[[Request], Awaitable[Response]], window: int
) -> AsyncIterator[Response]:
    """Yield the answers to requests in their order, while up to `window` of them are worked on.

    No more than that is read ahead, so a client that sends faster is slowed down by the transport. At the first
    request that fails the later ones are given up and its error is raised, after the answers before it.

    Args:
        requests: The batches as they come.
        answer: Handles one batch.
        window: The most batches at once, 1 or more.

    Raises:
        OffsetInvalid: if a batch is out of turn.
        Exception: whatever `answer` raises.
    """
    waiting: deque[asyncio.Future[Response]] = deque()
    room, grown, ended = asyncio.Semaphore(window), asyncio.Event(), False

    async def read() -> None:
        nonlocal ended
        expected = None
        try:
            async for request in requests:
                await room.acquire()
                if request.offset == 0 or expected not in (None, request.offset):
                    raise OffsetInvalid
                expected = request.offset + 1
                waiting.append(asyncio.ensure_future(answer(request)))
                grown.set()
        except MangroveError as error:
            failed: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
            failed.set_exception(error)
            waiting.append(failed)
        finally:
            ended = True
            grown.set()

    reader = asyncio.create_task(read())
    try:
        while True:
            while waiting:
                response = await waiting.popleft()
                room.release()
                yield response
            if ended and not waiting:
                return
            grown.clear()
            await grown.wait()
    finally:
        reader.cancel()
        for task in waiting:
            task.cancel()
        await asyncio.gather(reader, *waiting, return_exceptions=True)
