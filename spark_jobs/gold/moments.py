"""The moments of conversations: all that is known of a conversation and its customer when a message has come in.

One definition for the job that fills gold.features and for scoring while a conversation runs: a pure function of
events, in polars. It reads no clock and no table.
"""

from datetime import datetime, timedelta
from functools import cache

import polars as pl

from spark_jobs.gold import signals
from spark_jobs.lake.tables import GOLD_FEATURES

COLUMNS = tuple(name for name in GOLD_FEATURES.schema.names if name != "may_learn")
"""The columns of moments: those of gold.features, but for the consent, which is not of one conversation alone."""

AT = pl.Datetime("us", "UTC")
EVENT_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "person_id": pl.String,
    "conversation_id": pl.String,
    "event_id": pl.String,
    "event_type": pl.String,
    "event_at": AT,
    "channel": pl.String,
    "language": pl.String,
    "party": pl.String,
    "turn": pl.Int64,
    "text": pl.String,
    "page": pl.String,
    "to_party": pl.String,
    "end_reason": pl.String,
    "payment_status": pl.String,
}
"""The events that moments are built from: columns of silver.events, and whose they are."""

ENDINGS = {"abandoned_later": "abandoned", "escalated_later": "escalated", "resolved_later": "resolved"}
CHANNELS = ("web", "app", "chat", "voice", "email", "social", "store")
SLOW_AFTER_S = {"voice": 20.0, "chat": 30.0, "web": 30.0, "app": 30.0, "social": 600.0, "email": 3600.0}
"""From when on a customer who waits for an answer waits long, in seconds, by channel; 60 elsewhere."""
CONTACTS_BACK = timedelta(days=30)
CHANNELS_BACK = timedelta(days=7)
VISIT_BACK = timedelta(days=1)
SETTLED_AFTER = timedelta(days=1)
"""A conversation without an end in which nothing happened for so long is over."""

_TALK = "conversation_id"
# Expressions are built once: online that is a third of the time of a prediction.


def build_moments(events: pl.DataFrame, seen_until: datetime | None = None) -> pl.DataFrame:
    """One row for each message of a customer, sorted by conversation and turn, with features and labels.

    Every feature is a function of events up to the message (`as_of`) in the order of time, turn and event id. What is
    known later is only in the labels: handed_over_later, abandoned_later, escalated_later, resolved_later,
    handed_over_at, ended_at, had_by_bot and settled. Counts are 0 and times 0 where there was nothing to count.

    Args:
        events: With `EVENT_COLUMNS`, each event once, all events of each person in it.
        seen_until: The newest event of the lake: it decides which conversations without an end are over. None while
            a conversation runs: then none is.
    """
    told = (
        events.select(*EVENT_COLUMNS)
        .with_columns(
            pl.coalesce("person_id", _TALK, "event_id").alias("person_id"),
            pl.col("turn").fill_null(0).alias("order"),
        )
        .sort("person_id", "event_at", "order", "event_id")
        .with_columns(_hands_over().alias("hands"))
        .with_columns(_history())
        .filter(pl.col(_TALK).is_not_null())
        .sort(_TALK, "event_at", "order", "event_id")
    )
    return (
        told.with_columns(_texts())
        .with_columns(_between_messages())
        .with_columns(_so_far())
        .with_columns(_whole(seen_until))
        .filter(pl.col("party") == "customer")
        .with_columns(_own_left_out())
        .with_columns(_labels())
        .select(*COLUMNS)
    )


@cache
def _history() -> list[pl.Expr]:
    """What the person did before, on any channel; the events of the same microsecond are not before."""

    def before(condition: pl.Expr, back: timedelta) -> pl.Expr:
        counted = condition.fill_null(False).cast(pl.Int64)
        return counted.rolling_sum_by("event_at", back, closed="left").over("person_id").fill_null(0)

    begins = pl.col(_TALK).is_not_null() & pl.col(_TALK).is_first_distinct().over("person_id")
    first_hand_over = pl.col("hands") & (pl.col("hands").cum_sum().over(_TALK) == 1)
    last_on = [pl.when(pl.col("channel") == name).then("event_at").forward_fill().shift(1) for name in CHANNELS]
    seen = [(at.over("person_id") >= pl.col("event_at") - CHANNELS_BACK).fill_null(False) for at in last_on]
    return [
        before(begins, CONTACTS_BACK).alias("prior_contacts"),
        before(first_hand_over, CONTACTS_BACK).alias("prior_handovers"),
        before(pl.col("end_reason") == "abandoned", CONTACTS_BACK).alias("prior_abandonments"),
        before(pl.col("event_type") == "complaint_filed", CONTACTS_BACK).alias("prior_complaints"),
        pl.sum_horizontal(seen).cast(pl.Int64).alias("channels_before"),
        before(pl.col("page").is_not_null(), VISIT_BACK).alias("pages_before"),
        before((pl.col("event_type") == "payment_made") & (pl.col("payment_status") != "succeeded"), VISIT_BACK).alias(
            "payments_failed_before"
        ),
    ]


