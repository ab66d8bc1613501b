"""The collector clients against a collector that refuses, delays, breaks and comes back."""

import threading
from collections.abc import Callable, Iterator

import grpc
import pytest

from mangrove.collector.v1 import collector_pb2
from services.clients.collector import CollectorBusy, CollectorClient, CollectorRefused
from services.clients.collector_async import AsyncCollectorClient
from services.clients.loop_thread import ClientUnusable
from tests.fakes.collector_server import FakeCollector, fail, refuse, wait_for
from tests.generated import an_event
from tests.integration.sending import events_of, flushed, ids_of, until

BUSY = refuse(grpc.StatusCode.UNAVAILABLE, "OVERLOADED", retry_after_s=0.01)


@pytest.fixture
def collector() -> Iterator[FakeCollector]:
    with FakeCollector() as serving:
        yield serving


@pytest.fixture
def away() -> Iterator[FakeCollector]:
    """A collector that is not there yet."""
    fake = FakeCollector()
    yield fake
    fake.stop()


@pytest.mark.parametrize(
    "step",
    [
        BUSY,
        refuse(grpc.StatusCode.UNAVAILABLE, "DRAINING", pushback_ms="10"),
        refuse(grpc.StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED", retry_after_s=0.01),
        refuse(grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"),
        fail(grpc.StatusCode.UNAVAILABLE),
        fail(grpc.StatusCode.INTERNAL),
        fail(grpc.StatusCode.UNKNOWN),
    ],
    ids=["busy", "pushback", "quota", "deadline", "unavailable", "stream reset", "a proxy's answer"],
)
def test_what_passes_is_tried_again(collector: FakeCollector, step: Callable[..., None]) -> None:
    collector.before.extend([step, step])
    with CollectorClient(collector.address, "key") as client:
        client.send_all(events_of(3))
    assert client.tally.accepted == 3
    assert collector.batches == [3, 3, 3]


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (refuse(grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED"), "UNAUTHENTICATED"),
        (refuse(grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED"), "PERMISSION_DENIED"),
        (refuse(grpc.StatusCode.INVALID_ARGUMENT, "BATCH_TOO_LARGE"), "BATCH_TOO_LARGE"),
        (refuse(grpc.StatusCode.INTERNAL, "INTERNAL"), "INTERNAL"),
        (fail(grpc.StatusCode.RESOURCE_EXHAUSTED), "TRANSPORT"),
        (fail(grpc.StatusCode.UNIMPLEMENTED), "TRANSPORT"),
    ],
)
async def test_what_does_not_pass_is_raised_with_its_reason_and_not_tried_again(
    collector: FakeCollector, step: Callable[..., None], reason: str
) -> None:
    collector.before.extend([step, step])
    client = CollectorClient(collector.address, "key")
    with pytest.raises(CollectorRefused) as refused:
        client.send_all(events_of(3))
    client.close()
    assert refused.value.reason == reason
    assert refused.value.sentence
    assert client.tally.undelivered == 3
    async with AsyncCollectorClient(collector.address, "key") as other:
        with pytest.raises(CollectorRefused) as refused:
            await other.collect(events_of(4))
    assert refused.value.reason == reason
    assert collector.batches == [3, 4]


async def test_a_collector_that_stays_busy_is_told_with_when_to_come_again(collector: FakeCollector) -> None:
    collector.before.append(refuse(grpc.StatusCode.UNAVAILABLE, "DISK_LOW", retry_after_s=60))
    async with AsyncCollectorClient(collector.address, "key", timeout_s=5) as client:
        with pytest.raises(CollectorBusy) as busy:
            await client.collect(events_of(2))
    assert (busy.value.reason, busy.value.retry_after_s) == ("DISK_LOW", 60)
    assert collector.batches == [2]


@pytest.mark.parametrize("pushback_ms", ["-1", "soon"])
async def test_a_collector_that_wants_no_other_try_gets_none(collector: FakeCollector, pushback_ms: str) -> None:
    collector.before.append(refuse(grpc.StatusCode.UNAVAILABLE, "OVERLOADED", pushback_ms=pushback_ms))
    async with AsyncCollectorClient(collector.address, "key") as client:
        with pytest.raises(CollectorBusy):
            await client.collect(events_of(2))
    assert collector.batches == [2]


async def test_a_collector_that_does_not_answer_is_given_up_in_time(collector: FakeCollector) -> None:
    never = threading.Event()
    collector.before.append(wait_for(never))
    async with AsyncCollectorClient(collector.address, "key", timeout_s=0.3) as client:
        with pytest.raises(CollectorBusy, match="did not answer in time"):
            await client.collect(events_of(2))


async def test_verdicts_come_in_the_order_of_the_events_over_many_batches(collector: FakeCollector) -> None:
    known, fresh = events_of(1200), events_of(1300)
    async with AsyncCollectorClient(collector.address) as client:
        await client.collect(known, api_key="other")
        assert collector.metadata["authorization"] == "Bearer other"
        mixed = [event for pair in zip(known, fresh, strict=False) for event in pair]
        codes = [verdict.code for verdict in await client.collect(mixed)]
    assert codes == [collector_pb2.VERDICT_CODE_DUPLICATE, collector_pb2.VERDICT_CODE_ACCEPTED] * 1200


def test_an_answer_that_was_lost_makes_duplicates_and_nothing_twice(collector: FakeCollector) -> None:
    collector.after.append(fail(grpc.StatusCode.UNAVAILABLE))
    with CollectorClient(collector.address, "key") as client:
        client.send_all(events_of(40))
    assert dict(client.tally.verdicts) == {"DUPLICATE": 40}
    assert set(collector.taken.values()) == {1}


def test_an_answer_that_does_not_fit_the_batch_proves_nothing(collector: FakeCollector) -> None:
    collector.off_by = 1
    client = CollectorClient(collector.address, "key")
    with pytest.raises(CollectorRefused) as refused:
        client.send_all(events_of(3))
    client.close()
    assert refused.value.reason == "ANSWER_INVALID"
    assert client.tally.accepted == 0


def test_a_verdict_that_a_newer_collector_gives_is_counted_by_its_number(collector: FakeCollector) -> None:
    collector.verdict = 42
    with CollectorClient(collector.address, "key") as client:
        client.send_all(events_of(3))
    assert dict(client.tally.verdicts) == {"UNKNOWN_42": 3}


def test_ten_thousand_events_arrive_once_over_breaks(collector: FakeCollector) -> None:
    acknowledged: set[str] = set()
    events = events_of(10_000)
    collector.before.extend([BUSY, fail(grpc.StatusCode.UNAVAILABLE)] * 5)
    collector.after.extend([fail(grpc.StatusCode.UNAVAILABLE)] * 5)
    with CollectorClient(
        collector.address, "key", gzip=True, on_verdicts=lambda sent, _: acknowledged.update(ids_of(list(sent)))
    ) as client:
        client.send_all(events)
    assert acknowledged == ids_of(events) == set(collector.taken)
    assert client.tally.verdicts.total() == 10_000


async def test_the_asyncio_client_sends_like_the_other(collector: FakeCollector) -> None:
    events = events_of(1234)
    async with AsyncCollectorClient(collector.address, "key", batch_events=50) as client:
        for event in events:
            await client.send(event)
    assert set(collector.taken) == ids_of(events)
    assert client.tally.accepted == 1234
    assert max(collector.batches) == 50


def test_several_threads_share_a_client(collector: FakeCollector) -> None:
    events = events_of(2000)
    with CollectorClient(collector.address, "key") as client:
        threads = [threading.Thread(target=client.send_all, args=[events[n::8]]) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert set(collector.taken) == ids_of(events)


def test_an_event_does_not_wait_for_others_forever(collector: FakeCollector) -> None:
    with CollectorClient(collector.address, "key", linger_s=0.05) as client:
        client.send(an_event())
        until(lambda: client.tally.accepted == 1)
        client.send(an_event())
        until(lambda: client.tally.accepted == 2)


def test_sending_waits_while_memory_is_full_and_says_so_in_the_end(away: FakeCollector) -> None:
    client = CollectorClient(away.address, "key", batch_events=10, max_in_flight=2, give_up_after_s=0.3)
    events, taken = events_of(100), []
    with pytest.raises(CollectorBusy) as busy:
        for event in events:
            client.send(event)
            taken.append(event)
    assert len(taken) <= 30
    assert busy.value.reason == "TRANSPORT"
    away.start()
    until(lambda: flushed(client))
    assert set(away.taken) == ids_of(taken)
    client.close()


def test_what_cannot_be_delivered_when_a_client_is_closed_is_counted(
    away: FakeCollector, capsys: pytest.CaptureFixture[str]
) -> None:
    client = CollectorClient(away.address, "key", give_up_after_s=0.1)
    client.send(an_event())
    client.close()
    assert client.tally.undelivered == 1
    assert "events_not_delivered" in capsys.readouterr().out
    with pytest.raises(ClientUnusable):
        client.send(an_event())
    client.close()


def test_what_the_callback_raises_goes_to_the_caller(collector: FakeCollector) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    client = CollectorClient(collector.address, "key", on_verdicts=broken)
    with pytest.raises(ZeroDivisionError):
        client.send_all(events_of(3))
    client.close()
    assert len(collector.taken) == 3
