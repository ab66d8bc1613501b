"""Files through the real collector into bronze: everything arrives, twice changes nothing, nothing personal is left."""

import csv
import gzip
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from privacy.pseudonyms import Pseudonymiser
from services.collector.bootstrap import lander_at
from services.keys import key_provider
from services.settings import Home
from spark_jobs.lake import tables
from spark_jobs.lake.snapshot import read_snapshot
from tests.servers import collecting, new_home
from tests.unit.adapters.mails import a_mail

ROOT = Path(__file__).parents[2]
REAL = ROOT.parent / "shared/data"
ORDERS, CHATS = (ROOT / f"infra/config/import-{name}.toml" for name in ("orders", "chats"))
ROWS = 300
REAL_COLUMNS = """
[format]
kind = "csv"
[occurred_at]
fixed = 2026-01-05T08:00:00Z
[channel]
fixed = "chat"
[consent]
purposes = ["service", "analytics"]
"""
REAL_PEOPLE = """
[id]
dataset = "people"
columns = ["unique_id"]
[[event]]
body = "custom"
[identifiers]
customer = "unique_id"
email = "email"
[fields]
"custom.name" = { fixed = "signed_up" }
"custom.properties" = { columns = { born = "dob", city = "city" } }
"""
REAL_QUESTIONS = """
[id]
dataset = "questions"
[[event]]
body = "message_sent"
[fields]
"message_sent.party" = { fixed = "customer" }
"message_sent.text" = "text"
"""


def mobile(n: int) -> str:
    return f"139{n:08}"


def email(n: int) -> str:
    return f"kundin{n}@mail.example.org"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    home = new_home(tmp_path_factory.mktemp("home"))
    with collecting(home):
        yield home


