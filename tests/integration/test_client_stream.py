"""The stream client against a collector that breaks, refuses, stalls and comes back."""

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator

import grpc
import pytest

from mangrove.event.v1 import event_pb2
from services.clients.collector_async import CollectorBusy, CollectorRefused
from services.clients.collector_stream import CollectorStream
from tests.fakes.collector_server import FakeCollector, fail, refuse, wait_for
from tests.generated import an_event


@pytest.fixture
def collector() -> Iterator[FakeCollector]:
    fake = FakeCollector()
    yield fake
    fake.stop()


@pytest.fixture
async def stream(collector: FakeCollector) -> AsyncIterator[CollectorStream]:
    stream = CollectorStream(collector.address, "key", give_up_after_s=20)
    yield stream
    await stream.close()


def batches_of(count: int, size: int = 10) -> list[list[event_pb2.Event]]:
    return [[an_event() for _ in range(size)] for _ in range(count)]


def ids_in(batches: list[list[event_pb2.Event]]) -> set[str]:
    return {event.event_id for batch in batches for event in batch}


async def until(is_so: Callable[[], bool], within_s: float = 30) -> None:
    async with asyncio.timeout(within_s):
        while not is_so():
            await asyncio.sleep(0.01)


async def test_ten_thousand_events_arrive_once_and_in_order(collector: FakeCollector, stream: CollectorStream) -> None:
    collector.start()
    batches = batches_of(100, size=100)
    assert [await stream.send(batch) for batch in batches] == list(range(1, 101))
    await stream.flush()
    assert stream.acknowledged == 100
    assert stream.tally.accepted == 10_000
    assert set(collector.taken) == ids_in(batches)
    assert collector.calls == [list(range(1, 101))]
    assert collector.metadata["authorization"] == "Bearer key"


async def test_the_client_is_never_further_ahead_than_the_window(
    collector: FakeCollector, stream: CollectorStream
) -> None:
    collector.window = 3
    gate = threading.Event()
    collector.before.extend([lambda _: None, wait_for(gate)])
    collector.start()
    for batch in batches_of(12):
        await stream.send(batch)
    await until(lambda: collector.calls == [[1, 2, 3, 4]])
    gate.set()
    await stream.flush()
    assert collector.calls == [list(range(1, 13))]
    assert collector.most_ahead == 3


async def test_no_more_is_held_than_may_be(collector: FakeCollector) -> None:
    async with CollectorStream(collector.address, "key", max_held=5, give_up_after_s=20) as stream:
        batches = batches_of(7)
        for batch in batches[:5]:
            await stream.send(batch)
        sixth = asyncio.ensure_future(stream.send(batches[5]))
        await asyncio.sleep(0.1)
        assert not sixth.done()
        collector.start()
        assert await sixth == 6


