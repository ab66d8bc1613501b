"""Events as journeys see them: a few numbers each."""

import numpy as np
import polars as pl

from spark_jobs.journeys.marks import ESCALATED, PAID, RESOLVED, TALKS, TRANSFERRED
from spark_jobs.journeys.rules import CHANNELS, CONVERSATION_TYPES, STAGE_OF_TYPE, STAGES
from spark_jobs.journeys.runs import Numbers

EVENT_COLUMNS = (
    "event_id",
    "event_at",
    "identifiers",
    "channel",
    "event_type",
    "conversation_id",
    "party",
    "end_reason",
    "payment_status",
    "amount_minor",
)
"""The columns of silver.events that journeys are made of."""
TALK_COLUMNS = ("conversation_id", "handed_over_at", "bot_turns", "agent_turns", "outcome")
"""The columns of silver.conversations that journeys are made of."""

_BOT, _AGENT, _OTHER = (STAGES.index(stage) for stage in ("bot", "agent", "other"))


def talks_of(conversations: pl.DataFrame) -> pl.DataFrame:
    """What a conversation tells of its events: since when a human has it (microseconds), and whether it was solved."""
    return conversations.select(
        "conversation_id",
        handed_at=pl.col("handed_over_at").to_physical(),
        by_agent=((pl.col("bot_turns") == 0) & (pl.col("agent_turns") > 0)).fill_null(False),
        unsolved=(pl.col("outcome") != "resolved").fill_null(False),
    )


def touches(events: pl.DataFrame, person: Numbers, talks: pl.DataFrame) -> pl.DataFrame:
    """One row an event: person, at (microseconds), event_id, channel, stage, marks, amount.

    Channel and stage are places in `CHANNELS` and `STAGES`. In a conversation the stage says who has it: an agent
    from the hand-over on, or from the start where no bot ever spoke.

    Args:
        events: Rows of silver.events, with `EVENT_COLUMNS`.
        person: Whose each is, of `whose.persons`.
        talks: The conversations, of `talks_of`.
    """
    return (
        events.with_columns(person=pl.Series(person), at=pl.col("event_at").to_physical())
        .join(talks, on="conversation_id", how="left", maintain_order="left")
        .select(
            "person",
            "at",
            "event_id",
            channel=_place(CHANNELS, pl.col("channel")),
            stage=_stage(),
            marks=_marks(),
            amount=pl.when(_paid()).then(pl.col("amount_minor").fill_null(0)).otherwise(0),
        )
    )


def _place(names: tuple[str, ...], name: pl.Expr) -> pl.Expr:
    return name.cast(pl.Enum(names)).to_physical().cast(pl.UInt8)


def _stage() -> pl.Expr:
    with_agent = (pl.col("at") >= pl.col("handed_at")).fill_null(False) | pl.col("by_agent").fill_null(False)
    speaks = {"bot": _BOT, "agent": _AGENT}
    who = (
        pl.when(pl.col("party").is_in(list(speaks)))
        .then(pl.col("party").replace_strict(speaks, default=None, return_dtype=pl.UInt8))
        .when(with_agent)
        .then(pl.lit(_AGENT, pl.UInt8))
        .otherwise(pl.lit(_BOT, pl.UInt8))
    )
    by_type = {name: STAGES.index(stage) for name, stage in STAGE_OF_TYPE.items()}
    return (
        pl.when(pl.col("event_type").is_in(CONVERSATION_TYPES))
        .then(who)
        .otherwise(pl.col("event_type").replace_strict(by_type, default=_OTHER, return_dtype=pl.UInt8))
    )


def _paid() -> pl.Expr:
    return pl.col("payment_status").eq_missing(pl.lit("succeeded"))


def _marks() -> pl.Expr:
    ended = pl.col("end_reason")
    transferred = (pl.col("handed_at") <= pl.col("at")) & pl.col("unsolved")
    conditions = {
        PAID: _paid(),
        ESCALATED: (pl.col("event_type") == "complaint_filed") | ended.eq_missing(pl.lit("escalated")),
        RESOLVED: ended.eq_missing(pl.lit("resolved")),
        TALKS: pl.col("conversation_id").is_not_null(),
        TRANSFERRED: transferred.fill_null(False),
    }
    return pl.sum_horizontal(
        condition.cast(pl.UInt8) * pl.lit(mark, pl.UInt8) for mark, condition in conditions.items()
    ).cast(pl.UInt8)


def in_order(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows by person, time and event id."""
    person, at = rows["person"].to_numpy(), rows["at"].to_numpy()
    if not len(rows):
        return rows
    span = int(at.max()) - int(at.min()) + 1
    if (int(person.max()) + 1) * span < 2**63:
        order = np.argsort(person * span + (at - at.min()))
    else:
        order = np.lexsort((at, person))
    placed = rows[order]
    person, at = person[order], at[order]
    same = (person[1:] == person[:-1]) & (at[1:] == at[:-1])
    if same.any():
        tied = np.flatnonzero(np.r_[same, False] | np.r_[False, same])
        names = pl.DataFrame({"person": person[tied], "at": at[tied], "event_id": placed["event_id"].gather(tied)})
        within = np.arange(len(rows))
        within[tied] = tied[names.select(pl.arg_sort_by("person", "at", "event_id")).to_series().to_numpy()]
        placed = placed[within]
    return placed
