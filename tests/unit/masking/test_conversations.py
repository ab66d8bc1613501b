"""What is promised of messages: a number that is typed in parts is masked, in the later part at least."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mangrove.event.v1 import event_pb2
from privacy.masking import conversations
from privacy.masking.conversations import Conversations, Said
from privacy.masking.marks import marked
from privacy.masking.masker import Found
from tests.generated import KINDS, mobiles, with_id_check, with_luhn
from tests.unit.masking.build import NOW, body_of, event_masker, message, pseudonymiser, texts_of

ID = with_id_check("11010119900307123")
CARD = with_luhn("622202123456789")
AGENT = event_pb2.PARTY_AGENT


@pytest.mark.parametrize(
    "parts",
    [
        ["138", "00138000"],
        ["138", "0013", "8000"],
        ["我的电话是138", "00138000 谢谢"],
        ["电话 138-", "-0013-8000。"],
        ["１３８００", "１３８０００"],
        ["一三八零零", "一三八零零零"],
        ["①③⑧", "00138000"],
        [ID[:6], ID[6:14], ID[14:]],
        [ID[:-1], ID[-1]],
        ["卡号 " + CARD[:8], CARD[8:] + " 谢谢"],
        [CARD[:4], CARD[4:8], CARD[8:12], CARD[12:]],
        ["my mail is zhang@", "example.com thanks"],
        ["zhang", "@example.com"],
        ["zhang@example", ".com"],
        list("13800138000"),
    ],
)
def test_both_parts_are_masked_in_one_batch_and_the_last_one_over_batches(parts: list[str]) -> None:
    together = texts_of(event_masker(), *[message(part) for part in parts])
    assert all("<" in text for text in together), together
    one_by_one = event_masker()
    told = [texts_of(one_by_one, message(part))[0] for part in parts]
    assert "<" in told[-1], told


@given(mobiles, st.lists(st.integers(1, 10), min_size=1, max_size=3, unique=True), st.sampled_from(["", "，", " "]))
@settings(max_examples=100, deadline=None)
def test_wherever_a_number_is_cut_nothing_of_it_stays(mobile: str, cuts: list[int], after: str) -> None:
    ends = [0, *sorted(cuts), len(mobile)]
    parts = [mobile[a:b] + after for a, b in pairwise(ends)]
    told = texts_of(event_masker(), *[message(part) for part in parts])
    assert [text.strip("， ") for text in told] == ["<PHONE_NUMBER>"] * len(parts)


def test_what_the_other_party_says_between_does_not_matter() -> None:
    said = [message("138"), message("please go on", party=AGENT), message("00138000"), message("5", party=AGENT)]
    assert texts_of(event_masker(), *said) == ["<PHONE_NUMBER>", "please go on", "<PHONE_NUMBER>", "5"]


def test_parts_of_different_people_or_conversations_or_sources_are_not_one() -> None:
    assert texts_of(event_masker(), message("138"), message("00138000", party=AGENT)) == ["138", "00138000"]
    assert texts_of(event_masker(), message("138"), message("00138000", conversation="c2")) == ["138", "00138000"]
    assert texts_of(event_masker(), message("138", conversation=""), message("00138000", conversation="")) == [
        "138",
        "00138000",
    ]
    masked = event_masker()
    body_of(masked, message("138"), "web")
    assert body_of(masked, message("00138000"), "app")["text"] == "00138000"


def test_a_message_between_the_parts_ends_the_number() -> None:
    assert texts_of(event_masker(), message("138"), message("你好"), message("00138000")) == ["138", "你好", "00138000"]


@pytest.mark.parametrize(
    "parts",
    [
        ["13800138000", "2件"],
        ["my mail is li@example.com", "thanks"],
        ["要3", "2个"],
        ["订单号20260105123456789012", "3天了"],
        ["第1", "2026年"],
        ["hello", "there"],
    ],
)
def test_neighbours_of_a_number_stay_as_they_are(parts: list[str]) -> None:
    alone = [texts_of(event_masker(), message(part))[0] for part in parts]
    assert texts_of(event_masker(), *[message(part) for part in parts]) == alone


def test_both_parts_carry_the_token_of_the_whole() -> None:
    masked = event_masker(entities={"PHONE_NUMBER": "token"})
    expected = f"<PHONE_NUMBER:{pseudonymiser().token('phone', '13800138000')}>"
    assert texts_of(masked, message("138"), message("00138000")) == [expected, expected]
    assert marked(expected).spans == ((0, len(expected)),)


def test_an_event_that_comes_again_is_masked_as_before() -> None:
    masked = event_masker()
    first, second = message("138", event_id="a"), message("00138000 谢谢", event_id="b")
    assert texts_of(masked, first, second) == ["<PHONE_NUMBER>", "<PHONE_NUMBER> 谢谢"]
    assert texts_of(masked, second) == ["<PHONE_NUMBER> 谢谢"]
    assert texts_of(masked, first, second) == ["<PHONE_NUMBER>", "<PHONE_NUMBER> 谢谢"]
    assert texts_of(masked, first, first, second, second) == ["<PHONE_NUMBER>"] * 2 + ["<PHONE_NUMBER> 谢谢"] * 2


def test_what_was_said_long_ago_is_forgotten() -> None:
    masked = event_masker()
    texts_of(masked, message("138"))
    assert texts_of(masked, message("00138000"), at=NOW + timedelta(minutes=20)) == ["00138000"]


def test_a_kept_number_across_messages_stays() -> None:
    said = [message("订单号 2026010512"), message("3456789012")]
    alone = [texts_of(event_masker(), one)[0] for one in said]
    assert texts_of(event_masker(), *said) == alone


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "_CONVERSATIONS", 10)
    held = Conversations()
    for number in range(100):
        said = [Said(0, ("web", f"c{number}", 1), f"e{turn}", "x" * 500 + "1") for turn in range(50)]
        list(held.windows(said, 0.0))
    assert len(held._threads) == 10
    parts = [part for thread in held._threads.values() for part in thread.parts.values()]
    assert len(parts) == 10 * 12
    assert max(len(part.tail) for part in parts) == 64


def test_nothing_of_a_message_is_shown() -> None:
    said = Said(0, ("web", "c", 1), "e", "secret 138")
    held = Conversations()
    [window] = held.windows([said, Said(1, ("web", "c", 1), "f", "00138000")], 0.0)
    assert "138" not in repr((said, held, window, Found(0, 3, "PHONE_NUMBER", "13800138000")))


def test_an_ordinary_message_leaves_nothing_behind() -> None:
    held = Conversations()
    assert list(held.windows([Said(0, ("web", "c", 1), "e", "你好，请问什么时候发货？")], 0.0)) == []
    assert held._threads == {}


@given(st.lists(st.one_of(*KINDS.values(), st.text(max_size=20)), min_size=1, max_size=6))
@settings(max_examples=100, deadline=None)
def test_any_conversation_is_masked_and_no_text_is_lost(texts: list[str]) -> None:
    told = texts_of(event_masker(), *[message(text or "-") for text in texts])
    assert len(told) == len(texts)
