"""What is promised of a request's way to the models: the lake's rules, and the kernel that training uses."""

import random

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from ml.next_action.features import COLUMNS
from services.prediction import wire
from services.prediction.language import language
from services.prediction.moment import events_frame, in_order, inputs, present_moment
from services.prediction.ports import Event
from spark_jobs.gold.moments import EVENT_COLUMNS
from spark_jobs.lake.io import spark_schema
from spark_jobs.lake.tables import BRONZE_EVENTS
from spark_jobs.silver.refine import build_events
from tests.unit.prediction.talks import LATE_US, TALK, a_request, a_talk, happened, said

TEXTS = [
    None, "hello", "你好", "我想查 order 的物流 tracking number please", "订单 ABCDEFG", "订单号 ABCDE", "12345 !?",
    "<PERSON>", "<PHONE_NUMBER> 你好", "<PHONE_NUMBER:phone.1.ABC>", "<a>", "ｆｕｌｌ width 全角", "日本語のテキスト",
    "Привет", "𠀀𠀁 rare", "〇〇〇", "々", "ⅢⅣ", "é", "ñandú 很好", "한국어", "emoji 😀😀", "好", "a好bb", "a好bbb",
    "<A_B>好", "a<PERSON>b<EMAIL>c好",
]  # fmt: skip
LOCALES = [None, "zh-CN", "en", "en-US", "fr-FR", "zh-Hans-CN", "de"]


def events_of(request: object) -> list[Event]:
    return list(wire.asked_from_proto(request).events)  # type: ignore[arg-type]


def moment_of(events: list[Event], now_us: int = LATE_US) -> pl.DataFrame:
    timed = in_order(events, now_us)
    return present_moment(events_frame(timed, [event.text for _, event in timed]), TALK)


@pytest.mark.spark
def test_languages_are_those_of_the_lake(spark: SparkSession) -> None:
    import json

    cases = [(text, locale) for text in TEXTS for locale in LOCALES]
    bronze = [
        {
            **dict.fromkeys(BRONZE_EVENTS.schema.names),
            "event_id": str(place),
            "event_type": "message_sent",
            "body": json.dumps({"text": text} if text else {}),
            "context": json.dumps({"locale": locale} if locale else {}),
        }
        for place, (text, locale) in enumerate(cases)
    ]
    schema = spark_schema(BRONZE_EVENTS)
    for field in schema.fields:
        field.nullable = True
    refined = build_events(spark.createDataFrame(bronze, schema)).select("event_id", "language").collect()
    of_lake = {int(row["event_id"]): row["language"] for row in refined}
    frame = pl.DataFrame(cases, schema={"text": pl.String, "locale": pl.String}, orient="row")
    assert frame.select(language()).to_series().to_list() == [of_lake[place] for place in range(len(cases))]


def test_a_request_becomes_the_columns_of_the_kernel() -> None:
    timed = in_order(events_of(a_request()), LATE_US)
    frame = events_frame(timed, [event.text for _, event in timed])
    assert frame.schema == pl.Schema(EVENT_COLUMNS)
    assert frame["person_id"].n_unique() == 1


@given(st.randoms(use_true_random=False))
@settings(max_examples=20, deadline=None)
def test_the_order_of_events_does_not_matter(rng: random.Random) -> None:
    events = events_of(a_request(*a_talk(9), *a_talk(4, talk="before"), happened(5, complaint={}, talk="")))
    shuffled = events.copy()
    rng.shuffle(shuffled)
    assert moment_of(shuffled).equals(moment_of(events))


def test_the_newest_message_of_the_customer_is_the_moment() -> None:
    talk = a_talk(11)
    told = moment_of(events_of(a_request(*talk)))
    answered = moment_of(events_of(a_request(*talk, said(500, "let me look", "bot"), said(501, "well", "bot"))))
    assert inputs(answered).tolist() == inputs(told).tolist()
    assert answered["as_of"].item() == told["as_of"].item()


def test_what_lies_in_the_future_is_now() -> None:
    events = events_of(a_request(said(0, "hello"), said(10**6, "still there?")))
    now_us = events[0].at_us + 60_000_000
    assert moment_of(events, now_us)["elapsed_s"].item() == 60.0


def test_turns_order_what_happened_at_the_same_time() -> None:
    events = events_of(a_request(said(0, "it is late", turn=2), said(0, "hello", turn=1)))
    assert moment_of(events)["text_length"].item() == len("it is late")


def test_earlier_events_on_any_channel_count() -> None:
    before = a_talk(4, talk="before")
    paid = happened(30, payment={"status": 2}, talk="", channel=1)
    later = [said(3600, "hello again")]
    one = moment_of(events_of(a_request(*later))).row(0, named=True)
    two = moment_of(events_of(a_request(*before, paid, *later))).row(0, named=True)
    assert (one["prior_contacts"], one["payments_failed_before"], one["channels_before"]) == (0, 0, 0)
    assert (two["prior_contacts"], two["payments_failed_before"], two["channels_before"]) == (1, 1, 2)


def test_inputs_are_those_of_training() -> None:
    asked = [
        a_request(),
        a_request(said(0, "", channel=6), said(5, "我要退款!", channel=6)),
        a_request(said(0, "123"), said(1, "?", "agent"), said(2, "12")),
        a_request(*a_talk(4, talk="before"), *[said(9000 + n, "where is my parcel", turn=n) for n in range(1, 40)]),
    ]
    for request in asked:
        moment = moment_of(events_of(request))
        np.testing.assert_array_equal(inputs(moment), COLUMNS.matrix(moment.select(COLUMNS.names).to_pandas()))
