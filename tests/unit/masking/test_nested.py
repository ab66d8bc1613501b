"""What is promised of personal data inside other things: Structs, maps, JSON, quoted mail, encoded texts."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mangrove.event.v1 import event_pb2
from tests.generated import KINDS, an_event
from tests.unit.masking.build import body_of, event_masker, message, pseudonymiser, texts_of

MASKER = event_masker()
PHONE = "13800138000"


def custom(**properties: Any) -> event_pb2.Event:
    event = an_event(custom=event_pb2.Custom(name="x"))
    event.custom.properties.update(properties)
    return event


def properties(**values: Any) -> Any:
    return body_of(MASKER, custom(**values))["properties"]


def labels(**values: str) -> Any:
    return body_of(MASKER, an_event(custom=event_pb2.Custom(name="x", labels=values)))["labels"]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("name", "张三", "<PERSON>"),
        ("userName", "张三", "<PERSON>"),
        ("姓名", "张三", "<PERSON>"),
        ("phone", PHONE, "<PHONE_NUMBER>"),
        ("password", "hunter2", "<PASSWORD>"),
        ("user_password", "correct horse battery", "<PASSWORD>"),
        ("密码", "abc", "<PASSWORD>"),
        ("accessToken", "x", "<API_KEY>"),
        ("otp", "482913", "<ONE_TIME_CODE>"),
        ("note", "red shoes", "red shoes"),
        ("colour", "blue", "blue"),
    ],
)
def test_a_value_is_read_under_its_key(key: str, value: str, expected: str) -> None:
    assert properties(**{key: value}) == {key: expected}
    assert labels(**{key: value}) == {key: expected}
    assert properties(deep=[{key: [value, {key: value}]}]) == {"deep": [{key: [expected, {key: expected}]}]}


def test_numbers_are_read_under_their_key() -> None:
    assert properties(otp=482913, password=123456, phone=13800138000, count=482913) == {
        "otp": "<ONE_TIME_CODE>",
        "password": "<PASSWORD>",
        "phone": "<PHONE_NUMBER>",
        "count": 482913,
    }


def test_what_holds_nothing_personal_keeps_its_shape() -> None:
    values = {"a": None, "b": True, "c": 1.5, "d": -3, "e": [], "f": {}, "g": ["x", [2]], "h": ""}
    assert properties(**values) == values


@given(st.sampled_from(sorted(KINDS)).flatmap(lambda kind: st.tuples(st.just(kind), KINDS[kind])))
@settings(max_examples=100, deadline=None)
def test_a_key_never_hides_its_value(found: tuple[str, str]) -> None:
    for key in ("1", "138", "x1", "a:", "order", "订单号", " ", "+86", "/", "k" * 100, "电话1"):
        assert found[1] not in json.dumps(properties(**{key: found[1]}), ensure_ascii=False)


def test_keys_are_masked_too_and_no_entry_is_lost() -> None:
    told = properties(**{PHONE: 1, "13900139000": {"李四 li@example.com": 2}})
    assert sorted(told) == ["<PHONE_NUMBER>", "<PHONE_NUMBER>#2"]
    assert PHONE not in json.dumps(told) and "li@example.com" not in json.dumps(told)


def test_a_secret_that_is_masked_stays_as_it_is() -> None:
    assert properties(password="<PASSWORD>", token="") == {"password": "<PASSWORD>", "token": ""}


@pytest.mark.parametrize(
    "text",
    [
        f'{{"phone": "{PHONE}", "note": "ok"}}',
        f'{{"a": {{"b": ["{PHONE}", 1]}}}}',
        json.dumps({"payload": json.dumps({"phone": PHONE})}),
        json.dumps({"payload": json.dumps({"payload": json.dumps({"phone": PHONE})})}),
        json.dumps({"电话": "１３８００１３８０００"}),
        f"On Monday Li wrote:\n> please call\n> {PHONE}\n>> or mail\n",
        "> 138\n> 0013\n> 8000",
        f"see https://h.example/?next=%2Fb%3Fphone%3D{PHONE}",
        "payload=" + base64.b64encode(f'{{"phone": "{PHONE}"}}'.encode()).decode(),
        f"&#49;&#51;&#56;{PHONE[3:]}",
        "\\u0031\\u0033\\u0038" + PHONE[3:],
    ],
)
def test_a_number_inside_another_form_is_gone(text: str) -> None:
    told = texts_of(MASKER, message(text))[0]
    assert "<PHONE_NUMBER>" in told
    assert not any(part in told for part in (PHONE, PHONE[3:], "１３８００１３８０００"))


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ('{"name": "张三", "city": "北京"}', "张三"),
        ('{"password": "hunter2"}', "hunter2"),
        (json.dumps({"payload": json.dumps({"password": "hunter2"})}), "hunter2"),
        ('{"姓名":"张三"}', "张三"),
        ("> 姓名：张三\n> 你好", "张三"),
    ],
)
def test_a_key_inside_a_text_says_what_its_value_is(text: str, gone: str) -> None:
    assert gone not in texts_of(MASKER, message(text))[0]


def test_json_stays_json() -> None:
    told = texts_of(MASKER, message(f'{{"phone": "{PHONE}", "n": [1, "li@example.com"]}}'))[0]
    assert json.loads(told) == {"phone": "<PHONE_NUMBER>", "n": [1, "<EMAIL_ADDRESS>"]}


def test_nested_values_have_the_token_of_the_identifier() -> None:
    masked = event_masker(entities={"PHONE_NUMBER": "token"})
    expected = f"<PHONE_NUMBER:{pseudonymiser().token('phone', PHONE)}>"
    assert body_of(masked, custom(phone=PHONE, n=13800138000))["properties"] == {"phone": expected, "n": expected}
    assert body_of(masked, an_event(page_viewed=event_pb2.PageViewed(url=f"/u/{PHONE}")))["url"] == f"/u/{expected}"
