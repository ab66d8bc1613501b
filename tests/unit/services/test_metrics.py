"""Counts of many processes add up, whoever dies; and nothing that fails while they are served says what it held."""

import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.registry import Collector

from privacy.errors import MangroveError
from services import metrics
from services.collector.metrics import JournalMetrics
from services.collector.status import JournalState

SECRET = "13800138000"

# A parent that declares metrics first and prepares then, as the command line does; each child is killed.
CHILDREN = """
import os, signal, sys
from pathlib import Path
from services.collector.metrics import ACK_SECONDS, VERDICTS, WORKERS
from services import metrics
folder = Path(sys.argv[1])
metrics.prepare(folder)
WORKERS.labels("wanted").set(2)
for number in range(int(sys.argv[2])):
    pid = os.fork()
    if pid == 0:
        WORKERS.labels("alive").set(1)
        VERDICTS.labels("web", "ACCEPTED").inc(3)
        VERDICTS.labels(f"source-{number % 5}", "DUPLICATE").inc()
        ACK_SECONDS.labels("Collect").observe(0.004)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    if number >= 2:
        metrics.forget(pid, folder)
endpoint = metrics.serve("127.0.0.1:0", folder)
print(endpoint.port, flush=True)
sys.stdin.read()
"""


def scrape(endpoint: metrics.Endpoint | int) -> str:
    port = endpoint if isinstance(endpoint, int) else endpoint.port
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return answer.read().decode()


def count_of(dead: int, folder: Path, counted: float = 1.0) -> None:
    """What a process leaves behind that counted and died."""
    for kind, name in (("counter", "calls_total"), ("histogram", "seconds_sum"), ("gauge_livesum", "held")):
        file = MmapedDict(str(folder / f"{kind}_{dead}.db"))
        file.write_value(mmap_key(name.partition("_")[0], name, [], [], "For a test."), counted, 0.0)
        file.close()


