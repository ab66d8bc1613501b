"""What is promised of URLs."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mangrove.event.v1 import event_pb2
from tests.generated import KINDS, an_event
from tests.unit.masking.build import body_of, event_masker

MASKER = event_masker()


def mask_url(url: str) -> str:
    return str(body_of(MASKER, an_event(clicked=event_pb2.Clicked(element="x", url=url)))["url"])


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://shop.example.com/p/1?utm_source=mail", "https://shop.example.com/p/1?utm_source=mail"),
        ("https://user:pass@shop.example.com/p", "https://shop.example.com/p"),
        ("https://user:p%40ss@a@shop.example.com/p", "https://shop.example.com/p"),
        ("//user:pass@shop.example.com/p", "//shop.example.com/p"),
        ("zhang:secret@shop.example.com/p", "shop.example.com/p"),
        ("/u/13800138000/orders", "/u/<PHONE_NUMBER>/orders"),
        ("/s?q=tv&name=7q", "/s?q=tv&name=<URL_PARAMETER>"),
        ("/s?user[email]=x", "/s?user[email]=<URL_PARAMETER>"),
        ("/s?phone=13800138000", "/s?phone=<PHONE_NUMBER>"),
        ("/s?password=correct%20horse", "/s?password=<URL_PARAMETER>"),
        ("/s?ref=%2531%2533800138000", "/s?ref=<PHONE_NUMBER>"),
        ("/s?q=+86+138+0013+8000", "/s?q=%20<PHONE_NUMBER>"),
        ("/s#/reset?token=abc", "/s#/reset?token=<URL_PARAMETER>"),
        ("/s#access_token=abc", "/s#access_token=<URL_PARAMETER>"),
        ("/s#/u/13800138000", "/s#/u/<PHONE_NUMBER>"),
        ("/s#%31%33800138000", "/s#<PHONE_NUMBER>"),
        ("/s?a=1;name=7q;b=2", "/s?a=1;name=<URL_PARAMETER>;b=2"),
        ("/p;name=7q;v=2/x", "/p;name=<URL_PARAMETER>;v=2/x"),
        ("/p;jsessionid=AB12/x?y=1", "/p;jsessionid=AB12/x?y=1"),
        ("https://zhang:secret@[::1/?q=1", "https://%5B<IP_ADDRESS>/?q=1"),
        ("/s?to=https%3A%2F%2Fy.example%2F%3Ftoken%3Dsecret", "/s?to=https://y.example/%3Ftoken=<URL_PARAMETER>"),
        ("/s?to=https%3A%2F%2Fuser%3Apw%40y.example%2Fp", "/s?to=https://y.example/p"),
        ("/s?to=%2Fa%3Fnext%3D%252Fb%253Fphone%253D13800138000", "/s?to=/a%3Fnext=/b%253Fphone=<PHONE_NUMBER>"),
        ("mailto:li@example.com?subject=hi", "mailto:<EMAIL_ADDRESS>?subject=hi"),
        ("tel:+8613800138000", "tel:<PHONE_NUMBER>"),
        ("/p?x=%3CPHONE_NUMBER%3E&name=<URL_PARAMETER>", "/p?x=%3CPHONE_NUMBER%3E&name=<URL_PARAMETER>"),
    ],
)
def test_urls_keep_their_path_and_lose_what_is_personal(url: str, expected: str) -> None:
    assert mask_url(url) == expected
    assert mask_url(expected) == expected


kinds_and_values = st.one_of(*(values for values in KINDS.values()))


@given(
    kinds_and_values,
    st.sampled_from(
        ["/p/{}", "/p?x={}", "/p#{}", "https://h.example/{}/x?y=1", "/p?a=1&{}=2", "/p;v={}/x", "/p?to=/q?x={}"]
    ),
)
@settings(max_examples=300, deadline=None)
def test_no_personal_value_survives_in_any_part(value: str, shape: str) -> None:
    masked = mask_url(shape.format(value))
    assert value not in masked


@given(st.text(max_size=80))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_url_that_does_not_break(text: str) -> None:
    mask_url(f"/{text}")


@given(st.text(st.sampled_from("ab1/?#&=;:@%[].<>+ 3"), max_size=40))
@settings(max_examples=300, deadline=None)
def test_masking_a_url_again_changes_nothing(text: str) -> None:
    once = mask_url(f"/{text}")
    assert mask_url(once) == once
