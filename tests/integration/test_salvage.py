"""A journal whose file was damaged: what can be read lands, the rest is told, and the collector goes on."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from typer.testing import CliRunner

from services.collector.bootstrap import NothingLost, lander_at, skip_lost
from services.collector.commands import app
from services.collector.journals.chosen import feeds_at
from services.collector.journals.salvage import NoJournal, salvage
from services.collector.journals.sqlite import SqliteJournal
from services.collector.journals.sqlite_file import JournalInUse
from services.collector.metrics import DamagedMetrics
from services.collector.ports import JournalDamaged
from services.settings import Home
from tests.integration.test_kills import fill_journal, in_bronze
from tests.servers import new_home

JOURNAL = "journal/collector-0.sqlite"


@pytest.fixture
def filled(tmp_path: Path) -> tuple[Home, list[str]]:
    home = new_home(tmp_path)
    ids = fill_journal(home, events=400, refusals=0)
    with closing(sqlite3.connect(home.path(JOURNAL))) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return home, ids


def overwrite(path: Path, at: int, size: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xa5" * size)


def damaged_told(home: Home) -> tuple[float, float]:
    """What the metrics say: damaged journals that the lander cannot land, and those that were set aside."""
    name, labels = "mangrove_lander_journals_not_landed", {"reason": JournalDamaged.reason}
    [family] = DamagedMetrics(home.path("journal")).collect()
    return REGISTRY.get_sample_value(name, labels) or 0.0, family.samples[0].value


def test_a_destroyed_header_loses_nothing(filled: tuple[Home, list[str]]) -> None:
    home, ids = filled
    overwrite(home.path(JOURNAL), 0, 4096)
    assert lander_at(home).drain().events == 0
    SqliteJournal(home.path(JOURNAL)).close()
    (aside,) = home.path("journal").glob("*.damaged")
    salvaged = salvage(aside)
    assert (salvaged.records, salvaged.mended, salvaged.missing) == (40, 0, 0)
    lander_at(home).drain()
    assert sorted(in_bronze(home)) == sorted(ids)


def test_pages_that_cannot_be_read_cost_no_more_than_what_stood_on_them(filled: tuple[Home, list[str]]) -> None:
    home, ids = filled
    path = home.path(JOURNAL)
    overwrite(path, path.stat().st_size // 2, 3 * 4096)
    salvaged = salvage(path)
    assert 0 < salvaged.mended + salvaged.missing <= 20
    lander_at(home).drain()
    landed = in_bronze(home)
    assert len(landed) == len(set(landed))
    assert set(landed) <= set(ids)
    assert len(landed) >= 10 * salvaged.records


def test_a_flipped_bit_stops_the_journal_until_it_is_salvaged_and_costs_one_line(
    filled: tuple[Home, list[str]], capfd: pytest.CaptureFixture[str]
) -> None:
    home, ids = filled
    with closing(sqlite3.connect(home.path(JOURNAL))) as db, db:
        db.execute("UPDATE records SET events = CAST(replace(events, '}', ' ') AS BLOB) WHERE sequence = 7")
    lander_at(home).drain()
    assert damaged_told(home) == (1, 0)
    salvaged = salvage(home.path(JOURNAL))
    assert (salvaged.records, salvaged.mended, salvaged.lost_lines) == (39, 1, 10)
    lander_at(home).drain()
    assert damaged_told(home) == (0, 1)
    assert len(in_bronze(home)) == 390
    assert set(in_bronze(home)) <= set(ids)


def test_what_landed_before_is_not_landed_again(filled: tuple[Home, list[str]]) -> None:
    home, ids = filled
    copy = home.path("journal/old.damaged")
    copy.write_bytes(home.path(JOURNAL).read_bytes())
    lander_at(home).drain()
    assert salvage(copy).records == 40
    assert lander_at(home).drain().repeats == 400
    assert sorted(in_bronze(home)) == sorted(ids)


def test_a_journal_in_use_or_no_journal_at_all_is_told(tmp_path: Path) -> None:
    with closing(SqliteJournal(tmp_path / "j.sqlite")), pytest.raises(JournalInUse):
        salvage(tmp_path / "j.sqlite")
    with pytest.raises(NoJournal, match="no such file"):
        salvage(tmp_path / "none.damaged")
    (tmp_path / "notes.txt").write_text("notes")
    with pytest.raises(NoJournal, match="left alone"):
        salvage(tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_text() == "notes"
    (tmp_path / "x.damaged").write_bytes(b"nothing")
    assert salvage(tmp_path / "x.damaged").journal == ""
    told = CliRunner().invoke(app, ["salvage", str(tmp_path / "x.damaged")])
    assert (told.exit_code, told.output.split(":")[0]) == (1, "Nothing could be read")


def test_a_journal_that_lost_nothing_cannot_be_skipped(filled: tuple[Home, list[str]]) -> None:
    home, ids = filled
    [feed] = feeds_at(home).assigned()
    for name in (feed.journal_id, "none"):
        with pytest.raises(NothingLost):
            skip_lost(home, name, 99_999)
    lander_at(home).drain()
    assert sorted(in_bronze(home)) == sorted(ids)
