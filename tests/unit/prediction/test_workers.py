"""What is promised of the threads: a bound, and no work for those who went away."""

import asyncio
import threading

import pytest

from services.prediction.refusals import PredictionBusy
from services.prediction.workers import Workers


async def test_work_is_done_in_other_threads() -> None:
    workers = Workers(2, 0)
    assert await workers.run(threading.get_ident) != threading.get_ident()
    workers.close()


async def test_more_than_may_wait_is_turned_away_and_room_comes_back() -> None:
    workers, go_on = Workers(1, 2), threading.Event()
    held = [asyncio.create_task(workers.run(go_on.wait)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(PredictionBusy):
        await workers.run(lambda: None)
    go_on.set()
    assert await asyncio.gather(*held) == [True] * 3
    assert await workers.run(lambda: "room") == "room"
    workers.close()


async def test_work_that_nobody_waits_for_is_not_begun() -> None:
    workers, go_on, begun = Workers(1, 2), threading.Event(), threading.Event()
    first = asyncio.create_task(workers.run(go_on.wait))
    gone = asyncio.create_task(workers.run(begun.set))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    go_on.set()
    await first
    assert await workers.run(begun.is_set) is False
    workers.close()


async def test_an_error_of_the_work_is_raised_and_gives_its_place_back() -> None:
    workers = Workers(1, 0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            await workers.run(lambda: 1 // 0)
    workers.close()
