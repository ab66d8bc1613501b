"""The masking policy of an installation: what it does to events over a real socket, and what its commands say."""

import json
import re
import subprocess
import sys
import tomllib
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToJson

from mangrove.event.v1 import event_pb2
from services.clients.collector import CollectorClient
from services.collector.journals.chosen import feeds_at
from services.demo.servers import free_port
from services.installation import api_key_of, install
from services.settings import Home
from tests.generated import an_event, identifier
from tests.servers import collecting, new_home
from tests.unit.masking.build import message

PHONE = "13800138000"
POISON = '[detectors]\nrecognizers = ["tests.unit.masking.recognizers:Poisoned"]\nentities = ["STAFF_ID"]\n'


def home_with(folder: Path, policy: str) -> Home:
    home = new_home(folder)
    home.path("masking.toml").write_text(policy)
    return home


def masking(home: Home, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "services.cli", "masking", *arguments, "--home", str(home.folder)]
    return subprocess.run(command, input=given, capture_output=True, text=True, timeout=60, check=False)


def journalled(home: Home) -> list[dict[str, Any]]:
    feeds = feeds_at(home)
    try:
        records = [record for feed in feeds.assigned() for record in feed.read(0, 1 << 30)]
        return [json.loads(line) for record in records for line in record.events.splitlines()]
    finally:
        feeds.close()


def bodies(home: Home) -> list[dict[str, object]]:
    return [json.loads(event["body"]) for event in journalled(home)]


def test_init_writes_a_policy_and_leaves_one_that_is_there(tmp_path: Path) -> None:
    home = new_home(tmp_path)
    assert tomllib.loads(home.path("masking.toml").read_text())["entities"] == {"ORDER_NUMBER": "keep"}
    home.path("masking.toml").write_text("[entities]\n")
    install(tmp_path, source="web", partner="analytics")
    assert home.path("masking.toml").read_text() == "[entities]\n"


def test_tokens_in_texts_join_with_identifiers_on_events(tmp_path: Path) -> None:
    home = home_with(tmp_path, '[fields."message_sent.text"]\nPHONE_NUMBER = "token"\n')
    event = message("请打 138-0013-8000", identifiers=[identifier("phone", f"+86 {PHONE}")])
    with collecting(home), CollectorClient(home.settings.collector.address, api_key_of(home, "web")) as client:
        client.send_all([event])
    [record] = journalled(home)
    [token] = re.findall("<PHONE_NUMBER:([^>]+)>", json.loads(record["body"])["text"])
    assert record["identifiers"] == [{"type": "phone", "token": token}]


def test_a_detector_that_fails_refuses_its_event_alone_and_is_counted(tmp_path: Path) -> None:
    port = free_port()
    home = home_with(tmp_path, POISON)
    path = home.folder / "mangrove.toml"
    path.write_text(path.read_text().replace("metrics_port = 0", f"metrics_port = {port}", 1))
    home = Home(home.folder)
    with collecting(home), CollectorClient(home.settings.collector.address, api_key_of(home, "web")) as client:
        client.send_all([message("ask XY-77"), message(f"poison {PHONE}"), an_event()])
        text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
        assert dict(client.tally.verdicts) == {"ACCEPTED": 2, "REFUSED_UNMASKABLE": 1}
        assert dict(client.tally.refused) == {"message_sent.text:MASKING_FAILED": 1}
        assert client.tally.to_send_again == 1
    assert 'mangrove_masking_failures_total{cause="error",detector="poisoned",source="web"} 1.0' in text
    assert bodies(home)[0]["text"] == "ask <STAFF_ID>"
    assert PHONE not in (home.folder / "collector.log").read_text()


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        ('[entities]\nPHONE = "drop"\n', "entities.PHONE: this entity is not known"),
        ('[fields."message_sent.txt"]\naction = "drop"\n', "no text field 'message_sent.txt'"),
        ('[detectors]\nrecognizers = ["not_there:Recognizer"]\n', "not_there:Recognizer"),
        ("[entities\n", "not valid TOML"),
    ],
)
def test_a_bad_policy_stops_check_and_collector_with_one_sentence(policy: str, told: str, tmp_path: Path) -> None:
    home = home_with(tmp_path, policy)
    serve = [sys.executable, "-m", "services.cli", "collector", "serve", "--home", str(home.folder)]
    for done in (
        masking(home, "check"),
        subprocess.run(serve, capture_output=True, text=True, timeout=60, check=False),
    ):
        assert done.returncode == 1
        assert done.stderr.startswith("POLICY_INVALID: ")
        assert told in done.stderr
        assert "Traceback" not in done.stderr


