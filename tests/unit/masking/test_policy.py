"""What is promised of the masking policy: it is validated whole, and the most specific statement counts."""

from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from mangrove.event.v1 import event_pb2
from privacy.masking import Masker, Policy, PolicyInvalid
from privacy.masking.actions import Action
from privacy.masking.detector import Detector
from privacy.masking.rules.placeholder import ENTITIES
from privacy.masking.wanted import detector_for
from tests.generated import an_event
from tests.unit.masking.build import Finding, body_of, event_masker, masker, message, texts_of

ROOT = Path(__file__).parents[3]
TEXT = "我的电话是13800138000，邮箱 li.lei@example.com"


def test_the_default_replaces_everything_and_keeps_order_numbers() -> None:
    everywhere = Policy().for_field(None, None)
    assert {entity for entity in ENTITIES if everywhere.action(entity) is not Action.REPLACE} == {"ORDER_NUMBER"}
    assert everywhere.action("ORDER_NUMBER") is Action.KEEP
    assert everywhere.action("SOMETHING_NEW") is Action.REPLACE


def test_the_policy_that_init_writes_is_the_default() -> None:
    written = Policy.load(ROOT / "services/collector/masking.toml")
    assert written.for_field("web", "message_sent.text") == Policy().for_field("web", "message_sent.text")
    assert written.detectors == Policy().detectors
    text = (files("services.collector") / "masking.toml").read_text()
    assert [entity for entity in ENTITIES if f"\n{entity} =" not in text and f"\n# {entity} =" not in text] == []


def test_the_example_policy_holds() -> None:
    policy = Policy.load(ROOT / "infra/config/masking.toml")
    policy.check_fields(event_masker().fields)
    assert policy.tokenised()


@pytest.mark.parametrize(
    ("tables", "told"),
    [
        ({"entitites": {}}, "entitites: there is no such setting"),
        ({"detectors": {"timeout": 1}}, "detectors.timeout: there is no such setting"),
        ({"sources": {"web": {"detectors": {}}}}, "there is no such setting"),
        ({"entities": {"PHONE": "drop"}}, "entities.PHONE: this entity is not known"),
        ({"fields": {"message_sent.text": {"PHONE": "drop"}}}, "this entity is not known"),
        ({"sources": {"web": {"entities": {"PHONE": "drop"}}}}, "sources.web.entities.PHONE"),
        ({"entities": {"PHONE_NUMBER": "keep"}}, "only ORDER_NUMBER can be kept"),
        ({"sources": {"web": {"fields": {"searched.query": {"PERSON": "keep"}}}}}, "only ORDER_NUMBER can be kept"),
        ({"entities": {"PASSWORD": "partial"}}, "no part that may stay"),
        ({"entities": {"PHONE_NUMBER": "hide"}}, "'replace'"),
        ({"fields": {"searched.query": {"PHONE_NUMBER": "hide"}}}, "an action is one of"),
        ({"fields": {"searched.query": {"action": "keep"}}}, "'drop' or 'mask'"),
        ({"fields": {"searched": {"query": {"action": "drop"}}}}, "fields.searched.query"),
        ({"detectors": {"timeout_s": 0}}, "timeout_s"),
        ({"detectors": {"on_failure": "ignore"}}, "on_failure"),
        ({"detectors": {"name_model": "zh_core_web_sm"}}, "name_model"),
        ({"detectors": {"recognizers": ["os.system"]}}, "package.module:Class"),
        ({"detectors": {"entities": ["lower"]}}, "capitals"),
        ({"detectors": {"entities": ["STAFF_ID"]}, "entities": {"STAFF_ID": "token"}}, "no key"),
    ],
)
def test_a_policy_that_breaks_a_rule_is_refused_with_the_place_and_the_way_out(tables: Any, told: str) -> None:
    with pytest.raises(PolicyInvalid, match=told):
        Policy(tables)


def test_a_field_that_the_schema_does_not_have_stops_the_start() -> None:
    for tables in (
        {"fields": {"message_sent.txt": {"action": "drop"}}},
        {"sources": {"web": {"fields": {"message_sent.party": {"action": "drop"}}}}},
    ):
        with pytest.raises(PolicyInvalid, match="no text field"):
            event_masker(**tables)


@pytest.mark.parametrize("content", [b"not toml", b"\xff\xfe", b"[entities"])
def test_a_file_that_cannot_be_read_as_one_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "masking.toml").write_bytes(content)
    with pytest.raises(PolicyInvalid, match=r"masking\.toml"):
        Policy.load(tmp_path / "masking.toml")
    with pytest.raises(PolicyInvalid, match="mangrove"):
        Policy.load(tmp_path / "gone.toml")


def test_tokens_without_keys_are_refused() -> None:
    with pytest.raises(PolicyInvalid, match="mangrove init"):
        Masker(Detector(), Policy({"fields": {"searched.query": {"PERSON": "token"}}}))