def test_counts_outlive_their_processes_and_gauges_do_not(tmp_path: Path) -> None:
    folder = tmp_path / "counts"
    process = subprocess.Popen(
        [sys.executable, "-c", CHILDREN, str(folder), "42"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        text = scrape(int(process.stdout.readline()))
    finally:
        process.communicate("")
    assert 'mangrove_collector_verdicts_total{source="web",verdict="ACCEPTED"} 126.0' in text
    assert sum(float(n) for n in re.findall(r'verdict="DUPLICATE"} (\S+)', text)) == 42
    assert 'mangrove_collector_ack_seconds_bucket{le="0.005",method="Collect"} 42.0' in text
    assert 'mangrove_collector_ack_seconds_bucket{le="0.002",method="Collect"} 0.0' in text
    assert 'mangrove_collector_workers{state="wanted"} 2.0' in text
    assert 'mangrove_collector_workers{state="alive"} 2.0' in text
    kept = [path.name for path in folder.glob("*.db")]
    assert len(kept) == 2 * 3 + 2 + 1, "two that were not forgotten, the sum of the dead, the parent's gauges"


def test_a_thousand_restarts_leave_one_file_of_a_kind(tmp_path: Path) -> None:
    for pid in range(1, 1_001):
        count_of(pid, tmp_path)
        metrics.forget(pid, tmp_path)
    endpoint = metrics.serve("127.0.0.1:0", tmp_path)
    try:
        text = scrape(endpoint)
    finally:
        endpoint.close()
    assert {path.name for path in tmp_path.glob("*.db")} == {"counter_dead.db", "histogram_dead.db"}
    assert "calls_total 1000.0" in text
    assert "held" not in text


def test_a_scrape_while_processes_are_forgotten_counts_each_once(tmp_path: Path) -> None:
    for pid in range(1, 301):
        count_of(pid, tmp_path)
    endpoint = metrics.serve("127.0.0.1:0", tmp_path)
    forgetting = threading.Thread(target=lambda: [metrics.forget(pid, tmp_path) for pid in range(1, 301)])
    forgetting.start()
    try:
        seen = set()
        while forgetting.is_alive():
            seen |= set(re.findall(r"^calls_total (\S+)", scrape(endpoint), re.MULTILINE))
    finally:
        forgetting.join()
        endpoint.close()
    assert seen == {"300.0"}


@pytest.mark.parametrize("left", [b"", b"\0" * 4096, b"\xff\x00\x00\x00" * 64], ids=["empty", "blank", "garbage"])
def test_a_process_killed_while_it_made_its_file_costs_only_its_own_counts(left: bytes, tmp_path: Path) -> None:
    count_of(1, tmp_path)
    (tmp_path / "counter_2.db").write_bytes(left)
    metrics.forget(1, tmp_path)
    metrics.forget(2, tmp_path)
    endpoint = metrics.serve("127.0.0.1:0", tmp_path)
    try:
        assert "calls_total 1.0" in scrape(endpoint)
    finally:
        endpoint.close()


def test_a_file_that_was_opened_a_moment_ago_does_not_fail_the_scrape(tmp_path: Path) -> None:
    count_of(1, tmp_path)
    (tmp_path / "counter_2.db").touch()
    endpoint = metrics.serve("127.0.0.1:0", tmp_path)
    try:
        assert "calls_total 1.0" in scrape(endpoint)
    finally:
        endpoint.close()


def test_a_folder_that_others_could_write_to_is_refused(tmp_path: Path) -> None:
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    elsewhere = tmp_path / "link"
    elsewhere.symlink_to(tmp_path)
    for folder in (open_to_all, elsewhere):
        with pytest.raises(metrics.MetricsUnavailable):
            metrics.prepare(folder)
    assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ


def test_each_installation_has_a_folder_of_its_own(tmp_path: Path) -> None:
    assert metrics.folder_for(tmp_path / "a") == metrics.folder_for(tmp_path / "a")
    assert metrics.folder_for(tmp_path / "a") != metrics.folder_for(tmp_path / "b")


@pytest.mark.parametrize("address", ["127.0.0.1:{}", "127.0.0.1:none", "127.0.0.1:70000", "203.0.113.1:0"])
def test_an_address_of_no_use_is_told_in_a_sentence(address: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(metrics.MetricsUnavailable) as refusal:
            metrics.serve(address.format(taken.getsockname()[1]), None)
    assert "metrics_port" in refusal.value.sentence


class Broken(Collector):
    def __init__(self, error: Exception) -> None:
        self._error = error

    def collect(self) -> Iterable[Metric]:
        raise self._error


def test_a_collector_that_fails_does_not_say_what_it_held(capfd: pytest.CaptureFixture[str]) -> None:
    endpoint = metrics.serve("127.0.0.1:0", None, [Broken(ValueError(SECRET))])
    try:
        with pytest.raises(urllib.error.HTTPError) as refusal:
            scrape(endpoint)
        told = refusal.value.read().decode()
    finally:
        endpoint.close()
    out = capfd.readouterr()
    assert refusal.value.code == 500
    assert SECRET not in told + out.out + out.err
    assert "Traceback" not in out.err
    assert "scrape_failed" in out.out + out.err


def test_a_client_that_goes_away_leaves_no_stack_trace(capfd: pytest.CaptureFixture[str]) -> None:
    endpoint = metrics.serve("127.0.0.1:0", None)
    try:
        with socket.create_connection(("127.0.0.1", endpoint.port)) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.sendall(f"GET /{SECRET} HTTP/1.0\r\n".encode())
        told, until = "", time.monotonic() + 10
        while "scrape_cut" not in told and time.monotonic() < until:
            out = capfd.readouterr()
            told += out.out + out.err
    finally:
        endpoint.close()
    assert "scrape_cut" in told
    assert SECRET not in told
    assert "Traceback" not in told


def test_journals_are_looked_up_at_each_scrape() -> None:
    states = [JournalState("collector-0", 7, 2.5, 4096), JournalState("collector-1", 0, 0.0, 512)]
    endpoint = metrics.serve("127.0.0.1:0", None, [JournalMetrics(lambda: states)])
    try:
        text = scrape(endpoint)
        states.clear()
        emptied = scrape(endpoint)
    finally:
        endpoint.close()
    assert 'mangrove_journal_depth{journal="collector-0"} 7.0' in text
    assert 'mangrove_journal_bytes{journal="collector-1"} 512.0' in text
    assert "mangrove_lander_lag_seconds 2.5" in text
    assert "mangrove_lander_lag_seconds 0.0" in emptied
    assert "collector-0" not in emptied


def test_a_journal_that_cannot_be_read_hides_no_other_metric() -> None:
    def damaged() -> list[JournalState]:
        raise MangroveError("The journal is damaged.")

    endpoint = metrics.serve("127.0.0.1:0", None, [JournalMetrics(damaged)])
    try:
        text = scrape(endpoint)
    finally:
        endpoint.close()
    assert "python_info" in text
    assert "mangrove_journal_depth" not in text