def run_import(home: Home, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "services.cli", "import", *map(str, arguments)]
    told = subprocess.run(
        [*command, "--home", str(home.folder), "--source", "web"],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    with (home.folder / "told.log").open("a") as log:
        log.write(told.stdout + told.stderr)
    return told


def verdicts(told: "subprocess.CompletedProcess[str]") -> dict[str, int]:
    (line,) = (line for line in told.stdout.splitlines() if " events: " in line or "1 event: " in line)
    return {name: int(count) for count, name in (one.split() for one in line.partition(": ")[2].split(", "))}


def landed(home: Home) -> "Counter[str]":
    """How many events of each conversation, or of each type without one, are in bronze."""
    lander_at(home).drain()
    rows = read_snapshot(home.lake_root, tables.BRONZE_EVENTS, ["event_id", "event_type"]).rows.to_pylist()
    assert len({row["event_id"] for row in rows}) == len(rows)
    return Counter(row["event_type"] for row in rows)


def orders(path: Path) -> None:
    """Orders as a spreadsheet writes them, each with a phone; one draft, one without consent, two that are broken."""
    start = datetime(2026, 1, 5, 8)
    with path.open("w", encoding="gb18030", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(
            "order_no placed from customer_no mobile landline marketing_ok total pieces state comment".split()
        )
        for n in range(ROWS):
            at = (start + timedelta(minutes=n)).strftime("%d.%m.%Y %H:%M:%S")
            state, consent = ("draft" if n == 1 else "ok"), ("N" if n == 2 else "J")
            total = "teuer" if n == 3 else f"{n}.50"
            day = "32.01.2026 08:00:00" if n == 4 else at
            note = f"张伟 {mobile(n)}"
            writer.writerow([f"A-{n}", day, "phone", n, mobile(n), "NULL", consent, total, 1, state, note])


def chats(path: Path) -> None:
    """Messages as a chat system exports them, with a phone in each text and an address in each form."""
    lines = []
    for n in range(ROWS):
        user = {"no": n, "contact": {"mail": email(n)}, "allows": ["service", "analytics"], "locale": "zh-CN"}
        common = {"thread": {"id": f"t{n % 10}"}, "seq": n, "ts": 1767600000000 + n, "user": user}
        kinds = (
            {"type": "text", "by": "visitor", "body": f"我的手机号是{mobile(n)}"},
            {"type": "form", "form": {"name": "call", "version": 2}, "answers": {"mail": email(n), "n": [n]}},
            {"type": "closed"},
        )
        lines.append(json.dumps({**common, **kinds[n % 3]}, ensure_ascii=False))
    path.write_bytes(gzip.compress("\n".join(lines).encode()))


def mails(folder: Path) -> None:
    """Ten conversations of three mails, in several charsets, with phones and addresses in subject and text."""
    folder.mkdir()
    for n in range(10):
        charset = ("gb18030", "utf-8", "big5")[n % 3]
        for turn in range(3):
            agent, customer = "li@example.com", f"Anna <{email(n)}>"
            mail: EmailMessage = a_mail(
                f"您好，電話 {mobile(n)}，信箱 {email(n)}\n",
                {
                    "Message-ID": f"<{n}.{turn}@mail.example.org>",
                    "References": f"<{n}.0@mail.example.org>" if turn else None,
                    "From": agent if turn == 1 else customer,
                    "To": customer if turn == 1 else agent,
                    "Subject": f"回電 {mobile(n)}",
                },
                charset=charset,
                cte="base64",
            )
            (folder / f"{n}-{turn}.eml").write_bytes(mail.as_bytes())
    (folder / "broken.eml").write_bytes(f"From: {email(1)}\n\n{mobile(1)}".encode())


def test_a_table_arrives_once_however_often_it_is_imported(home: Home, tmp_path: Path) -> None:
    orders(tmp_path / "orders.csv")
    rejects = home.folder / "rejects.csv"
    arguments = ("table", tmp_path / "orders.csv", "--mapping", ORDERS, "--rejects", rejects)
    first, again = run_import(home, *arguments), run_import(home, *arguments, "--max-rejects", "3")
    assert verdicts(first) == {"ACCEPTED": ROWS - 4, "REFUSED_CONSENT": 1}
    assert verdicts(again) == {"DUPLICATE": ROWS - 4, "REFUSED_CONSENT": 1}
    assert (first.returncode, again.returncode) == (1, 0)
    assert f"{ROWS} lines, 1 skipped (skip_when)" in first.stdout
    assert sorted(rejects.read_text().splitlines()) == [
        "4,REFUSED_CONSENT",
        "5,order_placed.total.amount_minor:NOT_A_NUMBER",
        "6,occurred_at:NOT_A_TIME",
        "line,reason",
    ]
    assert landed(home)["order_placed"] == ROWS - 4


def test_json_lines_arrive_as_the_bodies_that_their_rules_choose(home: Home, tmp_path: Path) -> None:
    chats(tmp_path / "chats.jsonl.gz")
    arguments = ("table", tmp_path / "chats.jsonl.gz", "--mapping", CHATS)
    first, again = run_import(home, *arguments), run_import(home, *arguments)
    assert verdicts(first) == {"ACCEPTED": ROWS} and verdicts(again) == {"DUPLICATE": ROWS}
    assert (first.returncode, again.returncode) == (0, 0)
    counts = landed(home)
    assert (counts["custom"], counts["conversation_ended"]) == (ROWS // 3, ROWS // 3)


def test_mails_arrive_as_conversations_of_people_who_are_known_elsewhere(home: Home, tmp_path: Path) -> None:
    mails(tmp_path / "inbox")
    arguments = ("mail", tmp_path / "inbox", "--own-domain", "example.com", "--max-rejects", "1")
    allowed = ("--purpose", "service", "--purpose", "analytics")
    first, again = run_import(home, *arguments, *allowed), run_import(home, *arguments, *allowed)
    assert verdicts(first) == {"ACCEPTED": 40} and verdicts(again) == {"DUPLICATE": 40}
    assert (first.returncode, again.returncode) == (0, 0)
    assert "message-id:MISSING: 1 (mail 31)" in first.stdout
    assert landed(home)["conversation_started"] == 10
    columns = ["conversation_id", "channel", "identifiers"]
    rows = [
        row for row in read_snapshot(home.lake_root, tables.BRONZE_EVENTS, columns).rows.to_pylist()
        if row["channel"] == "email"
    ]  # fmt: skip
    token = Pseudonymiser(key_provider(home)).token
    found = {(row["conversation_id"], *(one["token"] for one in row["identifiers"])) for row in rows}
    assert found == {(token("conversation", f"{n}.0@mail.example.org"), token("email", email(n))) for n in range(10)}


def test_mails_without_a_purpose_are_refused(home: Home, tmp_path: Path) -> None:
    mails(tmp_path / "inbox")
    told = run_import(home, "mail", tmp_path / "inbox", "--own-domain", "example.com")
    assert verdicts(told) == {"REFUSED_CONSENT": 40}
    assert told.returncode == 1


def test_strict_stops_at_the_first_row_that_is_not_taken(home: Home, tmp_path: Path) -> None:
    orders(tmp_path / "orders.csv")
    told = run_import(home, "table", tmp_path / "orders.csv", "--mapping", ORDERS, "--strict")
    assert told.returncode == 1
    assert int(told.stdout.split()[0]) <= 4


def test_a_dry_run_needs_no_collector_and_shows_no_value(tmp_path: Path) -> None:
    orders(tmp_path / "orders.csv")
    chats(tmp_path / "chats.jsonl.gz")
    for path, mapping, code in ((tmp_path / "orders.csv", ORDERS, 1), (tmp_path / "chats.jsonl.gz", CHATS, 0)):
        command = ["table", str(path), "--mapping", str(mapping), "--dry-run", "5", "--home", str(tmp_path / "nowhere")]
        told = subprocess.run(
            [sys.executable, "-m", "services.cli", "import", *command],
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert told.returncode == code
        assert told.stdout.count("event_id: <identifier, ") == 5
        shown = told.stdout + told.stderr
        assert not [needle for n in range(ROWS) for needle in (mobile(n), email(n), f"A-{n}\n") if needle in shown]


def test_an_import_that_is_interrupted_ends_cleanly_and_can_be_done_again(home: Home, tmp_path: Path) -> None:
    pipe = tmp_path / "endless.jsonl"
    os.mkfifo(pipe)
    command = ["table", str(pipe), "--mapping", str(CHATS), "--home", str(home.folder), "--source", "web"]
    process = subprocess.Popen(
        [sys.executable, "-m", "services.cli", "import", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with pipe.open("w") as file:
        user = {"no": 1, "allows": ["service", "analytics"]}
        for n in range(1000):
            row = {"thread": {"id": "x"}, "seq": n, "ts": 1767600000000, "user": user, "type": "closed"}
            file.write(json.dumps(row) + "\n")
        file.flush()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "lines" in out and "Interrupted" in err and "Traceback" not in err


def test_real_people_and_questions_arrive(tmp_path: Path) -> None:
    people, questions = REAL / "people_fake_1000.csv", REAL / "intents_banking77_train.csv"
    if not people.exists() or not questions.exists():
        pytest.skip("the real tables are not here; the generated ones are tested in any case")
    home = new_home(tmp_path / "home")
    with collecting(home):
        for path, mapping, rows in ((people, REAL_PEOPLE, 1000), (questions, REAL_QUESTIONS, 10_003)):
            rules = tmp_path / "mapping.toml"
            rules.write_text(REAL_COLUMNS + mapping)
            first, again = (run_import(home, "table", path, "--mapping", rules) for _ in range(2))
            assert verdicts(first) == {"ACCEPTED": rows}, first.stdout
            assert verdicts(again) == {"DUPLICATE": rows}
    assert landed(home) == {"custom": 1000, "message_sent": 10_003}
    with people.open() as file:
        addresses = {row["email"] for row in csv.DictReader(file) if row["email"]}
    written = b"".join(readable(path) for path in home.folder.rglob("*") if path.is_file())
    assert [one for one in addresses if one.encode() in written] == []


def readable(path: Path) -> bytes:
    """A file's bytes, and what a compressed table holds."""
    data = path.read_bytes()
    return data + pq.read_table(path).to_pandas().to_csv().encode() if path.suffix == ".parquet" else data


def test_nothing_personal_is_left_in_anything_that_was_written(home: Home) -> None:
    """The last test of this file: journal, lake, logs, rejects and what was told on the terminal."""
    lander_at(home).drain()
    written = {path: readable(path) for path in home.folder.rglob("*") if path.is_file()}
    tokens = b"".join(data for path, data in written.items() if path.suffix == ".parquet")
    assert b"<PHONE_NUMBER>" in tokens and b"<EMAIL_ADDRESS>" in tokens
    needles = [needle.encode() for n in range(ROWS) for needle in (mobile(n), email(n))]
    assert [(path.name, needle) for path, data in written.items() for needle in needles if needle in data] == []
