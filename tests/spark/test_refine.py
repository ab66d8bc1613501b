from datetime import timedelta

import pytest

from spark_jobs.lake.io import spark_schema
from spark_jobs.lake.tables import BRONZE_EVENTS
from spark_jobs.silver.refine import build_events
from tests.spark.build import START, an_event, rows_of, token

pytestmark = pytest.mark.spark


@pytest.fixture
def refined(spark):
    def refine(*rows):
        frame = spark.createDataFrame(list(rows), spark_schema(BRONZE_EVENTS))
        return {row["event_id"].removeprefix("event.1."): row for row in build_events(frame).collect()}

    return refine


def test_of_a_repeated_event_the_one_received_first_counts(refined):
    late = an_event("e").after(hours=2).of("searched").row("journal-a", 1)
    first = an_event("e").of("page_viewed", url="https://shop.example/first").row("journal-b", 9)
    same_moment = an_event("e").of("page_viewed", url="https://shop.example/same").row("journal-c", 1)
    events = refined(late, same_moment, first)
    assert len(events) == 1
    assert events["e"]["page"] == "/first"


def test_an_event_is_never_later_than_its_receipt(refined):
    fast_clock = {**an_event("e").row(), "occurred_at": START + timedelta(days=300)}
    event = refined(fast_clock)["e"]
    assert event["event_at"] == event["received_at"]


def test_bodies_become_columns_of_their_own_type_only(refined):
    money = {"amount_minor": 250, "currency": "CNY"}
    events = refined(
        *rows_of(
            [
                an_event("paid").of("payment_made", status="succeeded", amount={"amount_minor": "199"}),
                an_event("free").of("payment_made", status="succeeded", amount={"currency": "CNY"}),
                an_event("unknown").of("payment_made", status="failed"),
                an_event("cart").of("cart_changed", product="shoe", quantity=3, price=money),
                an_event("emptied").of("cart_changed", product="shoe", quantity=-3, price=money),
                an_event("ended").of("conversation_ended", reason="resolved"),
                an_event("moved").of("conversation_transferred", to_party="agent", reason="asked for it"),
                an_event("rated").of("feedback_given", kind="nps", comment="fine"),
                an_event("consent").of("consent_changed", withdrawn=["learning"]),
                an_event("custom").of("custom", name="x", properties={"text": "no message"}),
            ]
        )
    )
    assert [events[e]["amount_minor"] for e in ("paid", "free", "unknown", "cart", "emptied")] == [
        199,
        0,
        None,
        750,
        0,
    ]
    assert (events["ended"]["end_reason"], events["moved"]["end_reason"]) == ("resolved", None)
    assert events["moved"]["to_party"] == "agent"
    assert (events["rated"]["score"], events["rated"]["text"]) == (0, "fine")
    assert (events["consent"]["withdrawn"], events["consent"]["granted"]) == (["learning"], None)
    assert events["custom"]["text"] is None


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://shop.example/a/b?q=1#top", "/a/b"),
        ("https://shop.example/orders/<PHONE_NUMBER>/x", "/orders/<PHONE_NUMBER>/x"),
        ("/plain", "/plain"),
        ("https://shop.example", ""),
    ],
)
def test_the_page_is_the_path_even_where_a_placeholder_breaks_the_url(refined, url, path):
    assert refined(an_event("e").of("page_viewed", url=url).row())["e"]["page"] == path


def test_language_follows_the_text_and_then_the_locale(refined):
    from dataclasses import replace

    said = {
        "zh": an_event("zh").saying("我的 iPhone 什么时候发货"),
        "en": an_event("en").saying("where is my order from 上海 please, I am still waiting"),
        "masked": replace(an_event("masked").saying("<PHONE_NUMBER> 123!"), context={"locale": "zh-CN"}),
        "locale": replace(an_event("locale"), context={"locale": "en-GB"}),
        "other": replace(an_event("other"), context={"locale": "fr-FR"}),
    }
    events = refined(*rows_of(said.values()))
    assert {k: events[k]["language"] for k in said} == {
        "zh": "zh", "en": "en", "masked": "zh", "locale": "en", "other": None,
    }  # fmt: skip


def test_the_author_of_a_post_is_an_identifier_and_identifiers_are_sorted_once_each(refined):
    from dataclasses import replace

    post = an_event("e").by(phone="p", customer="c").of("social_posted", text="hi", author_handle="social.1.me")
    doubled = replace(post, identifiers=(*post.identifiers, *post.identifiers, {"type": "email", "token": ""}))
    found = [i.asDict() for i in refined(doubled.row())["e"]["identifiers"]]
    assert found == [token("customer", "c"), token("phone", "p"), token("social", "me")]
