"""The collector over a real socket: what good and bad input gets."""

import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from deltalake import DeltaTable
from grpc_health.v1 import health_pb2, health_pb2_grpc

from mangrove.collector.v1 import collector_pb2, collector_pb2_grpc
from mangrove.event.v1 import event_pb2
from services.clients.collector import CollectorClient, CollectorRefused
from services.clients.refusals import Refusal, refusal_of
from services.collector.bootstrap import event_masker, lander_at
from services.collector.servicer import SERVICE
from services.demo.servers import free_port
from services.installation import api_key_of
from services.keys import key_provider
from services.settings import Home
from tests.batches import collecting_with, serving
from tests.fakes.journal import InMemoryJournal
from tests.generated import ALLOWED, an_event, identifier
from tests.servers import collecting, new_home, stop

COLLECT = "/mangrove.collector.v1.CollectorService/Collect"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return new_home(tmp_path_factory.mktemp("home"), "\n[lander]\npoll_s = 0.05\n")


@pytest.fixture(scope="module")
def collector(home: Home) -> Iterator["subprocess.Popen[bytes]"]:
    with collecting(home) as process:
        yield process


@pytest.fixture
def stub(home: Home, collector: object) -> Iterator[collector_pb2_grpc.CollectorServiceStub]:
    with grpc.insecure_channel(home.settings.collector.address) as channel:
        yield collector_pb2_grpc.CollectorServiceStub(channel)


def bearer(home: Home) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {api_key_of(home, 'web')}"),)


def verdicts(
    stub: collector_pb2_grpc.CollectorServiceStub, home: Home, *events: event_pb2.Event
) -> list[tuple[str, list[str]]]:
    response = stub.Collect(collector_pb2.CollectRequest(events=events), metadata=bearer(home))
    return [
        (
            collector_pb2.VerdictCode.Name(v.code).removeprefix("VERDICT_CODE_"),
            [f"{b.field}:{b.reason}" for b in v.violations],
        )
        for v in response.verdicts
    ]


def refused(home: Home, request: bytes, metadata: tuple[tuple[str, str], ...]) -> Refusal:
    with grpc.insecure_channel(home.settings.collector.address) as channel:
        with pytest.raises(grpc.RpcError) as error:
            channel.unary_unary(COLLECT)(request, metadata=metadata, timeout=20)
        return refusal_of(error.value)


def test_each_event_of_a_batch_gets_its_own_verdict(stub: collector_pb2_grpc.CollectorServiceStub, home: Home) -> None:
    good = an_event()
    no_consent = an_event(consent=event_pb2.Consent())
    told = verdicts(stub, home, good, good, an_event(event_id=""), no_consent, an_event())
    assert told == [
        ("ACCEPTED", []),
        ("DUPLICATE", []),
        ("REFUSED_INVALID", ["event_id:REQUIRED"]),
        ("REFUSED_CONSENT", []),
        ("ACCEPTED", []),
    ]
    assert verdicts(stub, home, good) == [("DUPLICATE", [])]


@pytest.mark.parametrize(
    ("event", "broken"),
    [
        (an_event(channel=0), "channel:REQUIRED"),
        (an_event(channel=42), "channel:UNKNOWN_VALUE"),
        (an_event(event_id=""), "event_id:REQUIRED"),
        (an_event(occurred_at_unix_nano=0), "occurred_at_unix_nano:REQUIRED"),
        (an_event(message_sent=event_pb2.MessageSent(party=1, text="x" * 8193)), "message_sent.text:MAX_LENGTH"),
        (an_event(identifiers=[identifier("phone", " ")]), "identifiers[0].value:REQUIRED"),
        (an_event(store_visited=event_pb2.StoreVisited(store="my secret place")), "store_visited.store:PATTERN"),
        (event_pb2.Event(event_id="a", channel=1, occurred_at_unix_nano=10**18, consent=ALLOWED), "body:REQUIRED"),
    ],
)
def test_an_event_that_breaks_a_rule_is_refused_with_the_field_and_the_rule(
    event: event_pb2.Event, broken: str, stub: collector_pb2_grpc.CollectorServiceStub, home: Home
) -> None:
    [(verdict, violations)] = verdicts(stub, home, event)
    assert verdict == "REFUSED_INVALID"
    assert broken in violations


