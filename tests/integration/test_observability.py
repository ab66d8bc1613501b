"""A collector of two workers and its lander, watched: what is told adds up, and nothing told holds a value."""

import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from mangrove.collector.v1 import collector_pb2
from mangrove.event.v1 import event_pb2
from services import metrics
from services.clients.collector import CollectorClient
from services.demo.servers import free_port
from services.installation import api_key_of
from services.settings import Home
from tests.generated import an_event, identifier
from tests.servers import collecting, new_home, start, stop

PHONE, NAME, MAIL = "13800138000", "张伟", "zhang.wei@example.com"
DEADLINE_S = 30.0


class TraceStore(trace_service_pb2_grpc.TraceServiceServicer):
    """A collector of traces that keeps every byte."""

    def __init__(self) -> None:
        self.requests: list[trace_service_pb2.ExportTraceServiceRequest] = []

    def Export(
        self, request: trace_service_pb2.ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        self.requests.append(request)
        return trace_service_pb2.ExportTraceServiceResponse()

    def names(self) -> set[str]:
        return {
            span.name
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        }


@contextmanager
def tracing_to(port: int) -> Iterator[TraceStore]:
    store, server = TraceStore(), grpc.server(ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(store, server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    yield store
    server.stop(None)


def watched_home(folder: Path) -> tuple[Home, int]:
    """An installation of two workers with metrics and every call traced; and the port to which it sends spans."""
    traces = free_port()
    home = new_home(folder, f'[tracing]\nendpoint = "http://127.0.0.1:{traces}"\nratio = 1\n')
    path = home.folder / "mangrove.toml"
    text = path.read_text().replace("metrics_port = 0", f"metrics_port = {free_port()}\nworkers = 2", 1)
    path.write_text(text)
    return Home(home.folder), traces


def text_of(home: Home) -> str:
    url = f"http://127.0.0.1:{home.settings.collector.metrics_port}/metrics"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def total(text: str, pattern: str) -> float:
    """The sum of the series whose name and labels match."""
    return sum(float(value) for value in re.findall(rf"^{pattern} (\S+)$", text, re.MULTILINE))


def eventually(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


def status_of(home: Home) -> tuple[int, dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", "collector", "status", "--json", "--home", str(home.folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)


def personal() -> list[event_pb2.Event]:
    """Events with personal data in every corner, also in those that are refused."""
    said = event_pb2.MessageSent(party=1, text=f"我叫{NAME}，电话{PHONE}，邮箱{MAIL}")
    return [
        an_event(identifiers=[identifier("phone", PHONE), identifier("email", MAIL)], message_sent=said),
        an_event(channel=0, message_sent=said),
        an_event(consent=event_pb2.Consent(), message_sent=said),
        an_event(event_id=f"{PHONE} {NAME}" * 50),
    ]


def refuse_in_every_way(home: Home) -> None:
    """Calls with personal data where none should be: keys, metadata, bytes that are no message, unknown methods."""
    key = api_key_of(home, "web")
    batch = collector_pb2.CollectRequest(events=personal()).SerializeToString()
    with grpc.insecure_channel(home.settings.collector.address) as channel:
        for method, request, metadata in [
            ("Collect", batch, [("authorization", f"Bearer {PHONE}")]),
            ("Collect", PHONE.encode() + b"\xff\xff", [("authorization", f"Bearer {key}"), ("x-phone", PHONE)]),
            (
                "Collect",
                batch,
                [("authorization", f"Bearer {key}"), ("traceparent", PHONE), ("tracestate", f"a={PHONE}")],
            ),
            (f"Collect{PHONE}", batch, [("authorization", f"Bearer {key}")]),
        ]:
            try:
                channel.unary_unary(f"/mangrove.collector.v1.CollectorService/{method}")(request, metadata=metadata)
            except grpc.RpcError:
                continue


def test_what_is_told_adds_up_and_holds_no_value(tmp_path: Path) -> None:
    home, traces = watched_home(tmp_path)
    address, key = home.settings.collector.address, api_key_of(home, "web")
    with tracing_to(traces) as store:
        with collecting(home):
            for _ in range(8):
                with CollectorClient(address, key, batch_events=10) as client:
                    client.send_all([an_event() for _ in range(30)])
            with CollectorClient(address, key) as client:
                client.send_all(personal())
            refuse_in_every_way(home)
            text = text_of(home)
            code, found = status_of(home)
        eventually(lambda: "Collect" in store.names())
    assert total(text, r'mangrove_collector_verdicts_total\{source="web",verdict="ACCEPTED"\}') >= 241
    assert total(text, r'mangrove_collector_violations_total\{rule="channel:REQUIRED",source="web"\}') >= 1
    assert total(text, r'mangrove_collector_ack_seconds_count\{method="Collect"\}') >= 25
    assert total(text, r'mangrove_grpc_calls_total\{method="Collect",reason="UNAUTHENTICATED"\}') == 1
    assert total(text, r'mangrove_collector_workers\{state="alive"\}') == 2
    assert total(text, r"mangrove_journal_depth\{.*\}") >= 241
    assert total(text, r"mangrove_lander_lag_seconds") > 0
    assert total(text, r'mangrove_disk_free_bytes\{place="journal"\}') > 0
    assert (code, found["health"]) == (0, "SERVING")
    assert sum(journal["waiting_events"] for journal in found["journals"]) >= 241  # type: ignore[attr-defined]
    told = text + json.dumps(found, ensure_ascii=False) + (home.folder / "collector.log").read_text()
    sent = b"".join(request.SerializeToString() for request in store.requests)
    for value in (PHONE, NAME, MAIL):
        assert value not in told
        assert value.encode() not in sent
    assert key not in told
    assert "Traceback" not in told


def test_counts_of_a_killed_worker_stay_and_it_is_replaced(tmp_path: Path) -> None:
    home, _ = watched_home(tmp_path)
    address, key = home.settings.collector.address, api_key_of(home, "web")
    with collecting(home) as process:
        with CollectorClient(address, key) as client:
            client.send_all([an_event() for _ in range(100)])
        before = total(text_of(home), r"mangrove_collector_verdicts_total\{.*\}")
        assert before == 100
        started = (home.folder / "collector.log").read_text()
        for pid in re.findall(r'"child": "worker-\d+", "pid": (\d+)', started):
            subprocess.run(["kill", "-KILL", pid], check=True)
        eventually(lambda: total(text_of(home), r"mangrove_collector_worker_restarts_total\{.*\}") == 2)
        eventually(lambda: total(text_of(home), r'mangrove_collector_workers\{state="alive"\}') == 2)
        with CollectorClient(address, key) as client:
            client.send_all([an_event() for _ in range(100)])
        assert total(text_of(home), r"mangrove_collector_verdicts_total\{.*\}") == 200
        code, found = status_of(home)
        assert (code, found["counts"]["restarts"]) == (0, 2)  # type: ignore[index]
        assert stop(process) == 0
    assert not metrics.folder_for(home.folder).exists()


def test_a_collector_that_does_not_run_is_told_in_a_sentence_and_by_the_exit_code(tmp_path: Path) -> None:
    home = new_home(tmp_path)
    code, found = status_of(home)
    assert (code, found["health"]) == (1, "NOT_RUNNING")
    assert "mangrove collector serve" in found["advice"][0]  # type: ignore[index]


def test_the_lander_tells_what_it_landed_and_that_nothing_waits(tmp_path: Path) -> None:
    home, _ = watched_home(tmp_path)
    port = free_port()
    path = home.folder / "mangrove.toml"
    path.write_text(path.read_text() + f"[lander]\nmetrics_port = {port}\n")
    home = Home(home.folder)
    url = f"http://127.0.0.1:{port}/metrics"
    with collecting(home):
        with CollectorClient(home.settings.collector.address, api_key_of(home, "web")) as client:
            client.send_all([*(an_event() for _ in range(50)), an_event(channel=0)])
        lander = start(home, "lander", "run")
        try:
            eventually(lambda: total(text_of(home), r"mangrove_journal_depth\{.*\}") == 0)
            with urllib.request.urlopen(url, timeout=10) as answer:
                text = answer.read().decode()
            _, found = status_of(home)
        finally:
            stop(lander)
    assert total(text, r"mangrove_lander_records_total\{.*\}") == 51
    assert total(text, r"mangrove_lander_lag_seconds") == 0
    assert total(text, r"mangrove_lander_round_seconds_count") >= 1
    assert found["last_landed_at"]


@pytest.mark.parametrize("port_of", ["collector", "lander"])
def test_a_metrics_port_that_is_taken_is_told_at_the_start(port_of: str, tmp_path: Path) -> None:
    taken = metrics.serve("127.0.0.1:0", None)
    home = new_home(tmp_path)
    path = home.folder / "mangrove.toml"
    if port_of == "collector":
        path.write_text(path.read_text().replace("metrics_port = 0", f"metrics_port = {taken.port}", 1))
    else:
        path.write_text(path.read_text() + f"[lander]\nmetrics_port = {taken.port}\n")
    command = ("collector", "serve") if port_of == "collector" else ("lander", "run")
    process = start(home, *command)
    try:
        assert process.wait(60) != 0
    finally:
        stop(process)
        taken.close()
    log = (home.folder / f"{port_of}.log").read_text()
    assert "METRICS_UNAVAILABLE" in log
    assert "Traceback" not in log
