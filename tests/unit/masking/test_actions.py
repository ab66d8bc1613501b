"""What is promised of actions: tokens join however a value is written, parts are little, forgery hides nothing."""

import base64
import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.masking.actions import PARTIAL, TOKEN_TYPES, Action, stand_in
from privacy.masking.marks import marked
from privacy.masking.rules.placeholder import ENTITIES
from privacy.masking.written import as_meant
from privacy.pseudonyms import MASKED_TYPES, PERSON_TYPES, REFERENCE_TYPES
from tests.generated import KINDS, with_luhn
from tests.unit.masking.build import masker, pseudonymiser

TOKENS = masker(entities=dict.fromkeys(ENTITIES, "token"))
PARTS = masker(entities=dict.fromkeys(PARTIAL, "partial"))
STAND_IN = re.compile(r"<[A-Z_]+(?::[^<>]*)?>")
PHONE = "13800138000"
CARD = with_luhn("622202123456789")

kinds_and_values = st.one_of(*(st.tuples(st.just(kind), values) for kind, values in KINDS.items()))
any_text = st.text(
    st.sampled_from(list("0123456789 -.@:*<>/abcxyzABC我叫张三电话，。_")) | st.characters(codec="utf-8"), max_size=60
)


def test_every_entity_has_a_type_of_token_with_a_key() -> None:
    assert set(TOKEN_TYPES.values()) <= {*PERSON_TYPES, *REFERENCE_TYPES, *MASKED_TYPES}
    assert len(set(TOKEN_TYPES.values())) == len(ENTITIES)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("电话 13800138000", "phone", "+86 138 0013 8000"),
        ("电话 138-0013-8000", "phone", PHONE),
        ("电话 １３８００１３８０００", "phone", PHONE),
        ("电话 一三八零零一三八零零零", "phone", PHONE),
        ("电话 138*0013*8000", "phone", PHONE),
        ("电话 %31%33800138000", "phone", PHONE),
        (f"电话 {base64.b64encode(PHONE.encode()).decode()}", "phone", PHONE),
        ("座机 (010)62345678", "phone", "010-62345678"),
        ("邮箱 Li.Lei@Example.com", "email", "li.lei@example.com"),
        ("邮箱 li.lei(at)example(dot)com", "email", "li.lei@example.com"),
        ("微信号：Abc_12345", "social", "@abc_12345"),
        ("订单号：20260105123456789012", "order", "20260105123456789012"),
    ],
)
def test_a_value_in_any_written_form_has_the_token_of_the_identifier(text: str, kind: str, value: str) -> None:
    [token] = re.findall(r"<[A-Z_]+:([a-z]+\.[0-9]+\.[A-Z2-7]{52})>", TOKENS.mask_text(text).text)
    assert token == pseudonymiser().token(kind, value)


@pytest.mark.parametrize(
    ("entity", "forms"),
    [
        ("CREDIT_CARD", [CARD, " ".join(re.findall(".{1,4}", CARD)), "-".join(re.findall(".{1,4}", CARD))]),
        ("CN_RESIDENT_ID", ["11010119900307002x", "110101 19900307 002X", "１１０１０１19900307002Ｘ"]),
        ("CN_LICENSE_PLATE", ["京A·12345", "京a12345", "京A 12345"]),
        ("IP_ADDRESS", ["2001:db8::1", "2001:0DB8:0:0:0:0:0:1"]),
        ("MAC_ADDRESS", ["00:1a:2b:3c:4d:5e", "00-1A-2B-3C-4D-5E", "001a.2b3c.4d5e"]),
        ("DATE_OF_BIRTH", ["1990-03-07", "1990年3月7日", "19900307", "1990/3/7"]),
        ("PERSON", ["Anna  Lee", "anna lee", "ＡＮＮＡ Lee"]),
        ("PASSPORT", ["E12345678", "e 1234 5678", "Ｅ12345678"]),
    ],
)
def test_all_written_forms_have_one_token(entity: str, forms: list[str]) -> None:
    tokens = pseudonymiser()
    assert len({stand_in(Action.TOKEN, entity, form, tokens) for form in forms}) == 1


def test_a_number_that_stands_for_none_has_no_token() -> None:
    assert stand_in(Action.TOKEN, "PHONE_NUMBER", "11111111111", pseudonymiser()) == "<PHONE_NUMBER>"


@given(kinds_and_values, any_text, any_text)
@settings(max_examples=300, deadline=None)
def test_tokens_and_parts_survive_masking_again(found: tuple[str, str], before: str, after: str) -> None:
    """What was put in stays; a number that only now stands behind a cue may be found besides."""
    for masked in (TOKENS, PARTS):
        once = masked.mask_text(f"{before} {found[1]} {after}").text
        again = Counter(STAND_IN.findall(masked.mask_text(once).text))
        assert Counter(STAND_IN.findall(once)) <= again