def test_no_answer_echoes_a_value(stub: collector_pb2_grpc.CollectorServiceStub, home: Home) -> None:
    event = an_event(
        store_visited=event_pb2.StoreVisited(store="13800138000"), context=event_pb2.Context(locale="13800138000")
    )
    response = stub.Collect(collector_pb2.CollectRequest(events=[event]), metadata=bearer(home))
    assert b"13800138000" not in response.SerializeToString()


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer wrong", "Basic abc", "Bearer mgs_" + "x" * 43])
def test_no_key_or_a_wrong_one_gets_nothing(authorization: str | None, home: Home, collector: object) -> None:
    metadata = (("authorization", authorization),) if authorization is not None else ()
    refusal = refused(home, collector_pb2.CollectRequest(events=[an_event()]).SerializeToString(), metadata)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")
    assert "mangrove init" in refusal.sentence


def test_a_partners_key_does_not_open_the_collector(home: Home, collector: object) -> None:
    metadata = (("authorization", f"Bearer {api_key_of(home, 'analytics')}"),)
    refusal = refused(home, collector_pb2.CollectRequest(events=[an_event()]).SerializeToString(), metadata)
    assert refusal.reason == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("request_bytes", "reason"),
    [
        (b"\xff\xff\xff13800138000", "REQUEST_MALFORMED"),
        (b"\x0a\x05\x0a\x03\xff\xfe\xfd", "REQUEST_MALFORMED"),
        (b"", "BATCH_EMPTY"),
        (collector_pb2.CollectRequest(events=[an_event() for _ in range(1001)]).SerializeToString(), "BATCH_TOO_LARGE"),
        (b"\x0a" + b"\x80" * (4 * 1024 * 1024 + 100), "BATCH_TOO_LARGE"),
    ],
    ids=["random bytes", "invalid UTF-8", "empty", "too many events", "over 4 MiB"],
)
def test_a_batch_that_cannot_be_taken_gets_a_typed_error(
    request_bytes: bytes, reason: str, home: Home, collector: object
) -> None:
    refusal = refused(home, request_bytes, bearer(home))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
    assert refusal.sentence
    assert "13800138000" not in refusal.sentence


def test_a_batch_of_more_bytes_than_the_transport_takes_is_refused(home: Home, collector: object) -> None:
    refusal = refused(home, b"\x0a" * (20 * 1024 * 1024), bearer(home))
    assert refusal.code is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_the_health_of_the_service_is_told_without_a_key(home: Home, collector: object) -> None:
    with grpc.insecure_channel(home.settings.collector.address) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=SERVICE))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_accepted_events_and_refusals_land_and_nothing_else(tmp_path: Path) -> None:
    home = new_home(tmp_path)
    with (
        collecting(home),
        CollectorClient(home.settings.collector.address, api_key_of(home, "web"), batch_events=7) as client,
    ):
        client.send_all([an_event(event_id=f"e{i % 40}") for i in range(50)])
        client.send_all([an_event(channel=0), an_event(consent=event_pb2.Consent())])
        assert dict(client.tally.verdicts) == {
            "ACCEPTED": 40,
            "DUPLICATE": 10,
            "REFUSED_INVALID": 1,
            "REFUSED_CONSENT": 1,
        }
        assert dict(client.tally.refused) == {"channel:REQUIRED": 1}
    landed = lander_at(home).drain()
    assert (landed.events, landed.refusals) == (40, 1)
    bronze = DeltaTable(f"{home.lake_root}/bronze/events").to_pyarrow_table()
    assert len(set(bronze["event_id"].to_pylist())) == bronze.num_rows == 40
    quarantine = DeltaTable(f"{home.lake_root}/quarantine/events").to_pyarrow_table()
    assert quarantine["violations"].to_pylist() == [["channel:REQUIRED"]]


def test_pseudonyms_stay_out_of_the_statistics_of_the_log(tmp_path: Path) -> None:
    home = new_home(tmp_path)
    with collecting(home), CollectorClient(home.settings.collector.address, api_key_of(home, "web")) as client:
        client.send_all([an_event(identifiers=[identifier("phone", "13800138000")], conversation_id="c")])
    lander_at(home).drain()
    log = "".join(p.read_text() for p in Path(home.lake_root, "bronze/events/_delta_log").glob("*.json"))
    assert "numRecords" in log
    assert "phone.1." not in log
    assert "event.1." not in log


