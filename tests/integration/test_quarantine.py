"""Events that break a rule: kept masked, listed, and replayed once when rule or event are mended."""

import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from deltalake import DeltaTable

from mangrove.event.v1 import event_pb2
from services.clients.collector import CollectorClient
from services.collector.bootstrap import lander_at
from services.demo.scan import Needles, scan
from services.installation import api_key_of
from services.settings import Home
from tests.generated import an_event, identifier
from tests.servers import collecting, new_home

PHONE, MAIL = "13800138000", "zhang.wei.planted@example.com"


def spoken(**fields: object) -> event_pb2.Event:
    """A chat message with planted personal data."""
    return an_event(
        identifiers=[identifier("phone", PHONE)],
        conversation_id="c",
        message_sent=event_pb2.MessageSent(party=1, text=f"我的邮箱是{MAIL}"),
        **fields,
    )


def sent(home: Home, *events: event_pb2.Event) -> dict[str, int]:
    with collecting(home), CollectorClient(home.settings.collector.address, api_key_of(home, "web")) as client:
        client.send_all(events)
        return dict(client.tally.verdicts)


def quarantine(home: Home, *arguments: str) -> str:
    command = [sys.executable, "-m", "services.cli", "quarantine", *arguments, "--home", str(home.folder)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return ran.stdout + ran.stderr


def bronze(home: Home) -> list[dict[str, object]]:
    return DeltaTable(f"{home.lake_root}/bronze/events").to_pyarrow_table().to_pylist()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return new_home(tmp_path)


def test_a_mended_event_is_replayed_once_and_is_what_it_would_have_been(home: Home) -> None:
    verdicts = sent(
        home, spoken(event_id="good", channel=3), spoken(event_id="a", channel=0), spoken(event_id="b", channel=0)
    )
    assert verdicts == {"ACCEPTED": 1, "REFUSED_INVALID": 2}
    assert lander_at(home).drain().refusals == 2
    listed = quarantine(home, "list")
    assert listed.count("channel:REQUIRED") == 2
    assert listed.count("waiting") == 2
    assert "2 still break channel:REQUIRED" in quarantine(home, "replay")
    assert "2 events would be handed" in quarantine(home, "replay", "--set", "channel=chat", "--dry-run")
    assert lander_at(home).drain().events == 0
    assert "2 events were handed" in quarantine(home, "replay", "--set", "channel=chat")
    quarantine(home, "replay", "--set", "channel=chat")
    assert lander_at(home).drain().events == 2
    assert "0 events were handed" in quarantine(home, "replay", "--set", "channel=chat")
    rows = bronze(home)
    assert len({row["event_id"] for row in rows}) == len(rows) == 3
    assert {row["channel"] for row in rows} == {"chat"}
    assert {orjson.loads(str(row["body"]))["text"] for row in rows} == {"我的邮箱是<EMAIL_ADDRESS>"}
    assert len({str(row["identifiers"]) for row in rows}) == 1
    assert quarantine(home, "list").count("taken") == 2
    assert scan(home.folder, Needles([PHONE, MAIL])) == {}


def test_an_event_that_its_sender_mended_meanwhile_is_not_replayed_again(home: Home) -> None:
    sent(home, spoken(event_id="a", channel=0))
    lander_at(home).drain()
    quarantine(home, "replay", "--set", "channel=web")
    sent(home, spoken(event_id="a", channel=1))
    landed = lander_at(home).drain()
    assert (landed.events, landed.repeats) == (1, 1)
    assert len(bronze(home)) == 1


def test_nothing_is_kept_of_an_event_without_consent_and_no_text_can_be_set(home: Home) -> None:
    sent(home, spoken(channel=0, consent=event_pb2.Consent()), spoken(event_id="a", channel=0))
    assert lander_at(home).drain().refusals == 1
    told = quarantine(home, "replay", "--set", "channel=web", "--set", f"message_sent.text={PHONE}")
    assert "0 events were handed" in told
    assert "CHANGE_REFUSED" in told and "    channel: web, app, chat" in told
    assert PHONE not in told
    numbered = quarantine(home, "replay", "--dry-run", "--set", "channel=web", "--set", "message_sent.turn=3")
    assert "1 events would be handed" in numbered


def test_unknown_fields_refuse_an_event_or_are_kept_masked_as_the_policy_says(tmp_path: Path) -> None:
    skewed = spoken(event_id="a", channel=1).SerializeToString() + bytes([0x9A, 0x3F, len(PHONE)]) + PHONE.encode()
    event = event_pb2.Event.FromString(skewed)
    strict = new_home(tmp_path / "strict")
    assert sent(strict, event) == {"REFUSED_INVALID": 1}
    lenient = new_home(tmp_path / "lenient")
    path = lenient.folder / "mangrove.toml"
    path.write_text(path.read_text().replace("[collector]\n", '[collector]\nunknown_fields = "mask"\n'))
    lenient = Home(lenient.folder)
    assert sent(lenient, event) == {"ACCEPTED": 1}
    lander_at(lenient).drain()
    [row] = bronze(lenient)
    assert orjson.loads(str(row["body"]))["unknown"] == {"1011": "<PHONE_NUMBER>"}
    for home in (strict, lenient):
        assert scan(home.folder, Needles([PHONE, MAIL])) == {}


def test_an_empty_lake_has_no_quarantine_and_says_so(home: Home) -> None:
    assert "NOTHING_QUARANTINED" in quarantine(home, "list")
    assert "CHANGE_INVALID" in quarantine(home, "replay", "--set", "channel")
