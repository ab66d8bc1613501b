"""Disks that are full and clocks that step back: a clear error, then recovery, and nothing lost or doubled."""

import os
import signal
import sqlite3
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.demo.servers import free_port
from services.settings import Home
from tests.chaos.small_disk import free_bytes, small_disk, stuffed
from tests.chaos.source import Source
from tests.integration.sending import until
from tests.servers import collecting, new_home, start, stop

pytestmark = pytest.mark.slow

LANDER = "\n[lander]\npoll_s = 0.1\n"


def home_on(folder: Path, journal: Path, *, min_free_bytes: int = 0, more: str = "") -> Home:
    return new_home(
        folder, f'{LANDER}{more}\n[journal]\nfolder = "{journal}/journal"\nmin_free_bytes = {min_free_bytes}\n'
    )


@contextmanager
def landing(home: Home) -> Iterator[None]:
    """A lander that must still be there at the end, and that ends in good order."""
    lander = start(home, "lander", "run")
    try:
        yield
        assert lander.poll() is None, "the lander died"
    finally:
        ended = stop(lander)
    assert ended == 0


def is_serving(home: Home) -> bool:
    with grpc.insecure_channel(home.settings.collector.address) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=20)
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def log_of(home: Home, name: str) -> str:
    return (home.folder / f"{name}.log").read_text().replace("\n\n", "")


def test_a_journal_that_filled_its_disk_is_emptied_by_the_lander_and_takes_events_again(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 16) as disk:
        home = home_on(tmp_path / "home", disk)
        with collecting(home) as collector, Source(home) as source:
            workers = children_of(collector.pid)
            refusal = source.fill()
            assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "JOURNAL_UNAVAILABLE")
            assert refusal.retry_after_s == 1
            assert is_serving(home)
            with landing(home):
                until(lambda: source.send(500) is None)
                source.fill()
                until(lambda: source.send(500) is None)
            assert children_of(collector.pid) == workers
        assert source.landed_once()


def test_a_disk_that_is_almost_full_is_told_before_it_is_full_and_passes(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 24) as disk:
        home = home_on(tmp_path / "home", disk, min_free_bytes=8 * 1024 * 1024)
        with collecting(home), Source(home) as source:
            refusal = source.fill()
            assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "DISK_LOW")
            assert refusal.retry_after_s == 5
            assert free_bytes(disk) > 0
            with landing(home):
                until(lambda: source.send(500) is None)
        assert source.landed_once()


def test_a_disk_that_others_filled_stops_nothing_for_longer_than_it_is_full(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 16) as disk:
        home = home_on(tmp_path / "home", disk)
        with collecting(home) as collector, Source(home) as source, landing(home):
            workers = children_of(collector.pid)
            assert source.send(100) is None
            with stuffed(disk):
                assert source.fill().reason == "JOURNAL_UNAVAILABLE"
                assert is_serving(home)
            until(lambda: source.send(500) is None)
            assert children_of(collector.pid) == workers
        assert source.landed_once()


def test_a_disk_that_fills_while_the_log_cannot_be_checkpointed_loses_nothing(tmp_path: Path) -> None:
    """Somebody reads the journal for so long that SQLite's log takes the whole disk."""
    with small_disk(tmp_path / "disk", 16) as disk:
        home = home_on(tmp_path / "home", disk)
        with collecting(home), Source(home) as source:
            assert source.send(10) is None
            with closing(sqlite3.connect(disk / "journal/collector-0.sqlite")) as reader:
                reader.execute("BEGIN")
                reader.execute("SELECT count(*) FROM records").fetchone()
                with landing(home):
                    assert source.fill().reason == "JOURNAL_UNAVAILABLE"
            with landing(home):
                until(lambda: source.send(500) is None)
        assert source.landed_once()


