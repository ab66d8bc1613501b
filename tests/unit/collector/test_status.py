"""What `mangrove collector status` says of a collector that serves, drains, lags, or is not there."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pyarrow as pa
import pytest
import trustme
from deltalake import write_deltalake
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from privacy.errors import MangroveError
from services import metrics
from services.collector.status import Counts, JournalState, Seen, counts_of, summary
from services.collector.status_command import look
from services.demo.servers import free_port
from services.settings import Home
from spark_jobs.lake import tables

SERVING = health_pb2.HealthCheckResponse.SERVING
HERE = "127.0.0.1:50051"


def at_home(folder: Path, **collector: object) -> Home:
    settings = {"address": f"127.0.0.1:{free_port()}", **collector}
    lines = [
        f"{name} = {str(value) if isinstance(value, int) else repr(str(value))}" for name, value in settings.items()
    ]
    (folder / "mangrove.toml").write_text("\n".join(["[collector]", *lines]))
    return Home(folder)


def no_journals(_home: Home) -> list[JournalState]:
    return []


@contextmanager
def answering(home: Home, status: int = SERVING, credentials: grpc.ServerCredentials | None = None) -> Iterator[None]:
    """A server that answers health checks where the collector would."""
    server = grpc.server(ThreadPoolExecutor(2))
    servicer = health.HealthServicer()
    servicer.set("", status)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    address = home.settings.collector.address
    if credentials:
        server.add_secure_port(address, credentials)
    else:
        server.add_insecure_port(address)
    server.start()
    yield
    server.stop(None)


def test_where_nothing_runs_it_is_said_how_to_start(tmp_path: Path) -> None:
    home = at_home(tmp_path)
    found = look(home, no_journals)
    assert found.health == "NOT_RUNNING"
    assert found.advice == [
        f"No collector answers at {home.settings.collector.address}. Start it with `mangrove collector serve`."
    ]
    assert (found.counts, found.last_landed_at, found.lag_s) == (None, None, 0.0)


def test_a_collector_that_listens_everywhere_is_asked_at_home(tmp_path: Path) -> None:
    home = at_home(tmp_path, address=f"0.0.0.0:{free_port()}")
    with answering(home):
        assert look(home, no_journals).health == "SERVING"


def test_a_draining_collector_does_not_serve(tmp_path: Path) -> None:
    home = at_home(tmp_path)
    with answering(home, health_pb2.HealthCheckResponse.NOT_SERVING):
        found = look(home, no_journals)
    assert found.health == "NOT_SERVING"
    assert "draining" in found.advice[0]


@pytest.mark.parametrize("mutual", [False, True], ids=["TLS", "mTLS"])
def test_a_collector_with_tls_is_asked_over_tls(mutual: bool, tmp_path: Path) -> None:
    authority = trustme.CA()
    pair = authority.issue_cert("collector.example.com")
    pair.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    pair.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    home = at_home(tmp_path, tls_cert="cert.pem", tls_key="key.pem", **({"tls_client_ca": "ca.pem"} if mutual else {}))
    credentials = grpc.ssl_server_credentials(
        [(pair.private_key_pem.bytes(), pair.cert_chain_pems[0].bytes())],
        authority.cert_pem.bytes() if mutual else None,
        mutual,
    )
    with answering(home, credentials=credentials):
        assert look(home, no_journals).health == "SERVING"


def test_counts_are_those_of_the_metrics(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    verdicts = Counter("mangrove_collector_verdicts", ".", ["source", "verdict"], registry=registry)
    calls = Counter("mangrove_grpc_calls", ".", ["method", "reason"], registry=registry)
    workers = Gauge("mangrove_collector_workers", ".", ["state"], registry=registry)
    restarts = Counter("mangrove_collector_worker_restarts", ".", ["cause"], registry=registry)
    for source in ("web", "app"):
        verdicts.labels(source, "ACCEPTED").inc(20)
    verdicts.labels("web", "REFUSED_INVALID").inc()
    calls.labels("Collect", "OK").inc(9)
    calls.labels("Collect", "OVERLOADED").inc(2)
    workers.labels("alive").set(1)
    workers.labels("wanted").set(2)
    restarts.labels("killed").inc(3)
    assert counts_of(generate_latest(registry).decode()) == Counts(
        workers_alive=1,
        workers_wanted=2,
        restarts=3,
        verdicts={"ACCEPTED": 40, "REFUSED_INVALID": 1},
        refused={"OVERLOADED": 2},
    )


def test_metrics_that_are_configured_are_read(tmp_path: Path) -> None:
    endpoint = metrics.serve("127.0.0.1:0", None)
    home = at_home(tmp_path, metrics_port=endpoint.port)
    try:
        with answering(home):
            found = look(home, no_journals)
    finally:
        endpoint.close()
    assert found.counts is not None
    assert found.advice == []


def test_metrics_that_nobody_serves_are_said_to_be_missing(tmp_path: Path) -> None:
    home = at_home(tmp_path, metrics_port=free_port())
    with answering(home):
        found = look(home, no_journals)
    assert found.counts is None
    assert str(home.settings.collector.metrics_port) in found.advice[0]


def test_a_journal_that_cannot_be_read_is_told_beside_the_rest(tmp_path: Path) -> None:
    def damaged(_home: Home) -> list[JournalState]:
        raise MangroveError("The journal 'collector-0' is damaged.")

    home = at_home(tmp_path)
    with answering(home):
        found = look(home, damaged)
    assert found.health == "SERVING"
    assert "The journal 'collector-0' is damaged." in found.advice


def test_the_last_landing_is_the_lakes(tmp_path: Path) -> None:
    home = at_home(tmp_path)
    before = datetime.now(UTC) - timedelta(seconds=1)
    write_deltalake(f"{home.lake_root}/{tables.BRONZE_EVENTS.path}", pa.table({"a": [1]}))
    found = look(home, no_journals).last_landed_at
    assert found is not None
    assert before <= found <= datetime.now(UTC)


def test_the_summary_says_what_waits_how_fast_and_how_long() -> None:
    journals = (JournalState("collector-1", 5, 0.5, 10), JournalState("collector-0", 7, 2.5, 20))
    counts = Counts(workers_alive=2, workers_wanted=2, verdicts={"ACCEPTED": 90, "DUPLICATE": 30})
    found = summary(Seen(HERE, "SERVING", journals, metrics_port=1, counts=counts, events_before=20, between_s=2.0))
    assert [journal.name for journal in found.journals] == ["collector-0", "collector-1"]
    assert (found.lag_s, found.events_per_s) == (2.5, 50.0)
    assert found.advice == []


def test_a_collector_that_started_anew_in_between_has_no_negative_rate() -> None:
    found = summary(Seen(HERE, "SERVING", metrics_port=1, counts=Counts(), events_before=20))
    assert found.events_per_s == 0.0


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (Seen(HERE, "SERVING"), "metrics_port"),
        (Seen(HERE, "SERVING", metrics_port=1, counts=Counts(1, 2)), "1 of 2 workers"),
        (Seen(HERE, "NOT_RUNNING", [JournalState("collector-0", 1, 31.0, 1)]), "mangrove lander run"),
        (Seen(HERE, "NOT_RUNNING", disk_free_bytes=150, min_free_bytes=100), "Make room"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(seen: Seen, said: str) -> None:
    assert said in summary(seen).advice[-1]
