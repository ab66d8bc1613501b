"""What is promised of events in the window after a rotation of keys: they say what their tokens were before."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mangrove.event.v1 import event_pb2
from privacy.linkage import LINKAGE_KEY, Encoder
from privacy.masking import EventMasker, Masker, compile_plan
from privacy.pseudonyms import PERSON_TYPES, REFERENCE_TYPES, FileKeyProvider, Pseudonymiser, make_key_file
from privacy.pseudonyms.key_file import rotate
from tests.generated import an_event, identifier

NOW = datetime.now(UTC)
WINDOW = timedelta(days=90)
WHO = [identifier("phone", "13800138000"), identifier("email", "li.lei@example.com"), identifier("cookie", "null")]


class Installation:
    """Keys that are rotated, and what the collector makes of events under them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        make_key_file(path, (*PERSON_TYPES, *REFERENCE_TYPES, LINKAGE_KEY))

    def masker(self) -> EventMasker:
        keys = FileKeyProvider(self.path)
        plan = compile_plan(event_pb2.Event.DESCRIPTOR)
        return EventMasker(plan, Pseudonymiser(keys), Masker.default(), encoder=Encoder(keys))

    def rotated(self) -> "Installation":
        rotate(self.path, PERSON_TYPES, window=WINDOW, now=NOW)
        return self

    def record(self, event: event_pb2.Event, at: datetime = NOW) -> dict[str, Any]:
        return self.masker().mask_batch([event], "web", at)[0].record


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "keys.json")


def pairs(before: list[dict[str, str]], after: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{"token": b["token"], "previous": a["token"]} for a, b in zip(before, after, strict=True)]


def test_an_event_in_the_window_links_each_token_with_the_one_before(installation: Installation) -> None:
    event = an_event(event_id="e", identifiers=WHO, conversation_id="c")
    before = installation.record(event)
    after = installation.rotated().record(event)
    assert before["aliases"] is None
    assert len(after["identifiers"]) == 2
    assert after["aliases"] == pairs(before["identifiers"], after["identifiers"])
    assert after["identifiers"] != before["identifiers"]


def test_a_retry_across_a_rotation_is_the_same_event_and_conversation(installation: Installation) -> None:
    event = an_event(event_id="e", identifiers=WHO, conversation_id="c")
    before = installation.record(event)
    after = installation.rotated().record(event)
    assert (after["event_id"], after["conversation_id"]) == (before["event_id"], before["conversation_id"])


def test_the_author_of_a_post_is_linked_too(installation: Installation) -> None:
    post = event_pb2.SocialPosted(text="hello", author_handle="@li_lei")
    installation.rotated()
    [alias] = installation.record(an_event(social_posted=post))["aliases"]
    assert alias["token"].startswith("social.2.")
    assert alias["previous"].startswith("social.1.")


def test_the_quick_way_and_the_plain_one_link_alike(installation: Installation) -> None:
    event = an_event(event_id="e", identifiers=WHO, social_posted=event_pb2.SocialPosted(author_handle="li"))
    masker = installation.rotated().masker()
    quick = [masker.mask_batch([event], "web", NOW)[0].to_bytes() for _ in range(2)]
    masker._read = lambda _event, _run: None
    assert quick == [masker.mask_batch([event], "web", NOW)[0].to_bytes()] * 2


def test_what_is_received_when_the_window_is_over_links_nothing(installation: Installation) -> None:
    installation.rotated()
    event = an_event(identifiers=WHO)
    masker = installation.masker()
    told = [masker.mask_batch([event], "web", at)[0].record for at in (NOW, NOW + WINDOW)]
    assert [len(one["aliases"] or ()) for one in told] == [2, 0]
    assert told[1]["identifiers"] == told[0]["identifiers"]
