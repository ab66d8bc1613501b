"""The collector clients against a collector that refuses, delays, breaks, stops and comes back."""

import os
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
import trustme

from mangrove.collector.v1 import collector_pb2
from mangrove.event.v1 import event_pb2
from services.clients.collector import CollectorBusy, CollectorClient, CollectorRefused
from services.clients.collector_async import AsyncCollectorClient
from services.clients.connection import ClientTls, TlsInvalid
from services.clients.loop_thread import ClientUnusable
from services.clients.spill import Spill, SpillFull
from services.clients.spill_key import new_spill_key
from tests.fakes.collector_server import FakeCollector, fail, refuse, wait_for
from tests.generated import an_event, identifier

CHILD = Path(__file__).with_name("client_process.py")
BUSY = refuse(grpc.StatusCode.UNAVAILABLE, "OVERLOADED", retry_after_s=0.01)


def events_of(count: int) -> list[event_pb2.Event]:
    return [an_event() for _ in range(count)]


def ids_of(events: list[event_pb2.Event]) -> set[str]:
    return {event.event_id for event in events}


def until(is_so: Callable[[], bool], within_s: float = 30) -> None:
    end = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.01)


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


@pytest.fixture
def key() -> bytes:
    return secrets.token_bytes(32)


def a_spill(folder: Path, key: bytes | None, **options: object) -> Spill:
    return Spill(folder, key=key, **{"after_s": 0.05, **options})  # type: ignore[arg-type]


# What a collector says


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


def test_a_verdict_that_a_newer_collector_gives_is_counted_by_its_number(collector: FakeCollector) -> None:
    collector.verdict = 42
    with CollectorClient(collector.address, "key") as client:
        client.send_all(events_of(3))
    assert dict(client.tally.verdicts) == {"UNKNOWN_42": 3}


# Sending


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


def flushed(client: CollectorClient) -> bool:
    try:
        client.flush()
    except CollectorBusy:
        return False
    return True


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


# Spilling


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


def test_a_key_of_the_source_that_is_refused_leaves_what_was_spilled_where_it_is(
    away: FakeCollector, tmp_path: Path, key: bytes
) -> None:
    spill = a_spill(tmp_path / "spill", key)
    with CollectorClient(away.address, "revoked", spill=spill) as client:
        client.send_all(events_of(30))
        away.before.append(refuse(grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED"))
        away.start()
        until(lambda: away.batches != [])
        assert not client.drain(0.1)
    with CollectorClient(away.address, "renewed", spill=a_spill(tmp_path / "spill", key)) as client:
        assert client.drain(30)
    assert len(away.taken) == 30


# Processes that end


def child(kind: str, address: str, folder: Path | str, key: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, CHILD, kind, address, folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"SPILL_KEY": key, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def ids_in(printed: str) -> set[str]:
    return set(re.findall(r"\b[0-9a-f]{32}\b", printed))


def delivered(away: FakeCollector, folder: Path, key: str, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """What arrives when another client takes over the folder."""
    monkeypatch.setenv("SPILL_KEY", key)
    away.start()
    with CollectorClient(away.address, "key", spill=Spill(folder, key="env:SPILL_KEY")) as client:
        assert client.drain(60)
    return set(away.taken)


def test_what_flush_promised_survives_kills_of_the_client(
    away: FakeCollector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = new_spill_key()
    promised: set[str] = set()
    for n in range(6):
        process = child("flushes", away.address, tmp_path / "spill", key)
        assert process.stdout is not None
        if n % 3 == 2:
            away.start()
        for _ in range(5 + 7 * n):
            promised |= ids_in(process.stdout.readline())
        process.kill()
        promised |= ids_in(process.communicate(timeout=30)[0])
        away.stop()
    assert len(promised) > 500
    assert promised <= delivered(away, tmp_path / "spill", key, monkeypatch)


@pytest.mark.parametrize("is_away", [True, False])
def test_an_interrupted_client_sends_or_spills_what_it_took(
    away: FakeCollector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_away: bool
) -> None:
    if not is_away:
        away.start()
    key = new_spill_key()
    process = child("interrupted", away.address, tmp_path / "spill", key)
    assert process.stdout is not None
    taken = set().union(*(ids_in(process.stdout.readline()) for _ in range(123)))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    taken |= ids_in(out)
    assert process.returncode in (1, -signal.SIGINT, 130)
    assert err.count("Traceback") == 1
    assert "KeyboardInterrupt" in err
    away.stop()
    assert taken <= delivered(away, tmp_path / "spill", key, monkeypatch)


@pytest.mark.parametrize("is_away", [True, False])
def test_a_program_that_never_closes_its_client_loses_nothing_at_its_end(
    away: FakeCollector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_away: bool
) -> None:
    if not is_away:
        away.start()
    key = new_spill_key()
    process = child("runs out", away.address, tmp_path / "spill", key)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    assert is_away or len(away.taken) == 23
    away.stop()
    assert len(ids_in(out)) == 23
    assert ids_in(out) == delivered(away, tmp_path / "spill", key, monkeypatch)


def test_a_forked_process_is_told_to_make_its_own_client(collector: FakeCollector) -> None:
    process = child("forks", collector.address, "", "")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out.split() == ["ClientUnusable"]
    assert len(collector.taken) == 2


# TLS


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def pem(folder: Path, authority: trustme.CA, name: str) -> ClientTls:
    """Files of a certificate for `name`, and of its authority."""
    certificate = authority.issue_cert(name)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    return ClientTls(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")


@pytest.fixture
def guarded(authority: trustme.CA) -> Iterator[FakeCollector]:
    """A collector that asks clients for a certificate."""
    certificate = authority.issue_cert("localhost")
    pair = (certificate.private_key_pem.bytes(), certificate.cert_chain_pems[0].bytes())
    fake = FakeCollector()
    fake.credentials = grpc.ssl_server_credentials([pair], authority.cert_pem.bytes(), require_client_auth=True)
    with fake:
        yield fake


def test_a_client_with_a_certificate_reaches_a_collector_that_asks_for_one(
    guarded: FakeCollector, authority: trustme.CA, tmp_path: Path
) -> None:
    tls = pem(tmp_path, authority, "client")
    with CollectorClient(f"localhost:{guarded.port}", "key", tls=tls) as client:
        client.send_all(events_of(3))
    assert client.tally.accepted == 3


@pytest.mark.parametrize("flaw", ["none of its own", "of another authority", "server of another authority"])
def test_a_client_whose_certificate_does_not_fit_sends_nothing(
    guarded: FakeCollector, authority: trustme.CA, tmp_path: Path, flaw: str
) -> None:
    fits, foreign = pem(tmp_path, authority, "client"), tmp_path / "foreign"
    foreign.mkdir()
    other = pem(foreign, trustme.CA(), "client")
    tls = {
        "none of its own": ClientTls(fits.ca),
        "of another authority": ClientTls(fits.ca, other.cert, other.key),
        "server of another authority": ClientTls(other.ca, fits.cert, fits.key),
    }[flaw]
    client = CollectorClient(f"localhost:{guarded.port}", "key", tls=tls, give_up_after_s=0.3)
    with pytest.raises(CollectorBusy, match="TLS"):
        client.send_all(events_of(1))
    client.close()
    assert guarded.batches == []


def test_tls_files_that_are_of_no_use_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(TlsInvalid, match="cannot be read"):
        CollectorClient("localhost:1", "key", tls=ClientTls(tmp_path / "none.pem"))
    with pytest.raises(TlsInvalid, match="both cert and key"):
        CollectorClient("localhost:1", "key", tls=ClientTls(cert=tmp_path / "cert.pem"))