def test_a_lake_whose_disk_is_full_is_told_and_landed_into_as_soon_as_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "lake", 8) as lake:
        home = new_home(tmp_path / "home", f"{LANDER}max_bytes = 20000\ncompact_every = 3\n")
        configuration = home.folder / "mangrove.toml"
        configuration.write_text(configuration.read_text().replace('lake = "lake"', f'lake = "{lake}"'))
        home = Home(home.folder)
        with collecting(home), Source(home) as source:
            with landing(home):
                with stuffed(lake, leave=200_000):
                    for _ in range(20):
                        assert source.send(100) is None
                    until(lambda: "LAKE_UNAVAILABLE" in log_of(home, "lander"))
                until(lambda: source.send(10) is None)
            assert source.landed_once()
        assert "Traceback" not in log_of(home, "lander")


def test_a_lander_on_a_full_lake_stops_when_it_is_told_to(tmp_path: Path) -> None:
    with small_disk(tmp_path / "lake", 8) as lake:
        home = new_home(tmp_path / "home", LANDER)
        configuration = home.folder / "mangrove.toml"
        configuration.write_text(configuration.read_text().replace('lake = "lake"', f'lake = "{lake}"'))
        home = Home(home.folder)
        with collecting(home), Source(home) as source:
            assert source.send(100) is None
            with stuffed(lake):
                lander = start(home, "lander", "run")
                until(lambda: "LAKE_UNAVAILABLE" in log_of(home, "lander"))
                assert stop(lander) == 0
            assert source.landed_once()


def test_a_home_folder_on_a_full_disk_stops_neither_collecting_nor_audit_nor_metrics_for_good(tmp_path: Path) -> None:
    port = free_port()
    with small_disk(tmp_path / "home", 8) as folder:
        home = new_home(folder, f'{LANDER}[journal]\nfolder = "{tmp_path}/journal"\n')
        configuration = home.folder / "mangrove.toml"
        configuration.write_text(configuration.read_text().replace("metrics_port = 0", f"metrics_port = {port}", 1))
        home = Home(home.folder)
        with collecting(home) as collector, Source(home) as source:
            workers = children_of(collector.pid)
            with stuffed(folder):
                fill_up(folder / "audit.jsonl")
                assert source.send(100) is None
                with pytest.raises(grpc.RpcError):
                    turned_away(home)
                until(lambda: "audit_unwritable" in log_of(home, "collector"))
                assert source.send(100) is None
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as page:
                    assert b'mangrove_collector_verdicts_total{source="web",verdict="ACCEPTED"} 200.0' in page.read()
            assert children_of(collector.pid) == workers
            with pytest.raises(grpc.RpcError):
                turned_away(home)
            until(lambda: "KEY_UNKNOWN" in (folder / "audit.jsonl").read_text())
        assert source.landed_once()


def turned_away(home: Home) -> None:
    with grpc.insecure_channel(home.settings.collector.address) as channel:
        call = channel.unary_unary("/mangrove.collector.v1.CollectorService/Collect")
        call(b"", metadata=(("authorization", "Bearer nobody's"),), timeout=20)


def fill_up(*files: Path) -> None:
    """Take the last bytes of a full disk: those behind the ends of files."""
    for path in files:
        with path.open("ab", buffering=0) as file:
            try:
                while file.write(b"\n"):
                    pass
            except OSError:
                continue


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    """What is logged goes to a file on a full disk, and there is much to be logged."""
    with small_disk(tmp_path / "disk", 16) as disk, small_disk(tmp_path / "logs", 1) as logs:
        home = home_on(tmp_path / "home", disk)
        for name in ("collector", "lander"):
            (home.folder / f"{name}.log").symlink_to(logs / f"{name}.log")
        with collecting(home) as collector, Source(home) as source, landing(home):
            assert source.send(10) is None
            until(lambda: "landed" in log_of(home, "lander"))
            with stuffed(logs):
                fill_up(logs / "collector.log", logs / "lander.log")
                assert source.send(10) is None
                with stuffed(disk):
                    assert source.fill().reason == "JOURNAL_UNAVAILABLE"
                until(lambda: source.send(500) is None)
                (worker,) = children_of(collector.pid)
                os.kill(worker, signal.SIGKILL)
                until(lambda: source.send(500) is None)
        assert source.landed_once()
