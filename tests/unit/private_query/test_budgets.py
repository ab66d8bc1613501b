"""What operators see of budgets and change, through the commands."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from typer.testing import CliRunner, Result

from privacy.dp.types import NanoRho
from privacy.errors import MangroveError
from privacy.ledger.port import Charge, LedgerUnavailable, Reservation
from services.commands import app
from services.private_query.catalogue import load_catalogue
from services.private_query.ledgers import open_book, open_ledger
from services.settings import Home
from spark_jobs.lake import tables
from tests.postgres import new_ledger
from tests.unit.private_query.homes import FIRST_DAY, make_home

WHY = ["--why", "spring campaign"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return make_home(tmp_path, people=1, partner_rho_nano=100_000_000).folder


def mangrove(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--home", str(home)], env={"COLUMNS": "160"})


def output(home: Path, *arguments: str) -> str:
    done = mangrove(home, *arguments)
    assert done.exit_code == 0, done.output
    return done.output


def refused(home: Path, *arguments: str) -> str:
    done = mangrove(home, *arguments)
    assert isinstance(done.exception, MangroveError)
    return done.exception.sentence


def spend(home: Path, rho: int, *, identity_version: int = 0, question: bytes = b"q") -> None:
    installation = Home(home)
    limits = load_catalogue(home / "catalogue.toml").get("conversations", "ada").limits
    ledger = open_ledger(installation)
    window = (FIRST_DAY, FIRST_DAY.replace(day=3))
    charge = Charge("ada", "conversations", 0, question * 32, NanoRho(rho), *window, identity_version)
    reservation = ledger.reserve(charge, limits)
    assert isinstance(reservation, Reservation)
    ledger.commit(reservation, b"answer")
    ledger.close()


def rows(shown: str) -> dict[tuple[str, str], list[str]]:
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines() if "│" in line]
    return {(row[0], row[1]): row[2:] for row in cells}


def test_show_tells_limit_spent_left_and_when_it_is_new(home: Path) -> None:
    spend(home, 30_000_000)
    shown = rows(output(home, "budget", "show"))
    assert shown["conversations", "ada"] == ["0.1", "0.03", "0.07", "never", "0.03"]
    assert shown["conversations", "bob"] == ["0.1", "0", "0.1", "never", "0"]
    assert shown["conversations", "all together"][1] == "0.03"
    assert shown["conversations", "each day"] == ["1", "0.03", "0.97", "never", "-"]


def test_show_and_verify_work_beside_a_running_service(home: Path) -> None:
    ledger = open_ledger(Home(home))
    assert "ada" in output(home, "budget", "show")
    assert "fits: 0 entries" in output(home, "budget", "verify")
    ledger.close()


def test_grant_and_limit_are_audited_with_who_and_why(home: Path) -> None:
    output(home, "budget", "grant", "conversations", "0.05", "--partner", "ada", *WHY)
    output(home, "budget", "limit", "conversations", "0.5", *WHY)
    output(home, "budget", "limit", "conversations", "0.25", "--day", *WHY)
    shown = rows(output(home, "budget", "show"))
    assert shown["conversations", "ada"][0] == "0.15"
    assert shown["conversations", "all together"][0] == "0.5"
    assert shown["conversations", "each day"][0] == "0.25"
    output(home, "budget", "limit", "conversations", "catalogue", *WHY)
    assert rows(output(home, "budget", "show"))["conversations", "all together"][0] == "1"
    history = [json.loads(line) for line in output(home, "budget", "history").splitlines()]
    assert [entry["kind"] for entry in history] == ["grant", "limit", "limit", "limit"]
    assert all(entry["why"] == WHY[1] and entry["who"] for entry in history)
    audit = [json.loads(line) for line in (home / "audit.jsonl").read_text().splitlines()]
    assert [line["action"] for line in audit] == ["budget.grant", "budget.limit", "budget.limit", "budget.limit"]
    assert (audit[0]["holder"], audit[0]["rho_nano"], audit[0]["why"]) == ("partner:ada", 50_000_000, WHY[1])


def test_change_that_cannot_be_audited_is_not_made(home: Path) -> None:
    (home / "audit.jsonl").mkdir()
    assert "audit" in refused(home, "budget", "grant", "conversations", "0.05", *WHY)
    assert output(home, "budget", "history") == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("grant", "nothing", "0.1", *WHY),
        ("grant", "conversations", "0.1", "--partner", "eve", *WHY),
        ("grant", "journeys", "0.1", "--partner", "ada", *WHY),
        ("grant", "conversations", "much", *WHY),
        ("grant", "conversations", "nan", *WHY),
        ("grant", "conversations", "0.0000000001", *WHY),
        ("limit", "conversations", "1001", *WHY),
        ("limit", "conversations", "0.1", "--why", "x"),
        ("limit", "conversations", "0.1", "--why", "two\nlines"),
    ],
)
def test_change_that_makes_no_sense_changes_nothing(home: Path, arguments: tuple[str, ...]) -> None:
    refused(home, "budget", *arguments)
    assert output(home, "budget", "history") == ""
    assert not (home / "audit.jsonl").exists()


def test_history_of_changes_leaves_questions_out(home: Path) -> None:
    spend(home, 30_000_000)
    kinds = [json.loads(line)["kind"] for line in output(home, "budget", "history").splitlines()]
    assert kinds == ["declared", "charge", "commit"]
    (declared,) = output(home, "budget", "history", "--changes").splitlines()
    assert json.loads(declared)["partner_rho_nano"] == 100_000_000


def test_verify_takes_a_hash_that_must_be_there(home: Path) -> None:
    spend(home, 30_000_000)
    told = output(home, "budget", "verify")
    assert "fits: 3 entries, 1 charges, 1 answers" in told
    assert output(home, "budget", "verify", "--known", told.split()[-1]) == told
    assert "cut off" in refused(home, "budget", "verify", "--known", "00" * 32)


def test_ledger_address_may_stand_in_the_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "mangrove.toml").write_text('[query]\nledger = "env:TEST_LEDGER"\n')
    with pytest.raises(LedgerUnavailable):
        open_book(Home(home))
    monkeypatch.setenv("TEST_LEDGER", new_ledger())
    spend(home, 30_000_000)
    assert rows(output(home, "budget", "show"))["conversations", "ada"][1] == "0.03"
    assert not (home / "ledger").exists()


def test_following_makes_no_ledger_where_there_is_none(home: Path) -> None:
    assert output(home, "budget", "follow") == ""
    assert not (home / "ledger").exists()


def test_following_an_empty_graph_finds_nobody_merged(home: Path) -> None:
    DeltaTable.create(str(home / "lake" / tables.IDENTITY_HISTORY.path), tables.IDENTITY_HISTORY.schema)
    spend(home, 30_000_000)
    assert "up to version 0 of the identity graph nobody in them was merged" in output(home, "budget", "follow")


@pytest.mark.spark
@pytest.mark.slow
def test_jobs_that_resolve_people_let_the_ledger_follow(home: Path) -> None:
    spend(home, 30_000_000, identity_version=1)
    command = [sys.executable, "-m", "services.cli", "lake", "run", "resolve", "--home", str(home)]
    run = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    assert "conversations: rho 0.03 was spent on answers" in run.stdout
    kinds = [json.loads(line)["kind"] for line in output(home, "budget", "history").splitlines()]
    assert kinds == ["declared", "charge", "commit", "identity"]


def test_ledger_follows_people_who_merge(home: Path) -> None:
    def move(version: int, owners: dict[str, str]) -> None:
        moved = [{"version": version, "token": token, "person_id": who} for token, who in owners.items()]
        rows = pa.Table.from_pylist(moved, schema=tables.IDENTITY_HISTORY.schema)
        write_deltalake(str(home / "lake" / tables.IDENTITY_HISTORY.path), rows, mode="append")

    move(1, {"a": "p", "b": "q"})
    spend(home, 30_000_000, identity_version=1)
    before = output(home, "budget", "history")
    assert "nobody in them was merged or split" in output(home, "budget", "show")
    assert "nobody in them was merged or split" in output(home, "budget", "follow")
    # Answers from the newest graph leave nothing to write down.
    assert output(home, "budget", "history") == before
    move(2, {"b": "p"})
    assert "Run `mangrove budget follow`" in output(home, "budget", "show")
    spend(home, 10_000_000, identity_version=2, question=b"r")
    assert "Run `mangrove budget follow`" in output(home, "budget", "show")
    told = output(home, "budget", "follow")
    assert "rho 0.04 was spent" in told
    assert "up to version 2" in told
    assert "count as rho 0.13 at most: the largest change is 2 persons'" in told
    assert told.strip() in output(home, "budget", "show")
    again = len(output(home, "budget", "history").splitlines())
    output(home, "budget", "follow")
    assert len(output(home, "budget", "history").splitlines()) == again
    assert "fits" in output(home, "budget", "verify")