def test_a_client_whose_key_is_wrong_is_told_so(home: Home, collector: object) -> None:
    with (
        pytest.raises(CollectorRefused) as refusal,
        CollectorClient(home.settings.collector.address, "mgs_wrong") as client,
    ):
        client.send_all([an_event()])
    assert refusal.value.reason == "UNAUTHENTICATED"


def test_sigterm_drains_and_what_was_acknowledged_lands(tmp_path: Path) -> None:
    home = new_home(tmp_path)
    with collecting(home) as process:
        client = CollectorClient(home.settings.collector.address, api_key_of(home, "web"), give_up_after_s=1)
        client.send_all([an_event() for _ in range(300)])
        assert stop(process) == 0
        client.close()
    assert lander_at(home).drain().events == 300
    assert "Traceback" not in (home.folder / "collector.log").read_text()


def test_metrics_count_verdicts_by_source_and_reason(tmp_path: Path) -> None:
    port = free_port()
    home = new_home(tmp_path)
    path = home.folder / "mangrove.toml"
    path.write_text(path.read_text().replace("metrics_port = 0", f"metrics_port = {port}", 1))
    home = Home(home.folder)
    with collecting(home), CollectorClient(home.settings.collector.address, api_key_of(home, "web")) as client:
        client.send_all([an_event(), an_event(channel=0)])
        text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
    assert 'mangrove_collector_verdicts_total{source="web",verdict="ACCEPTED"} 1.0' in text
    assert 'mangrove_grpc_calls_total{method="Collect",reason="OK"} 1.0' in text
    assert 'mangrove_journal_depth{journal="collector-0"} 2.0' in text


async def test_a_treatment_that_the_collector_does_not_know_refuses_the_event(tmp_path: Path) -> None:
    from privacy.linkage import Encoder
    from privacy.masking import EventMasker, Masker
    from privacy.pseudonyms import Pseudonymiser
    from tests.unit.masking.test_plan import schema_with

    home = new_home(tmp_path)
    keys = key_provider(home)
    plan = schema_with("MessageSent", "text", 99)
    masker = EventMasker(plan, Pseudonymiser(keys), Masker.default(), encoder=Encoder(keys))
    running = await serving(home, collecting_with(masker, InMemoryJournal()))
    event = an_event(message_sent=event_pb2.MessageSent(party=1, text="13800138000"))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        stub = collector_pb2_grpc.CollectorServiceStub(channel)
        response = await stub.Collect(collector_pb2.CollectRequest(events=[event]), metadata=bearer(home))
    await running.drain()
    [verdict] = response.verdicts
    assert verdict.code == collector_pb2.VERDICT_CODE_REFUSED_INVALID
    assert [v.reason for v in verdict.violations] == ["TREATMENT_UNKNOWN"]


async def test_a_detector_that_fails_takes_nothing_of_its_event(tmp_path: Path) -> None:
    from privacy.linkage import Encoder
    from privacy.masking import EventMasker, Masker
    from privacy.masking.detector import Detector
    from privacy.pseudonyms import Pseudonymiser
    from services.collector import wire
    from tests.unit.masking.build import Failing

    home = new_home(tmp_path)
    keys = key_provider(home)
    broken = Masker(Detector(others=[Failing("shop")]))
    masker = EventMasker(wire.event_plan(), Pseudonymiser(keys), broken, encoder=Encoder(keys))
    journal = InMemoryJournal()
    running = await serving(home, collecting_with(masker, journal))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        stub = collector_pb2_grpc.CollectorServiceStub(channel)
        response = await stub.Collect(collector_pb2.CollectRequest(events=[an_event()]), metadata=bearer(home))
    await running.drain()
    [verdict] = response.verdicts
    assert verdict.code == collector_pb2.VERDICT_CODE_REFUSED_UNMASKABLE
    assert [(v.field, v.reason) for v in verdict.violations] == [("page_viewed.url", "MASKING_FAILED")]
    [record] = journal.read(0, 1)
    assert (record.count, record.events) == (1, b"")


def test_the_masker_of_an_installation_needs_its_keys(tmp_path: Path) -> None:
    from privacy.pseudonyms import KeysUnavailable

    home = new_home(tmp_path)
    home.path("keys.json").unlink()
    with pytest.raises(KeysUnavailable):
        event_masker(key_provider(home))