@cache
def _hands_over() -> pl.Expr:
    """Whether a human takes over at an event: handed to an agent before any spoke, or the first agent after a bot."""
    agents = (pl.col("party") == "agent").fill_null(False)
    bots = (pl.col("party") == "bot").fill_null(False)
    first_agent_at = pl.col("event_at").filter(agents).min().over(_TALK)
    first_bot_at = pl.col("event_at").filter(bots).min().over(_TALK)
    handed = (pl.col("to_party") == "agent") & (
        first_agent_at.is_null() | (pl.col("event_at") <= first_agent_at)
    ).fill_null(False)
    return (pl.col(_TALK).is_not_null() & (handed | (agents & (first_bot_at < first_agent_at)))).fill_null(False)


@cache
def _texts() -> list[pl.Expr]:
    """What each message says by itself; nothing of what an event without a speaker says."""
    text = pl.when(pl.col("party").is_not_null()).then(pl.col("text")).fill_null("").str.to_lowercase()
    return [
        signals.plain(text).alias("plain"),
        text.str.len_chars().cast(pl.Int64).alias("length"),
        signals.has_question_mark(text).alias("question"),
        signals.exclamations(text).alias("marks"),
        signals.asks_for_human(text).alias("asks"),
        signals.negative_words(text).alias("negative"),
        signals.gives_thanks(text).alias("thanks"),
        pl.when(pl.col("party") == "customer").then(signals.topic(text)).alias("about"),
    ]


@cache
def _between_messages() -> list[pl.Expr]:
    """What each message is beside those before it."""
    speaks = pl.col("party").is_not_null()
    party_before = pl.when(speaks).then("party").forward_fill().shift(1).over(_TALK)
    spoken_at = pl.when(speaks).then("event_at").forward_fill().shift(1).over(_TALK)
    since = (pl.col("event_at") - spoken_at).dt.total_microseconds() / 1e6
    said_before = pl.int_range(pl.len()).over(_TALK, "party", "plain") > 0
    about_before = pl.col("about").forward_fill().shift(1).over(_TALK)
    slow_after = pl.col("channel").replace_strict(SLOW_AFTER_S, default=60.0, return_dtype=pl.Float64)
    answers = pl.col("party").is_in(["bot", "agent"]) & (party_before == "customer")
    return [
        pl.when(answers).then(since).alias("wait"),
        pl.when(answers).then(since > slow_after).alias("slow"),
        pl.when((pl.col("party") == "customer") & party_before.is_in(["bot", "agent"])).then(since).alias("reply"),
        (said_before & (pl.col("plain") != "")).alias("again"),
        (pl.col("about") != about_before).fill_null(False).alias("switches"),
    ]