@pytest.mark.parametrize(
    ("source", "path", "expected"),
    [
        ("other", "searched.query", "replace"),
        ("other", "message_sent.text", "drop"),
        ("web", "searched.query", "partial"),
        ("web", "message_sent.text", "token"),
        ("web", "social_posted.text", "partial"),
    ],
)
def test_the_most_specific_statement_counts(source: str, path: str, expected: str) -> None:
    policy = Policy(
        {
            "fields": {"message_sent.text": {"PHONE_NUMBER": "drop"}, "social_posted.text": {"PHONE_NUMBER": "token"}},
            "sources": {
                "web": {
                    "entities": {"PHONE_NUMBER": "partial"},
                    "fields": {"message_sent.text": {"PHONE_NUMBER": "token"}},
                }
            },
        }
    )
    assert policy.for_field(source, path).action("PHONE_NUMBER").value == expected


def test_a_policy_treats_the_texts_of_its_sources_and_fields() -> None:
    masked = event_masker(
        fields={"message_sent.text": {"EMAIL_ADDRESS": "drop"}},
        sources={"web": {"entities": {"PHONE_NUMBER": "partial"}}},
    )
    event = message(TEXT)
    assert body_of(masked, event)["text"] == "我的电话是<PHONE_NUMBER:*8000>，邮箱 "
    assert body_of(masked, event, "app")["text"] == "我的电话是<PHONE_NUMBER>，邮箱 "


def test_a_dropped_field_is_not_stored_and_its_source_may_have_it_back() -> None:
    masked = event_masker(
        fields={"searched.query": {"action": "drop"}, "page_viewed.url": {"action": "drop"}},
        sources={"web": {"fields": {"searched.query": {"action": "mask"}}}},
    )
    searched = an_event(searched=event_pb2.Searched(query="red shoes", result_count=2))
    assert body_of(masked, searched, "app") == {"result_count": 2}
    assert body_of(masked, searched, "web") == {"query": "red shoes", "result_count": 2}
    assert body_of(masked, an_event()) == {}


def test_a_dropped_message_takes_no_part_in_its_conversation() -> None:
    masked = event_masker(fields={"message_sent.text": {"action": "drop"}})
    assert "text" not in body_of(masked, message("138"))
    assert "text" not in body_of(masked, message("00138000"))


def test_kept_entities_are_not_among_the_spans() -> None:
    assert masker().mask_text("订单号 JD20260105123456").spans == ()
    replaced = masker(entities={"ORDER_NUMBER": "replace"}).mask_text("订单号 JD20260105123456")
    assert [span.entity for span in replaced.spans] == ["ORDER_NUMBER"]


def test_entities_of_ones_own_are_treated_as_the_policy_says_and_replaced_if_it_is_silent() -> None:
    detector = Detector(others=[Finding("XY-77", "STAFF_ID")])
    own = masker(detector, detectors={"entities": ["STAFF_ID"]}, entities={"STAFF_ID": "drop"})
    assert own.mask_text("call XY-77 now").text == "call  now"
    assert masker(detector).mask_text("call XY-77 now").text == "call <STAFF_ID> now"
    odd = Detector(others=[Finding("XY-77", "13800138000 <b>")])
    assert masker(odd).mask_text("call XY-77 now").text == "call <PERSONAL> now"


@pytest.mark.parametrize(
    "detectors",
    [
        {"recognizers": ["no_such_package:Recognizer"]},
        {"recognizers": ["presidio_analyzer:NoSuchRecognizer"]},
        {"recognizers": ["presidio_analyzer:EntityRecognizer"]},
        {"name_model": "spacy:no_such_model"},
        {"name_model": "transformers:no/such-model"},
    ],
)
def test_a_detector_that_is_missing_stops_the_start(detectors: dict[str, Any]) -> None:
    with pytest.raises(PolicyInvalid, match="cannot be loaded"):
        detector_for(Policy({"detectors": detectors}))


def test_a_users_recognizer_is_asked() -> None:
    policy = Policy({"detectors": {"recognizers": ["presidio_analyzer.predefined_recognizers:CryptoRecognizer"]}})
    masked = Masker(detector_for(policy), policy)
    assert masked.mask_text("pay to 16Yeky6GMjeNkAiNcBY7ZhrLoMSgg1BoyZ").text == "pay to <CRYPTO>"


def test_a_text_is_masked_by_its_policy_however_often_it_was_seen_under_another() -> None:
    masked = event_masker(fields={"social_posted.text": {"PHONE_NUMBER": "drop"}})
    post = an_event(social_posted=event_pb2.SocialPosted(text="13800138000", url="/u/13800138000"))
    assert texts_of(masked, message("13800138000"), post) == ["<PHONE_NUMBER>", ""]
    assert body_of(masked, post)["url"] == "/u/<PHONE_NUMBER>"
