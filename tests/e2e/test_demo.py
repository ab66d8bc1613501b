"""The demo as a user runs it, with fewer customers: twice, and everything that it wrote searched."""

import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from deltalake import DeltaTable

from services.demo.scan import Needles, scan
from services.simulator.world import World
from spark_jobs.lake import tables

PEOPLE, SEED = 300, 11


def demo(home: Path) -> str:
    arguments = ["demo", "--home", str(home), "--people", str(PEOPLE), "--seed", str(SEED)]
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", *arguments], capture_output=True, check=False, text=True, timeout=900
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def versions(home: Path) -> dict[str, int]:
    # Events that are refused again are told again: quarantine is the one table that a second run adds to.
    kept = [table for table in tables.ALL if table is not tables.QUARANTINE_EVENTS]
    paths = {table.name: str(home / "lake" / table.path) for table in kept}
    return {name: DeltaTable(path).version() for name, path in paths.items() if DeltaTable.is_deltatable(path)}


def spent(home: Path) -> list[tuple[object, ...]]:
    with sqlite3.connect(home / "ledger/ledger.sqlite") as db:
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        return [row for name in names for row in db.execute(f"SELECT * FROM {name}").fetchall()]  # noqa: S608


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "home"
    demo(folder)
    return folder


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_second_run_changes_no_table_spends_nothing_and_says_so(home: Path) -> None:
    before = versions(home), spent(home)
    told = demo(home)
    assert (versions(home), spent(home)) == before
    assert re.search(r"verdicts\s+│\s+0 accepted", told)
    assert "Nothing to do" in told


@pytest.mark.slow
def test_nothing_that_the_demo_wrote_holds_planted_personal_data(home: Path) -> None:
    world = World.generate(SEED, PEOPLE)
    assert len(world.planted) > 500
    assert scan(home, Needles(world.planted)) == {}


def test_the_search_finds_what_it_should(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("call 13912345678 now")
    with sqlite3.connect(tmp_path / "b.sqlite") as db:
        db.execute("CREATE TABLE t (x BLOB)")
        db.execute("INSERT INTO t VALUES (?)", ("我叫欧阳晓峰".encode(),))
    found = scan(tmp_path, Needles(["13912345678", "欧阳晓峰", "never there"]))
    assert found == {"a.log": {"13912345678"}, "b.sqlite": {"欧阳晓峰"}}


@pytest.mark.slow
def test_the_report_needs_no_network_and_shows_no_pseudonym(home: Path) -> None:
    page = (home / "report.html").read_text()
    markup = re.sub(r"<script.*?</script>", "<script></script>", page, flags=re.DOTALL)
    assert not re.findall(r"<script[^>]+src=", page)
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', markup)
    assert not re.findall(r"(?:phone|email|customer|person)\.(?:\d+\.)?[A-Z2-7a-f0-9]{16}", page)
