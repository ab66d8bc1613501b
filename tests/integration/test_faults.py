"""Disks that are full and clocks that step back: a clear error, then recovery, and nothing lost or doubled."""

import os
import signal
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import grpc
import pytest

from privacy.pseudonyms import Pseudonymiser
from services.demo.servers import free_port
from services.installation import administration_of
from services.keys import key_provider
from services.settings import Home
from tests.chaos.clock import SteppedClock
from tests.chaos.small_disk import free_bytes, small_disk, stuffed
from tests.chaos.source import Source, event_ids_in_bronze
from tests.chaos.watching import children_of, is_serving, landing, log_of, metrics_at
from tests.generated import an_event
from tests.integration.sending import until
from tests.servers import collecting, new_home, start, stop

pytestmark = pytest.mark.slow

LANDER = "\n[lander]\npoll_s = 0.1\n"


def home_on(folder: Path, journal: Path, *, min_free_bytes: int = 0, more: str = "") -> Home:
    return new_home(
        folder, f'{LANDER}{more}\n[journal]\nfolder = "{journal}/journal"\nmin_free_bytes = {min_free_bytes}\n'
    )


def configured(home: Home, before: str, after: str) -> Home:
    """The installation with another line in its configuration."""
    path = home.folder / "mangrove.toml"
    path.write_text(path.read_text().replace(before, after, 1))
    return Home(home.folder)


def test_a_journal_that_filled_its_disk_is_emptied_by_the_lander_and_takes_events_again(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 16) as disk:
        home = home_on(tmp_path / "home", disk)
        with collecting(home) as collector, Source(home) as source:
            workers = children_of(collector.pid)
            refusal = source.fill()
            assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "DISK_LOW")
            assert refusal.retry_after_s == 5
            assert is_serving(home)
            with landing(home):
                until(lambda: source.send(500) is None)
            source.fill()
            with landing(home):
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
                assert source.fill().reason == "DISK_LOW"
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
                    assert source.fill().reason == "DISK_LOW"
            with landing(home):
                until(lambda: source.send(500) is None)
        assert source.landed_once()


def test_a_lake_whose_disk_is_full_is_told_and_landed_into_as_soon_as_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "lake", 8) as lake:
        home = new_home(tmp_path / "home", f"{LANDER}max_bytes = 20000\ncompact_every = 3\n")
        home = configured(home, 'lake = "lake"', f'lake = "{lake}"')
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
        home = configured(home, 'lake = "lake"', f'lake = "{lake}"')
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
        home = configured(home, "metrics_port = 0", f"metrics_port = {port}")
        with collecting(home) as collector, Source(home) as source:
            workers = children_of(collector.pid)
            with stuffed(folder):
                fill_up(folder / "audit.jsonl")
                assert source.send(100) is None
                with pytest.raises(grpc.RpcError):
                    turned_away(home)
                until(lambda: "audit_unwritable" in log_of(home, "collector"))
                assert source.send(100) is None
                assert metrics_at(port)["mangrove_collector_verdicts_total"] == [200.0]
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
                    assert source.fill().reason == "DISK_LOW"
                until(lambda: source.send(500) is None)
                (worker,) = children_of(collector.pid)
                os.kill(worker, signal.SIGKILL)
                until(lambda: source.send(500) is None)
        assert source.landed_once()


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SteppedClock:
    """The clock of the processes that the test starts."""
    stepped = SteppedClock(tmp_path)
    for name, value in stepped.environment.items():
        monkeypatch.setenv(name, value)
    return stepped


HOUR_S, YEAR_S = 3600, 365 * 86_400


def test_a_clock_that_steps_back_loses_doubles_and_disorders_nothing(tmp_path: Path, clock: SteppedClock) -> None:
    port = free_port()
    home = new_home(tmp_path / "home", f"{LANDER}compact_every = 2\n")
    home = configured(home, "metrics_port = 0", f"metrics_port = {port}")
    batches = [[an_event() for _ in range(20)] for _ in range(6)]
    with collecting(home) as collector, Source(home) as source:
        workers = children_of(collector.pid)
        for batch, seconds in zip(batches, (0, -HOUR_S, -YEAR_S, HOUR_S, -YEAR_S, -HOUR_S), strict=True):
            clock.set(seconds)
            assert source.send_events(batch) is None
            assert is_serving(home)
            told = metrics_at(port)
            assert min(told["mangrove_journal_oldest_age_seconds"] + told["mangrove_lander_lag_seconds"]) >= 0
            if seconds == -YEAR_S:
                with landing(home):
                    until(lambda: metrics_at(port)["mangrove_journal_depth"] == [0.0])
        taken = len(source.accepted)
        assert source.send_events(batches[0]) is None
        assert len(source.accepted) == taken == 120
        assert children_of(collector.pid) == workers
    assert source.landed_once()
    token = Pseudonymiser(key_provider(home)).token
    assert event_ids_in_bronze(home) == [token("event", event.event_id) for batch in batches for event in batch]


def test_a_clock_that_steps_back_gives_no_quota_anew(tmp_path: Path, clock: SteppedClock) -> None:
    home = new_home(tmp_path / "home", "\n[collector.limits]\nevents_per_day = 50\n")
    with collecting(home), Source(home) as source:
        assert source.send(50) is None
        for seconds in (0, -HOUR_S, -YEAR_S):
            clock.set(seconds)
            refusal = source.send(1)
            assert refusal is not None
            assert refusal.reason == "QUOTA_EXCEEDED"
            assert refusal.retry_after_s is not None
            assert 0 < refusal.retry_after_s <= 86_401


def test_a_key_ends_by_the_clock_as_it_stands_and_one_without_an_end_does_not(
    tmp_path: Path, clock: SteppedClock
) -> None:
    home = new_home(tmp_path / "home")
    with collecting(home), Source(home) as old:
        administration_of(home, key_provider(home).secret("access")).rotate("web", overlap=timedelta(seconds=HOUR_S))
        with Source(home) as new:
            for seconds, works in ((-YEAR_S, True), (0, True), (2 * HOUR_S, False), (-HOUR_S, True)):
                clock.set(seconds)
                assert new.send() is None
                refusal = old.send()
                assert (refusal is None) is works
                assert refusal is None or refusal.reason == "UNAUTHENTICATED"