@pytest.mark.parametrize(
    "step",
    [
        refuse(grpc.StatusCode.UNAVAILABLE, "OVERLOADED", retry_after_s=0.01),
        refuse(grpc.StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED", retry_after_s=0.01),
        fail(grpc.StatusCode.UNAVAILABLE),
    ],
    ids=["busy", "quota", "broken"],
)
async def test_after_a_break_it_goes_on_from_the_first_batch_that_was_not_acknowledged(
    collector: FakeCollector, stream: CollectorStream, step: Callable[..., None]
) -> None:
    collector.before.extend([lambda _: None] * 7 + [step])
    collector.start()
    batches = batches_of(20)
    for batch in batches:
        await stream.send(batch)
    await stream.flush()
    first, second = collector.calls
    assert first[:8] == list(range(1, 9))
    assert second == list(range(second[0], 21))
    assert second[0] <= 8  # what the collector took but could not tell comes again
    assert stream.tally.verdicts.total() == 200
    assert collector.taken == Counter(ids_in(batches))


async def test_an_acknowledgement_that_was_lost_makes_duplicates_and_nothing_twice(
    collector: FakeCollector, stream: CollectorStream
) -> None:
    collector.after.extend([lambda _: None, fail(grpc.StatusCode.UNAVAILABLE)])
    collector.start()
    for batch in batches_of(5):
        await stream.send(batch)
    await stream.flush()
    assert stream.tally.verdicts == {"ACCEPTED": 40, "DUPLICATE": 10}
    assert set(collector.taken.values()) == {1}


async def test_a_collector_that_stops_and_starts_again_gets_everything_once(collector: FakeCollector) -> None:
    batches = batches_of(120)
    async with CollectorStream(collector.address, "key", max_held=120, give_up_after_s=20) as stream:
        for n in range(0, 120, 40):
            for batch in batches[n : n + 20]:  # nobody is there
                await stream.send(batch)
            await asyncio.to_thread(collector.start)
            await until(lambda seen=n: stream.acknowledged > seen)
            for batch in batches[n + 20 : n + 40]:
                await stream.send(batch)
            await asyncio.to_thread(collector.stop)
        await asyncio.to_thread(collector.start)
    assert set(collector.taken) == ids_in(batches)
    assert set(collector.taken.values()) == {1}
    assert stream.tally.verdicts.total() == 1200


async def test_a_call_that_the_collector_ends_in_peace_is_followed_by_another(
    collector: FakeCollector, stream: CollectorStream
) -> None:
    collector.calls_end_after = 3
    collector.start()
    batches = batches_of(10)
    for batch in batches:
        await stream.send(batch)
    await stream.flush()
    assert collector.taken == Counter(ids_in(batches))
    assert len(collector.calls) == 2


async def test_a_batch_that_is_refused_for_good_is_told_and_those_behind_it_go_on(
    collector: FakeCollector, stream: CollectorStream
) -> None:
    batches = batches_of(6)
    collector.about[batches[2][0].event_id] = refuse(grpc.StatusCode.INVALID_ARGUMENT, "BATCH_TOO_LARGE")
    collector.start()
    for batch in batches:
        await stream.send(batch)
    with pytest.raises(CollectorRefused) as refused:
        await stream.flush()
    await stream.flush()
    assert refused.value.reason == "BATCH_TOO_LARGE"
    assert (stream.tally.accepted, stream.tally.undelivered) == (50, 10)


async def test_a_call_that_is_refused_while_nothing_is_on_its_way_is_followed_by_another(
    collector: FakeCollector, stream: CollectorStream
) -> None:
    collector.at_rest = refuse(grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED")
    collector.start()
    *batches, last = batches_of(6)
    for batch in batches:
        with contextlib.suppress(CollectorRefused):  # it may be on its way before the refusal is heard
            await stream.send(batch)
            await stream.flush()
    collector.at_rest = None
    for _ in range(2):
        with contextlib.suppress(CollectorRefused):
            await stream.send(last)
            await stream.flush()
    assert ids_in([last]) <= set(collector.taken)


async def test_a_source_that_is_refused_is_told(collector: FakeCollector, stream: CollectorStream) -> None:
    batches = batches_of(2)
    refused = refuse(grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")
    collector.about |= {batch[0].event_id: refused for batch in batches}
    collector.start()
    for batch in batches:
        await stream.send(batch)
        with pytest.raises(CollectorRefused):
            await stream.flush()
    assert stream.tally.undelivered == 20


async def test_a_collector_that_stalls_is_told_and_what_is_held_is_tried_on(collector: FakeCollector) -> None:
    collector.before.append(wait_for(threading.Event()))
    collector.start()
    async with CollectorStream(collector.address, "key", give_up_after_s=0.3) as stream:
        await stream.send(batches_of(1)[0])
        with pytest.raises(CollectorBusy, match="did not answer in time"):
            await stream.flush()
        await until(lambda: stream.acknowledged == 1)
    assert stream.tally.verdicts.total() == len(collector.taken) == 10


async def test_an_acknowledgement_out_of_turn_proves_nothing(collector: FakeCollector) -> None:
    collector.off_by = 1
    collector.start()
    stream = CollectorStream(collector.address, "key", give_up_after_s=0.3)
    await stream.send(batches_of(1)[0])
    with pytest.raises(CollectorBusy):
        await stream.flush()
    assert stream.acknowledged == 0
    collector.off_by = 0
    await until(lambda: stream.acknowledged == 1)
    await stream.close()


async def test_what_is_not_acknowledged_when_a_stream_is_closed_is_counted(
    collector: FakeCollector, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = CollectorStream(collector.address, "key", give_up_after_s=0.1)
    await stream.send(batches_of(1)[0])
    await stream.close()
    assert stream.tally.undelivered == 10
    assert "events_not_delivered" in capsys.readouterr().out
