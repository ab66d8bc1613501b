"""The moments of journeys: all that is known of a journey and its person when it comes to a step.

A pure function of gold.journey_steps, gold.journeys and the payments, in polars; it reads no clock and no table.
"""

from collections.abc import Mapping
from datetime import datetime

import polars as pl

from spark_jobs.journeys import rules

STEP_COLUMNS = ("journey_id", "step", "person_id", "channel", "stage", "started_at", "ended_at", "events")
"""The columns of gold.journey_steps that moments are built from."""
JOURNEY_COLUMNS = ("journey_id", "person_id", "started_at", "ended_at", "outcome")
"""The columns of gold.journeys that they are built from: what became of a journey, which only later ones may know."""
PAYMENT_COLUMNS = ("person_id", "event_at")
"""The columns of payments that succeeded: whose and when. They only say up to where there is something to foretell."""

STAGE_GROUPS: Mapping[str, tuple[str, ...]] = {
    "browse_events": ("browse",),
    "cart_events": ("cart",),
    "order_events": ("order",),
    "pay_events": ("pay",),
    "bot_events": ("bot",),
    "agent_events": ("agent",),
    "feedback_events": ("feedback",),
    "social_events": ("social",),
    "store_events": ("store",),
    "complaint_events": ("complain",),
}
"""Counts of events so far by the stages in which they were."""
LABEL = "bought"

_JOURNEY = "journey_id"
_BOUGHT = pl.col("outcome") == "bought"


def build_journey_moments(
    steps: pl.DataFrame, journeys: pl.DataFrame, payments: pl.DataFrame, seen_until: datetime | None = None
) -> pl.DataFrame:
    """One row for each step of a journey at which nothing was paid yet, sorted by journey and step.

    The moment (`as_of`) is the step's first event: where it takes place is known, how long it will be is not. Every
    feature is a function of the steps before and of that event, and of the person's journeys that ended before. What
    is known later is only in `bought`, whether the journey ends with a purchase, and in `settled`, whether it is over;
    `channel` and `stage` are those of the step. Counts are 0 and times 0 where there was nothing to count.

    Args:
        steps: With `STEP_COLUMNS`, all steps of each journey in it.
        journeys: With `JOURNEY_COLUMNS`, all journeys of each person in it.
        payments: With `PAYMENT_COLUMNS`, all payments of these people that succeeded.
        seen_until: The newest event of the lake: a journey is over when nothing happened for 72 hours. None while a
            journey runs: then none is.
    """
    walked = (
        steps.select(*STEP_COLUMNS)
        .sort(_JOURNEY, "step")
        .with_columns(_neighbours())
        .with_columns(_changes())
        .with_columns(_back_and_forth())
        .with_columns(_so_far())
    )
    return (
        walked.join(_with_history(journeys), on=_JOURNEY, how="inner")
        .join(_first_payments(journeys, payments), on=_JOURNEY, how="left")
        .filter((pl.col("paid_at") > pl.col("as_of")).fill_null(value=True))
        .with_columns(
            bought=_BOUGHT,
            settled=pl.lit(value=False) if seen_until is None else pl.col("over_at") <= seen_until - rules.PAUSE,
        )
        .select(*COLUMNS)
        .sort(_JOURNEY, "step")
    )


def _neighbours() -> list[pl.Expr]:
    """What a step is beside the one before it in its journey."""
    return [
        pl.col("channel").shift(1).over(_JOURNEY).alias("from_channel"),
        pl.col("stage").shift(1).over(_JOURNEY).alias("from_stage"),
        pl.col("ended_at").shift(1).over(_JOURNEY).alias("left_at"),
        (pl.col("events").cum_sum() - pl.col("events")).over(_JOURNEY).alias("events_before"),
        *(
            pl.when(pl.col("stage").is_in(stages)).then("events").otherwise(0).alias(name)
            for name, stages in STAGE_GROUPS.items()
        ),
    ]


def _changes() -> list[pl.Expr]:
    """Where the channel changes, and whether the journey was there before."""
    enters = (pl.col("channel") != pl.col("from_channel")).fill_null(value=False)
    first = pl.int_range(pl.len()).over(_JOURNEY, "channel") == 0
    return [
        enters.alias("enters"),
        (enters & ~first).alias("returns"),
        first.alias("first_on_channel"),
        _seconds(pl.col("started_at") - pl.col("left_at")).alias("since_last_s"),
    ]