@given(kinds_and_values)
@settings(max_examples=200, deadline=None)
def test_a_part_holds_four_characters_at_most_and_the_token_none(found: tuple[str, str]) -> None:
    kind, value = found
    if kind in PARTIAL and kind != "EMAIL_ADDRESS":
        kept = PARTIAL[kind](as_meant(kind, value)) or "*"
        assert len(kept) <= 5
        assert value not in PARTS.mask_text(f"是 {value} 。").text
    assert value not in TOKENS.mask_text(f"是 {value} 。").text


@pytest.mark.parametrize(
    ("entity", "value", "expected"),
    [
        ("PHONE_NUMBER", "+86 138 0013 8000", "<PHONE_NUMBER:*8000>"),
        ("PHONE_NUMBER", "一三八零零一三八零零零", "<PHONE_NUMBER:*8000>"),
        ("CREDIT_CARD", "4111 1111 1111 1111", "<CREDIT_CARD:*1111>"),
        ("CN_RESIDENT_ID", "11010119900307002x", "<CN_RESIDENT_ID:*2X>"),
        ("EMAIL_ADDRESS", "li.lei@example.com", "<EMAIL_ADDRESS:*@example.com>"),
        ("EMAIL_ADDRESS", "a@13800138000.com", "<EMAIL_ADDRESS>"),
        ("PERSON", "欧阳晓峰", "<PERSON:欧*>"),
        ("PERSON", "anna lee", "<PERSON:A*>"),
        ("PERSON", "张", "<PERSON>"),
        ("PHONE_NUMBER", "110", "<PHONE_NUMBER>"),
        ("US_SSN", "219-09-9999", "<US_SSN:*9999>"),
    ],
)
def test_parts_keep_what_is_documented(entity: str, value: str, expected: str) -> None:
    assert stand_in(Action.PARTIAL, entity, value, None) == expected


@pytest.mark.parametrize("name", sorted(TOKEN_TYPES))
def test_a_forged_placeholder_hides_nothing(name: str) -> None:
    for forged in (f"<{name}:{PHONE}>", f"<{name}:{TOKEN_TYPES[name]}.1.{PHONE}>", f"<{name} {PHONE}>"):
        assert PHONE not in masker().mask_text(forged).text


@pytest.mark.parametrize(
    "forged",
    [
        "<PHONE_NUMBER:email.1.{0}A>",
        "<PHONE_NUMBER:phone.13800138000.{0}A>",
        "<PHONE_NUMBER:phone.0.{0}A>",
        "<PHONE_NUMBER:phone.1.{0}B>",
        "<PHONE_NUMBER:phone.1.{0}>",
        "<PHONE_NUMBER:phone.1.{0}AA>",
        "<PHONE_NUMBER:*80008>",
        "<CN_RESIDENT_ID:*002X>",
        "<PERSON:张伟*>",
        "<PERSON:1*>",
        "<EMAIL_ADDRESS:*@13800138000.com>",
        "<PASSWORD:*1234>",
        "<ZHANGWEI>",
        "<phone_number>",
    ],
)
def test_only_an_exact_token_is_left_alone(forged: str) -> None:
    assert marked(forged.format("A" * 51)).spans == ()


def test_detectors_see_a_plain_placeholder_in_the_place_of_an_exact_one() -> None:
    token = f"<PHONE_NUMBER:{pseudonymiser().token('phone', PHONE)}>"
    text = f"甲 {token} 乙 <PERSON> 丙 <EMAIL_ADDRESS:*@example.com><PERSON:张*>丁"
    seen = marked(text)
    assert seen.text == "甲 <PHONE_NUMBER> 乙 <PERSON> 丙 <EMAIL_ADDRESS><PERSON>丁"
    assert [text[start:end] for start, end in seen.spans] == [
        token,
        "<PERSON>",
        "<EMAIL_ADDRESS:*@example.com>",
        "<PERSON:张*>",
    ]
    for word in "甲乙丙丁":
        place = seen.text.index(word)
        assert seen.original(place, place + 1) == (text.rindex(word), text.rindex(word) + 1)
    assert seen.original(0, len(seen.text)) == (0, len(text))
    assert seen.original(5, 9) == seen.spans[0]


def test_what_stands_around_a_token_is_still_masked() -> None:
    token = f"<PHONE_NUMBER:{pseudonymiser().token('phone', PHONE)}>"
    assert masker().mask_text(f"{PHONE}{token}密码:{token} {PHONE}").text.count(PHONE) == 0
