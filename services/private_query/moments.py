"""The moments at which answers leave, so that how long one took tells next to nothing about the data."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from privacy.errors import MangroveError

_T = TypeVar("_T")


def leaves_after(worked_ms: float, moments: Sequence[int]) -> float:
    """Say at which moment work that took so long may leave: the next one, then whole multiples of the last.

    Args:
        worked_ms: How long it took, milliseconds.
        moments: Milliseconds after the start, ascending, 1 or more of them.
    """
    last = moments[-1]
    return next((moment for moment in moments if worked_ms <= moment), -(-worked_ms // last) * last)


async def held(
    work: Awaitable[_T],
    moments: Sequence[int],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> _T:
    """Do work, and give its result or its error at the next moment.

    Args:
        work: What is done.
        moments: As in `leaves_after`.
        clock: Seconds that never go back.
        sleep: Waits so many seconds.
    """
    started = clock()

    async def until_it_leaves() -> None:
        worked_ms = (clock() - started) * 1000
        await sleep((leaves_after(worked_ms, moments) - worked_ms) / 1000)

    try:
        found = await work
    except MangroveError:
        await until_it_leaves()
        raise
    await until_it_leaves()
    return found