def _back_and_forth() -> pl.Expr:
    """Whether a step leads back to the channel left by the change before, within the time declared."""

    def of_change_before(name: str) -> pl.Expr:
        return pl.when("enters").then(name).forward_fill().shift(1).over(_JOURNEY)

    there = of_change_before("from_channel") == pl.col("channel")
    in_time = pl.col("started_at") - of_change_before("left_at") <= rules.BACK_AND_FORTH
    return (pl.col("enters") & there & in_time).fill_null(value=False).alias("back")


def _so_far() -> list[pl.Expr]:
    """Counts over the journey's steps so far; of the step that begins one event is known, its first."""

    def count(name: str) -> pl.Expr:
        return pl.col(name).cast(pl.Int64).cum_sum().over(_JOURNEY)

    def events_in(name: str) -> pl.Expr:
        begins = (pl.col(name) > 0).cast(pl.Int64)
        return ((pl.col(name).cum_sum() - pl.col(name)).over(_JOURNEY) + begins).cast(pl.Int64)

    started_at = pl.col("started_at")
    return [
        started_at.alias("as_of"),
        count("first_on_channel").alias("channels"),
        count("enters").alias("changes"),
        count("returns").alias("loops"),
        count("back").alias("back_and_forths"),
        _seconds(started_at - started_at.first().over(_JOURNEY)).alias("elapsed_s"),
        pl.col("since_last_s").fill_null(0.0),
        pl.col("since_last_s").fill_null(0.0).cum_max().over(_JOURNEY).alias("longest_gap_s"),
        (pl.col("events_before") + 1).alias("events"),
        *(events_in(name).alias(name) for name in STAGE_GROUPS),
        (pl.col("stage").is_in(["bot", "agent"]).cast(pl.Int64).cum_max().over(_JOURNEY)).alias("talked"),
        started_at.dt.hour().cast(pl.Int64).alias("hour"),
        started_at.dt.weekday().cast(pl.Int64).alias("weekday"),
    ]


def _with_history(journeys: pl.DataFrame) -> pl.DataFrame:
    """Add to each journey how many of its person's ended before it began, and how many of these with a purchase."""
    counted = journeys.select(*JOURNEY_COLUMNS).sort("person_id", "started_at", _JOURNEY)
    bought = _BOUGHT.cast(pl.Int64)
    before = pl.int_range(pl.len(), dtype=pl.Int64).over("person_id")
    bought_before = (bought.cum_sum() - bought).over("person_id")
    return counted.select(
        _JOURNEY,
        "outcome",
        before.alias("earlier_journeys"),
        pl.when(before > 0).then(bought_before / before).otherwise(0.0).alias("earlier_bought_share"),
        pl.col("ended_at").alias("over_at"),
    )


def _first_payments(journeys: pl.DataFrame, payments: pl.DataFrame) -> pl.DataFrame:
    """When the journeys that paid first did: journey_id, paid_at."""
    return (
        journeys.select(_JOURNEY, "person_id", "started_at", "ended_at")
        .join(payments.select("person_id", paid_at="event_at"), on="person_id", how="inner")
        .filter(pl.col("paid_at").is_between("started_at", "ended_at"))
        .group_by(_JOURNEY)
        .agg(pl.col("paid_at").min())
    )


def _seconds(time: pl.Expr) -> pl.Expr:
    return time.dt.total_microseconds() / 1e6


COUNTS = (
    "channels",
    "changes",
    "loops",
    "back_and_forths",
    "elapsed_s",
    "since_last_s",
    "longest_gap_s",
    "events",
    *STAGE_GROUPS,
    "talked",
    "hour",
    "weekday",
    "earlier_journeys",
    "earlier_bought_share",
)
"""The features that are numbers, beside `step`."""
CATEGORIES = ("channel", "stage", "from_channel", "from_stage")
"""The features that are names."""
COLUMNS = (_JOURNEY, "step", "person_id", "as_of", *CATEGORIES, *COUNTS, "settled", LABEL)
"""The columns of moments."""
