"""What the masker promises of texts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.masking import Masker
from tests.generated import KINDS

MASKER = Masker.default()

kinds_and_values = st.one_of(*(st.tuples(st.just(kind), values) for kind, values in KINDS.items()))
around = st.sampled_from(["", "请联系", "我的号码是", "，谢谢", " please ", "。", "(", "：", "\n"])
any_text = st.text(
    st.sampled_from(list("0123456789 -.@:/abcxyzABC我叫张三先生姓是电话，。<>_")) | st.characters(codec="utf-8"),
    max_size=60,
)


@given(kinds_and_values, around, around)
@settings(max_examples=600, deadline=None)
def test_structured_personal_data_is_masked_with_its_exact_span(
    kind_and_value: tuple[str, str], before: str, after: str
) -> None:
    kind, value = kind_and_value
    text = f"{before} {value} {after}"
    masked = MASKER.mask_text(text)
    assert value not in masked.text
    start = text.index(value)
    assert (start, start + len(value), kind) in [(s.start, s.end, s.entity) for s in masked.spans]


@given(any_text)
@settings(max_examples=500, deadline=None)
def test_spans_are_sorted_disjoint_and_the_rest_is_untouched(text: str) -> None:
    masked = MASKER.mask_text(text)
    position, rebuilt = 0, ""
    for span in masked.spans:
        assert position <= span.start < span.end <= len(text)
        rebuilt += text[position : span.start] + f"<{span.entity}>"
        position = span.end
    assert masked.text == rebuilt + text[position:]


@given(any_text)
@settings(max_examples=500, deadline=None)
def test_masking_is_idempotent(text: str) -> None:
    once = MASKER.mask_text(text).text
    assert MASKER.mask_text(once).text == once


@given(st.lists(any_text, max_size=5))
@settings(max_examples=100, deadline=None)
def test_a_batch_is_masked_like_its_texts(texts: list[str]) -> None:
    assert MASKER.mask_texts(texts) == [MASKER.mask_text(text) for text in texts]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我叫张伟想退货", "我叫<PERSON>想退货"),
        ("我是李先生", "我是<PERSON>先生"),
        ("免贵姓欧阳", "免贵姓<PERSON>"),
        ("王女士，您好", "<PERSON>女士，您好"),
        ("收件人：陈晓明，请尽快", "收件人：<PERSON>，请尽快"),
        ("my name is Anna Lee and I need help", "my name is <PERSON> and I need help"),
        ("This is John Smith speaking", "This is <PERSON> speaking"),
        ("Mrs. Brown called twice", "Mrs. <PERSON> called twice"),
        ("电话１３８００１３８０００", "电话<PHONE_NUMBER>"),
        ("+86 138-0013-8000", "<PHONE_NUMBER>"),
        ("微信号：abc_12345", "微信号：<SOCIAL_HANDLE>"),
        ("13800138000@example.com", "<EMAIL_ADDRESS>"),
        ("邮箱abc@example.com谢谢", "邮箱<EMAIL_ADDRESS>谢谢"),
        ("2001:db8::1 is down", "<IP_ADDRESS> is down"),
        ("地址：2001:db8::8a2e:370:7334：登录", "地址：<IP_ADDRESS>：登录"),
        ("4111 1111 1111 1111 12/27", "<CREDIT_CARD> 12/27"),
        ("4111111111111111 123", "<CREDIT_CARD> 123"),
        ("I have 2 4111 1111 1111 1111", "I have 2 <CREDIT_CARD>"),
        ("378282246310005 1234", "<CREDIT_CARD> 1234"),
        ("(010)62345678", "<PHONE_NUMBER>"),
        ("021 5888 8888", "<PHONE_NUMBER>"),
        ("138 - 0013 - 8000", "<PHONE_NUMBER>"),
        ("我叫张伟没收到货", "我叫<PERSON>没收到货"),
        ("我叫 张伟", "我叫 <PERSON>"),
        ("姓名：周一凡", "姓名：<PERSON>"),
        ("Mr. McDonald and Mr O'Brien", "Mr. <PERSON> and Mr <PERSON>"),
        ("My name is José García", "My name is <PERSON>"),
        ("Name: JOHN SMITH", "Name: <PERSON>"),
        ("My name’s Anna", "My name’s <PERSON>"),
    ],
)
def test_names_and_numbers_are_found_in_context(text: str, expected: str) -> None:
    assert MASKER.mask_text(text).text == expected


@pytest.mark.parametrize(
    "text",
    [
        "我是想问一下什么时候发货",
        "谢谢小姐姐",
        "订单号20260105123456789012",
        "at 12:30:45 on 2026-01-05",
        "I'm sorry, I am late",
        "4111111111111112",
    ],
)
def test_everyday_texts_stay_as_they_are(text: str) -> None:
    assert MASKER.mask_text(text).text == text
