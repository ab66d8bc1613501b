"""A thousand clients that send slowly, not at all, or never read: memory is bounded, and others are served."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from mangrove.collector.v1 import collector_pb2
from mangrove.event.v1 import event_pb2
from tests.chaos.hostile import MIB, request_of
from tests.chaos.http2 import COLLECT, COLLECT_STREAM, HEALTH_CHECK, HEALTH_WATCH, RawConnection, message
from tests.chaos.source import Source
from tests.chaos.target import Target
from tests.chaos.watching import is_serving, log_of
from tests.generated import an_event

pytestmark = pytest.mark.slow

CLIENTS = 1000
ALMOST_ALL = message(b"x" * (39 * MIB // 10), length=4 * MIB)
"""Of a message of 4 MiB; the rest never comes."""
REFUSALS = 200
HEALTHY_S = 5.0
"""What others may wait, generous for a busy machine."""


@contextlib.contextmanager
def attacked(folder: Path, more: str = "") -> Iterator[Target]:
    target = Target(folder / "home", workers=1, more=f"receive_s = 3\ndrain_s = 3\n{more}")
    try:
        yield target
    finally:
        target.stop()


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """One for all: whatever an attack left behind would count against the next."""
    with attacked(tmp_path_factory.mktemp("attacked")) as one:
        yield one


@contextlib.asynccontextmanager
async def others_served(target: Target) -> AsyncIterator[None]:
    """Another source sends all the while, and is served in time; health answers."""
    stopping = asyncio.Event()

    async def send() -> None:
        with Source(target.home) as source:
            while not stopping.is_set():
                assert await asyncio.to_thread(source.delivers, 10, HEALTHY_S)
                assert await asyncio.to_thread(is_serving, target.home)
                await asyncio.sleep(0.1)

    sending = asyncio.create_task(send())
    try:
        yield
    finally:
        stopping.set()
        await sending


async def until(condition, within_s: float = 30) -> None:  # type: ignore[no-untyped-def]
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def connected(target: Target, count: int, **values: int) -> AsyncIterator[list[RawConnection]]:
    """So many connections; when they are closed the collector has let go of them, too."""
    connections = [await target.raw(**values) for _ in range(count)]
    try:
        yield connections
    finally:
        for connection in connections:
            await connection.close()
    await until(lambda: target.more_files < 10)


async def begin(connection: RawConnection, path: str, metadata: tuple[tuple[str, str], ...]) -> None:
    connection.call(1, path, metadata)
    await connection.send(1, ALMOST_ALL)


async def test_a_thousand_slow_clients_are_given_up_while_others_are_served(target: Target) -> None:
    before = target.calls_by_reason()
    async with others_served(target), connected(target, CLIENTS) as slow:
        keys = [target.key if number % 2 else () for number in range(CLIENTS)]
        sending = [asyncio.create_task(begin(one, COLLECT, key)) for one, key in zip(slow, keys, strict=True)]
        await until(lambda: all(connection.ended or connection.closed for connection in slow))
        await asyncio.gather(*sending)
    reasons = target.calls_by_reason() - before
    assert reasons["UNAUTHENTICATED"] == CLIENTS // 2
    assert reasons["REQUEST_SLOW"] + reasons["OVERLOADED"] == CLIENTS // 2
    assert target.complaints() == []


async def test_streams_whose_messages_never_end_take_bounded_memory(target: Target) -> None:
    async with others_served(target), connected(target, 300) as slow:
        await sent_as_far_as_possible([begin(one, COLLECT_STREAM, target.key) for one in slow])
    assert target.complaints() == []


@pytest.mark.parametrize("path", [HEALTH_CHECK, HEALTH_WATCH])
async def test_what_is_open_to_all_takes_bounded_memory_and_stays_open(target: Target, path: str) -> None:
    async with others_served(target), connected(target, 300) as slow:
        await sent_as_far_as_possible([begin(one, path, ()) for one in slow])
    assert target.complaints() == []


async def sent_as_far_as_possible(sending) -> None:  # type: ignore[no-untyped-def]
    """Let clients send until the collector takes no more of it for a while."""
    tasks = [asyncio.ensure_future(one) for one in sending]
    await asyncio.wait(tasks, timeout=6)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_thousand_idle_streams_of_one_source_leave_room_for_others(target: Target) -> None:
    before = target.calls_by_reason()["OVERLOADED"]
    async with others_served(target), connected(target, CLIENTS) as idle:
        for connection in idle:
            connection.call(1, COLLECT_STREAM, target.key)
        await until(lambda: target.calls_by_reason()["OVERLOADED"] > before)
        with Source(target.home) as source:
            assert await asyncio.to_thread(source.stream, 3) is None
    assert target.complaints() == []


async def test_clients_that_never_read_their_answers_take_bounded_memory(target: Target) -> None:
    body = message(collector_pb2.CollectRequest(events=[an_event(channel=0) for _ in range(10)]).SerializeToString())
    async with others_served(target), connected(target, 50, initial_window=0) as deaf:
        for number in range(200):
            for connection in deaf:
                connection.call(2 * number + 1, COLLECT, target.key)
                await connection.send(2 * number + 1, body, ends=True)
    assert target.complaints() == []


async def test_a_client_that_reads_nothing_does_not_keep_a_worker_from_stopping(tmp_path: Path) -> None:
    page = collector_pb2.CollectStreamRequest(offset=1, events=[an_event(page_viewed=event_pb2.PageViewed(url="/x"))])
    with attacked(tmp_path) as target:
        async with connected(target, 3, initial_window=0) as deaf:
            for connection, path in zip(deaf, (HEALTH_WATCH, COLLECT_STREAM, COLLECT), strict=True):
                connection.call(1, path, target.key)
                octets = page.SerializeToString() if path == COLLECT_STREAM else b""
                await connection.send(1, message(octets), ends=True)
            assert await asyncio.to_thread(is_serving, target.home)
            assert await asyncio.to_thread(target.stop) == 0
            assert "killed_after_drain" not in log_of(target.home, "collector")
            target.processes = []


def test_large_batches_that_are_refused_leave_no_memory_behind(tmp_path: Path) -> None:
    """By the key, before they are read, and afterwards by their size, their form and the quota."""
    good, wrong_key = request_of(4 * MIB), (("authorization", "Bearer nothing"),)
    with attacked(tmp_path, more="source_limits.attacker.events_per_day = 1") as target:
        assert target.call(good).reason == "OK"
        for body, key, reason in (
            (good, wrong_key, "UNAUTHENTICATED"),
            (request_of(4 * MIB + 1), target.key, "BATCH_TOO_LARGE"),
            (b"\xff" * 4 * MIB, target.key, "REQUEST_MALFORMED"),
            (good, target.key, "QUOTA_EXCEEDED"),
        ):
            assert {target.call(body, key).reason for _ in range(REFUSALS)} == {reason}
        assert target.complaints() == []
