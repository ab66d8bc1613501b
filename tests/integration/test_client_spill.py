"""What waits encrypted on a client's disk while the collector is away."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from mangrove.event.v1 import event_pb2
from services.clients.collector import CollectorBusy, CollectorClient, CollectorRefused
from services.clients.collector_async import AsyncCollectorClient
from services.clients.spill import Spill, SpillFull
from tests.fakes.collector_server import FakeCollector, refuse
from tests.generated import an_event, identifier
from tests.integration.sending import events_of, flushed, ids_of, until


@pytest.fixture
def away() -> Iterator[FakeCollector]:
    """A collector that is not there yet."""
    fake = FakeCollector()
    yield fake
    fake.stop()


@pytest.fixture
def key() -> bytes:
    return secrets.token_bytes(32)


def a_spill(folder: Path, key: bytes | None, **options: object) -> Spill:
    return Spill(folder, key=key, **{"after_s": 0.05, **options})  # type: ignore[arg-type]


def test_events_wait_on_disk_until_the_collector_is_there(away: FakeCollector, tmp_path: Path, key: bytes) -> None:
    events = events_of(500)
    spill = a_spill(tmp_path / "spill", key)
    with CollectorClient(away.address, "key", spill=spill) as client:
        client.send_all(events)
        assert spill.events == 500
        away.start()
        assert client.drain(30)
        assert client.tally.accepted == 500
    assert set(away.taken) == ids_of(events)
    assert list((tmp_path / "spill").glob("*.batch")) == []


async def test_the_asyncio_client_spills_too_and_another_start_finds_it(
    away: FakeCollector, tmp_path: Path, key: bytes
) -> None:
    events = events_of(500)
    async with AsyncCollectorClient(away.address, "key", spill=a_spill(tmp_path / "spill", key)) as client:
        for event in events:
            await client.send(event)
    away.start()
    async with AsyncCollectorClient(away.address, "key", spill=a_spill(tmp_path / "spill", key)) as client:
        assert await client.drain(30)
    assert set(away.taken) == ids_of(events)


def test_nothing_of_an_event_can_be_read_on_disk(away: FakeCollector, tmp_path: Path, key: bytes) -> None:
    planted = ["13800138000", "zhang.wei@example.com", "203.0.113.7", "我叫张伟", "key-of-the-source"]
    event = an_event(
        event_id="visible-event-id",
        identifiers=[identifier("phone", planted[0]), identifier("email", planted[1])],
        message_sent=event_pb2.MessageSent(party=1, text=" ".join(planted)),
    )
    with CollectorClient(away.address, planted[4], spill=a_spill(tmp_path / "spill", key)) as client:
        client.send_all([event] * 50)
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert len(written) > 50 * 100
    assert [value for value in [*planted, "visible-event-id", key.hex()] if value.encode() in written] == []
    assert key not in written


def test_a_collector_that_comes_and_goes_gets_everything_once(away: FakeCollector, tmp_path: Path, key: bytes) -> None:
    events = events_of(3000)
    spill = a_spill(tmp_path / "spill", key)
    with CollectorClient(away.address, "key", spill=spill, batch_events=20) as client:
        for n in range(6):
            away.stop() if n % 2 else away.start()
            client.send_all(events[500 * n : 500 * (n + 1)])
        away.start()
        assert client.drain(60)
    assert set(away.taken) == ids_of(events)
    assert client.tally.verdicts.total() == 3000


def test_a_full_spill_holds_sending_back_and_loses_nothing(away: FakeCollector, tmp_path: Path, key: bytes) -> None:
    spill = a_spill(tmp_path / "spill", key, max_bytes=3000)
    client = CollectorClient(
        away.address, "key", spill=spill, batch_events=10, max_in_flight=2, give_up_after_s=0.2, linger_s=60
    )
    taken = []
    with pytest.raises(CollectorBusy):
        for event in events_of(1000):
            client.send(event)
            taken.append(event)
    assert spill.events + 30 >= len(taken) > spill.events > 0
    away.start()
    until(lambda: flushed(client))
    assert client.drain(30)
    client.close()
    assert set(away.taken) == ids_of(taken)


def test_a_full_spill_raises_when_it_is_set_to(away: FakeCollector, tmp_path: Path, key: bytes) -> None:
    spill = a_spill(tmp_path / "spill", key, max_bytes=3000, when_full="raise")
    client = CollectorClient(away.address, "key", spill=spill, batch_events=10, give_up_after_s=0.2)
    with pytest.raises(SpillFull):
        client.send_all(events_of(1000))
    client.close()
    assert client.tally.undelivered > 0


def test_what_is_on_its_way_when_a_client_is_closed_waits_on_disk(
    away: FakeCollector, tmp_path: Path, key: bytes
) -> None:
    spill = a_spill(tmp_path / "spill", key, after_s=60)
    client = CollectorClient(away.address, "key", spill=spill, batch_events=10, give_up_after_s=0.1)
    for event in events_of(33):
        client.send(event)
    client.close()
    assert (spill.events, client.tally.undelivered) == (33, 0)


def test_a_key_in_memory_only_promises_nothing_over_the_end_of_the_process(away: FakeCollector, tmp_path: Path) -> None:
    client = CollectorClient(away.address, "key", spill=a_spill(tmp_path / "spill", None), give_up_after_s=0.2)
    with pytest.raises(CollectorBusy) as busy:
        client.send_all(events_of(30))
    assert busy.value.reason == "SPILL_FLEETING"
    away.start()
    until(lambda: flushed(client))
    assert len(away.taken) == 30
    client.close()
    assert client.tally.undelivered == 0


def test_a_spilled_batch_that_is_refused_for_good_is_set_aside_and_those_behind_it_are_not(
    away: FakeCollector, tmp_path: Path, key: bytes
) -> None:
    spill = a_spill(tmp_path / "spill", key)
    with CollectorClient(away.address, "key", spill=spill, batch_events=10, max_in_flight=1) as client:
        client.send_all(events_of(30))
        away.before.append(refuse(grpc.StatusCode.INVALID_ARGUMENT, "BATCH_TOO_LARGE"))
        away.start()
        assert client.drain(30)
    assert len(away.taken) == 20
    assert spill.events_set_aside == 10
    assert len(list((tmp_path / "spill" / "set-aside").iterdir())) == 1


def test_a_source_that_is_refused_is_told_and_its_events_wait_until_it_is_let_in(
    away: FakeCollector, tmp_path: Path, key: bytes
) -> None:
    away.start()
    away.before.extend([refuse(grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")] * 2)
    spill = a_spill(tmp_path / "spill", key)
    with CollectorClient(away.address, "revoked", spill=spill) as client:
        with pytest.raises(CollectorRefused) as refused:
            client.send_all(events_of(30))
        assert refused.value.reason == "UNAUTHENTICATED"
        with pytest.raises(CollectorRefused):  # again, when it is sent from the disk
            until(client.flush)
    assert client.tally.undelivered == 0
    assert spill.events == 30
    with CollectorClient(away.address, "renewed", spill=a_spill(tmp_path / "spill", key)) as client:
        assert client.drain(30)
    assert len(away.taken) == 30