def test_a_policy_that_is_named_and_gone_is_not_taken_for_the_default(tmp_path: Path) -> None:
    home = new_home(tmp_path)
    home.path("masking.toml").unlink()
    assert masking(home, "check").returncode == 1


def test_check_says_what_the_policy_asks_for(tmp_path: Path) -> None:
    done = masking(home_with(tmp_path, '[entities]\nPHONE_NUMBER = "token"\n'), "check")
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        0,
        "masking.toml holds: tokens for PHONE_NUMBER; detectors beside the rules: none",
    )
    assert "message_sent.text" in masking(new_home(tmp_path / "b"), "check", "--fields").stdout.splitlines()


def test_a_dry_run_shows_spans_and_masked_texts_and_no_value(tmp_path: Path) -> None:
    home = home_with(tmp_path, '[sources.web.entities]\nPHONE_NUMBER = "partial"\n')
    given = f"你好\n我的电话是{PHONE}\n订单号 JD20260105123456\n"
    done = masking(home, "dry-run", "--source", "web", "-", given=given)
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "line 2: 我的电话是<PHONE_NUMBER:*8000>",
        "    PHONE_NUMBER at 5, 11 long: partial",
        "line 3: 订单号 JD20260105123456",
        "    ORDER_NUMBER at 4, 16 long: keep",
    ]
    assert done.stderr == "3 texts, 2 with finds: 1 ORDER_NUMBER keep, 1 PHONE_NUMBER partial\n"


def test_a_dry_run_of_events_names_fields_and_knows_conversations(tmp_path: Path) -> None:
    events = [message("138"), message("00138000"), an_event(searched=event_pb2.Searched(query="li@example.com"))]
    file = tmp_path / "events.jsonl"
    file.write_text("".join(MessageToJson(event, indent=None) + "\n" for event in events))
    done = masking(new_home(tmp_path / "home"), "dry-run", "--events", str(file))
    assert done.stdout.splitlines() == [
        "line 2, message_sent.text: <PHONE_NUMBER>",
        "    PHONE_NUMBER at 0, 8 long: replace",
        "line 3, searched.query: <EMAIL_ADDRESS>",
        "    EMAIL_ADDRESS at 0, 14 long: replace",
    ]


@pytest.mark.parametrize(
    ("arguments", "content", "told"),
    [
        (["--events"], b'{"eventId": "13800138000", "nothing": 1}', "Line 1: It is not an event"),
        (["--events"], b"[1]", "not an event"),
        ([], b"ok\n\xff\xfe\n", "Line 2 is not UTF-8"),
        ([], b"x" * 1_000_001, "longer than"),
        (["--field", "message_sent.txt"], b"", "no text field"),
        (["--events", "--field", "searched.query"], b"", "Leave --field out"),
    ],
)
def test_bad_input_gets_a_clear_sentence_and_no_value(
    arguments: list[str], content: bytes, told: str, tmp_path: Path
) -> None:
    file = tmp_path / "input"
    file.write_bytes(content)
    done = masking(new_home(tmp_path / "home"), "dry-run", *arguments, str(file))
    assert done.returncode == 1
    assert told in done.stderr
    assert PHONE not in done.stderr + done.stdout


def test_a_dry_run_says_what_a_failing_detector_would_do(tmp_path: Path) -> None:
    done = masking(home_with(tmp_path, POISON), "dry-run", "-", given="poison\nask XY-77\n")
    assert done.stdout.splitlines() == [
        "line 1: poisoned failed (error): the event would be refused",
        "line 2: ask <STAFF_ID>",
        "    STAFF_ID at 4, 5 long: replace",
    ]


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    done = masking(new_home(tmp_path), "dry-run", str(tmp_path / "gone"))
    assert (done.returncode, "cannot be read" in done.stderr) == (1, True)
