"""What is promised of URLs."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.masking import Masker
from privacy.masking.urls import mask_url
from tests.generated import KINDS

MASKER = Masker.default()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://shop.example.com/p/1?utm_source=mail", "https://shop.example.com/p/1?utm_source=mail"),
        ("https://user:pass@shop.example.com/p", "https://shop.example.com/p"),
        ("/u/13800138000/orders", "/u/<PHONE_NUMBER>/orders"),
        ("/s?q=tv&name=Anna", "/s?q=tv&name=<PERSONAL>"),
        ("/s?user[email]=x", "/s?user%5Bemail%5D=<PERSONAL>"),
        ("/s?ref=%2531%2533800138000", "/s?ref=<PHONE_NUMBER>"),
        ("/s#/reset?token=abc", "/s#/reset?token=<PERSONAL>"),
        ("/s#access_token=abc", "/s#access_token=<PERSONAL>"),
        ("/s?a=1;name=zhang;b=2", "/s?a=1&name=<PERSONAL>&b=2"),
        ("https://zhang:secret@[::1/?q=1", "https://[<IP_ADDRESS>/?q=1"),
        ("/s?to=https%3A%2F%2Fy.example%2F%3Ftoken%3Dsecret", "/s?to=https://y.example/%3Ftoken=<PERSONAL>"),
    ],
)
def test_urls_keep_their_path_and_lose_what_is_personal(url: str, expected: str) -> None:
    assert mask_url(url, MASKER) == expected


kinds_and_values = st.one_of(*(values for values in KINDS.values()))


@given(kinds_and_values, st.sampled_from(["/p/{}", "/p?x={}", "/p#{}", "https://h.example/{}/x?y=1", "/p?a=1&{}=2"]))
@settings(max_examples=300, deadline=None)
def test_no_personal_value_survives_in_any_part(value: str, shape: str) -> None:
    masked = mask_url(shape.format(value), MASKER)
    assert value not in masked


@given(st.text(max_size=80))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_url_that_does_not_break(text: str) -> None:
    mask_url(text, MASKER)
