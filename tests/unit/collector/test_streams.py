"""What is promised of a stream of batches: order, a bounded window, and where it ends when one fails."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.errors import MangroveError
from services.collector.ports import Overloaded
from services.collector.streams import OffsetInvalid, acknowledged


@dataclass(frozen=True)
class Numbered:
    offset: int


async def sent(*offsets: int) -> AsyncIterator[Numbered]:
    for offset in offsets:
        yield Numbered(offset)


async def answers(requests: AsyncIterator[Numbered], answer, window: int = 4) -> tuple[list[int], BaseException | None]:
    told: list[int] = []
    try:
        async for response in acknowledged(requests, answer, window):
            told.append(response)
    except MangroveError as error:
        return told, error
    return told, None


async def echo(request: Numbered) -> int:
    return request.offset


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=20), st.integers(1, 6))
def test_answers_come_in_order_however_long_each_takes(turns: list[int], window: int) -> None:
    async def slow(request: Numbered) -> int:
        for _ in range(turns[request.offset - 1]):
            await asyncio.sleep(0)
        return request.offset

    numbers = range(1, len(turns) + 1)
    assert asyncio.run(answers(sent(*numbers), slow, window)) == (list(numbers), None)


async def test_no_more_than_the_window_is_worked_on_or_read_ahead() -> None:
    read, release = 0, asyncio.Event()

    async def counted() -> AsyncIterator[Numbered]:
        nonlocal read
        for offset in range(1, 100):
            read += 1
            yield Numbered(offset)

    async def held(request: Numbered) -> int:
        await release.wait()
        return request.offset

    running = asyncio.create_task(answers(counted(), held, 3))
    for _ in range(50):
        await asyncio.sleep(0)
    assert read == 4
    release.set()
    assert (await running)[0] == list(range(1, 100))


async def test_a_stream_may_begin_anywhere_from_one_on() -> None:
    assert await answers(sent(7, 8, 9), echo) == ([7, 8, 9], None)


@pytest.mark.parametrize(("offsets", "told"), [([0], []), ([1, 3], [1]), ([5, 5], [5]), ([2, 1], [2])])
async def test_a_batch_out_of_turn_ends_the_stream_behind_the_last_answer(offsets: list[int], told: list[int]) -> None:
    got, error = await answers(sent(*offsets), echo)
    assert got == told
    assert isinstance(error, OffsetInvalid)


async def test_what_fails_ends_the_stream_after_the_answers_before_it_and_later_batches_are_given_up() -> None:
    given_up = []

    async def third_fails(request: Numbered) -> int:
        if request.offset == 3:
            raise Overloaded
        try:
            await asyncio.sleep(0 if request.offset < 3 else 60)
        except asyncio.CancelledError:
            given_up.append(request.offset)
            raise
        return request.offset

    got, error = await answers(sent(1, 2, 3, 4, 5), third_fails, 5)
    assert got == [1, 2]
    assert isinstance(error, Overloaded)
    assert set(given_up) <= {4, 5}