@cache
def _so_far() -> list[pl.Expr]:
    """Counts, means and last values over the conversation's events up to and with each one."""
    asks, bot = pl.col("party") == "customer", pl.col("party") == "bot"

    def count(condition: pl.Expr) -> pl.Expr:
        return condition.fill_null(False).cast(pl.Int64).cum_sum().over(_TALK)

    def mean(name: str) -> pl.Expr:
        value = pl.col(name)
        known = value.is_not_null().cast(pl.Int64).cum_sum()
        total = value.fill_null(0.0).cum_sum()
        return pl.when(known > 0).then(total / known).otherwise(0.0).over(_TALK)

    def last(name: str) -> pl.Expr:
        return pl.col(name).forward_fill().over(_TALK).fill_null(0.0)

    length = pl.when(asks).then("length").otherwise(0)
    spoken_in = {
        tongue: count(pl.col("party").is_not_null() & (pl.col("language") == tongue)) for tongue in ("zh", "en")
    }
    return [
        count(asks).alias("customer_turns"),
        count(bot).alias("bot_turns"),
        count(pl.col("party") == "agent").alias("agent_turns"),
        (count(pl.col("hands")) > 0).cast(pl.Int64).alias("with_agent"),
        ((pl.col("event_at") - pl.col("event_at").min().over(_TALK)).dt.total_microseconds() / 1e6).alias("elapsed_s"),
        mean("wait").alias("mean_wait_s"),
        last("wait").alias("last_wait_s"),
        pl.col("wait").fill_null(0.0).cum_max().over(_TALK).alias("longest_wait_s"),
        count(pl.col("slow")).alias("slow_waits"),
        mean("reply").alias("mean_reply_s"),
        last("reply").alias("last_reply_s"),
        (length.cum_sum() / asks.fill_null(False).cast(pl.Int64).cum_sum()).over(_TALK).alias("mean_text_length"),
        count(asks & pl.col("question")).alias("questions"),
        count(asks & pl.col("again")).alias("repeats"),
        count(bot & pl.col("again")).alias("bot_repeats"),
        count(asks & pl.col("asks")).alias("asks_for_human"),
        pl.when(asks).then("negative").otherwise(0).cum_sum().over(_TALK).alias("negative_words"),
        count(asks & (pl.col("negative") > 0)).alias("negative_turns"),
        pl.when(asks).then("marks").otherwise(0).cum_sum().over(_TALK).alias("exclamations"),
        count(asks & pl.col("switches")).alias("topic_switches"),
        pl.col("about").forward_fill().over(_TALK).alias("topic"),
        (spoken_in["zh"] >= spoken_in["en"]).alias("more_zh"),
        (spoken_in["zh"] + spoken_in["en"] > 0).alias("tongue_known"),
    ]


@cache
def _whole(seen_until: datetime | None) -> list[pl.Expr]:
    """What only the whole conversation tells."""
    over = pl.lit(False) if seen_until is None else pl.col("event_at").max().over(_TALK) < seen_until - SETTLED_AFTER
    ends = pl.col("end_reason").is_not_null()
    return [
        pl.col("end_reason").filter(ends).last().over(_TALK).alias("ending"),
        pl.col("event_at").filter(ends).last().over(_TALK).alias("ended_at"),
        pl.col("event_at").filter(pl.col("hands")).min().over(_TALK).alias("handed_over_at"),
        pl.col("event_at").min().over(_TALK).alias("began_at"),
        ((pl.col("party") == "bot") | pl.col("hands")).any().over(_TALK).alias("had_by_bot"),
        (ends.any().over(_TALK) | over).alias("settled"),
    ]


@cache
def _own_left_out() -> list[pl.Expr]:
    """Take the conversation itself out of what the person did before, and name the columns of gold.features."""

    def is_before(moment: str) -> pl.Expr:
        at = pl.col(moment)
        return ((at < pl.col("event_at")) & (at >= pl.col("event_at") - CONTACTS_BACK)).fill_null(False).cast(pl.Int64)

    return [
        (pl.col("prior_contacts") - is_before("began_at")).alias("prior_contacts"),
        (pl.col("prior_handovers") - is_before("handed_over_at")).alias("prior_handovers"),
        pl.col("customer_turns").alias("turn"),
        pl.col("event_at").alias("as_of"),
        pl.when("tongue_known").then(pl.when("more_zh").then(pl.lit("zh")).otherwise(pl.lit("en"))).alias("language"),
        pl.col("length").alias("text_length"),
        pl.col("again").cast(pl.Int64).alias("repeats_now"),
        pl.col("asks").cast(pl.Int64).alias("asks_now"),
        (pl.col("negative") > 0).cast(pl.Int64).alias("negative_now"),
        pl.col("thanks").cast(pl.Int64).alias("thanks_now"),
        pl.col("event_at").dt.hour().cast(pl.Int64).alias("hour"),
        pl.col("event_at").dt.weekday().cast(pl.Int64).alias("weekday"),
    ]


@cache
def _labels() -> list[pl.Expr]:
    later = pl.col("ended_at") > pl.col("as_of")
    return [
        (pl.col("handed_over_at") > pl.col("as_of")).fill_null(False).alias("handed_over_later"),
        *((later & (pl.col("ending") == how)).fill_null(False).alias(name) for name, how in ENDINGS.items()),
    ]
