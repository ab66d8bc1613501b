import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from typer.testing import CliRunner

from services.audit import AuditLog
from services.commands import app
from services.identity.decisions import Decisions, DecisionUnknown, TokensUnknown, TooFewTokens
from services.identity.explain import Change, NobodyThere, explain
from services.installation import install
from spark_jobs.identity.kinds import EXCLUDE, MERGE, SPLIT
from spark_jobs.lake import tables
from spark_jobs.lake.schemas import Table
from spark_jobs.lake.snapshot import TableMissing

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
EMAIL, PHONE, COOKIE, DESK = "email.1.A", "phone.1.B", "cookie.1.C", "phone.1.D"


def written(root: Path, table: Table, *rows: tuple) -> None:
    columns = dict(zip(table.schema.names, zip(*rows, strict=True), strict=True))
    write_deltalake(f"{root}/{table.path}", pa.table(columns, schema=table.schema), mode="append")


@pytest.fixture
def root(tmp_path: Path) -> str:
    """A person with an e-mail address and a phone, whose cookie came later; a desk's phone that is shared."""
    lake = tmp_path / "lake"
    written(
        lake,
        tables.IDENTITY_PEOPLE,
        *((t, t.split(".")[0], "person.1", False, t, None, None, AT, None, 1) for t in (EMAIL, PHONE, COOKIE)),
    )
    written(lake, tables.IDENTITY_PEOPLE, (DESK, "phone", "person.2", True, DESK, None, None, AT, None, None))
    written(
        lake,
        tables.IDENTITY_LINKS,
        (EMAIL, PHONE, "email", "phone", AT, AT, 3, 2.5, True),
        (COOKIE, EMAIL, "cookie", "email", AT + timedelta(days=1), AT + timedelta(days=1), 1, None, True),
        (EMAIL, DESK, "email", "phone", None, None, 0, 1.5, False),
    )
    written(lake, tables.IDENTITY_QUARANTINE, (DESK, "phone", "seen with more than 5 email", 9))
    written(
        lake,
        tables.IDENTITY_HISTORY,
        (1, EMAIL, None, "person.1"),
        (1, PHONE, None, "person.1"),
        (1, COOKIE, None, "person.3"),
        (2, COOKIE, "person.3", "person.1"),
    )
    written(lake, tables.IDENTITY_VERSIONS, (1, AT, 3), (2, AT + timedelta(days=1), 1))
    return str(lake)


@pytest.fixture
def decisions(root: str, tmp_path: Path) -> Decisions:
    return Decisions(root, AuditLog(tmp_path / "audit.jsonl"))


def test_a_person_is_explained_by_any_token_with_what_joins_it_and_what_was_left_out(root: str) -> None:
    person = explain(root, COOKIE)
    assert person == explain(root, "person.1")
    assert person.tokens == (COOKIE, EMAIL, PHONE)
    assert [(link.token_a, link.token_b, link.used) for link in person.links] == [
        (COOKIE, EMAIL, True),
        (EMAIL, PHONE, True),
        (EMAIL, DESK, False),
    ]
    assert [link.because for link in person.links] == [
        "seen together in 1 event",
        "seen together in 3 events, matched by traits",
        "matched by traits",
    ]
    assert person.quarantined == {DESK: "seen with more than 5 email"}
    assert person.changes[0] == Change(2, AT + timedelta(days=1), COOKIE, "person.3", "person.1")


def test_a_person_is_seen_as_known_in_an_earlier_version(root: str) -> None:
    assert explain(root, "person.1", version=1).tokens == (EMAIL, PHONE)
    assert explain(root, COOKIE, version=1).person_id == "person.3"
    assert explain(root, COOKIE, version=2).person_id == "person.1"


def test_nobody_and_no_graph_are_told(root: str, tmp_path: Path) -> None:
    for version in (None, 1):
        with pytest.raises(NobodyThere):
            explain(root, "person.9", version)
    with pytest.raises(TableMissing):
        explain(str(tmp_path / "empty"), EMAIL)


def test_decisions_are_kept_listed_and_taken_back(decisions: Decisions, tmp_path: Path) -> None:
    assert decisions.all() == []
    merged = decisions.decide(MERGE, [PHONE, EMAIL, PHONE])
    assert merged.tokens == (EMAIL, PHONE)
    excluded = decisions.decide(EXCLUDE, [DESK])
    undone = decisions.undo(merged.decision_id)
    assert undone == merged
    newest, oldest = decisions.all()
    assert newest == excluded
    assert oldest.undone_at is not None
    assert oldest.undone_at >= oldest.decided_at
    lines = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert [line["action"] for line in lines] == ["identity.merge", "identity.exclude", "identity.undo"]
    assert EMAIL not in (tmp_path / "audit.jsonl").read_text()


def test_decisions_that_change_nothing_are_refused(decisions: Decisions, tmp_path: Path) -> None:
    with pytest.raises(TooFewTokens):
        decisions.decide(MERGE, [EMAIL, EMAIL])
    with pytest.raises(TokensUnknown, match="1 of these"):
        decisions.decide(SPLIT, [EMAIL, "email.1.' OR 1=1"])
    made = decisions.decide(SPLIT, [EMAIL])
    decisions.undo(made.decision_id)
    for unknown in (made.decision_id, "0" * 32, "' OR 1=1"):
        with pytest.raises(DecisionUnknown):
            decisions.undo(unknown)
    with pytest.raises(TableMissing):
        Decisions(str(tmp_path / "empty"), AuditLog(tmp_path / "other.jsonl")).decide(SPLIT, [EMAIL])


def test_commands_show_and_decide_without_showing_a_value(root: str, tmp_path: Path) -> None:
    home = install(tmp_path).home
    run = CliRunner()

    def told(*arguments: str, typed: str | None = None) -> str:
        result = run.invoke(app, ["identity", *arguments, "--home", str(home.folder)], input=typed)
        assert result.exit_code == 0, result.output
        return result.output

    made = told("token", "email", typed="Someone@Example.com\n")
    assert "example" not in made.lower()
    assert made.strip().splitlines()[-1].startswith("email.1.")
    assert "person.1" in told("explain", EMAIL)
    decided = told("split", COOKIE)
    assert "split" in told("decisions")
    assert "took back" in told("undo", decided.split()[-1])
    nobody = run.invoke(app, ["identity", "token", "email", "--home", str(home.folder)], input="unknown\n")
    assert nobody.exit_code == 1
