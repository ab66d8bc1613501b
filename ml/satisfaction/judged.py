"""The customers' messages in the lake: whose consent covers learning, what was said, and how it was judged."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import polars as pl

from ml.satisfaction.dialogues import Dialogue, turns_of
from ml.satisfaction.moments import DIALOGUE, TURN, labelled, moments_of

LEVELS = 3
EVENT_COLUMNS = (
    *("conversation_id", "event_id", "event_type", "event_at", "party", "turn", "text", "purposes"),
    *("feedback_kind", "score"),
)
"""What is read of silver.events."""

MOMENT_COLUMNS = ("conversation_id", "turn", "person_id", "as_of", "channel", "language", "may_learn")
"""What is read of gold.features."""

_TALK = "conversation_id"


def talked_moments(events: pl.DataFrame, moments: pl.DataFrame) -> pd.DataFrame:
    """One row for each customer message: texts, signals, level (NaN if not judged), whose it is and when.

    Conversations are left out whole unless consent covers learning in each customer message and in gold.features.

    The level is the turn's feedback (0 to 2) where a conversation has any; else its CSAT stands at its last message
    of the customer: 1 and 2 are dissatisfied, 3 is neutral, 4 and 5 are satisfied.

    Args:
        events: `EVENT_COLUMNS`, of all conversations.
        moments: `MOMENT_COLUMNS`, which say whose consent covers learning.
    """
    told = _allowed(events, moments).with_columns(pl.col("turn").fill_null(0).alias("order"))
    dialogues = list(_dialogues(told.sort(_TALK, "event_at", "order", "event_id")))
    frame = moments_of(dialogues)
    whose = moments.select(MOMENT_COLUMNS).drop("may_learn").to_pandas().rename(columns={_TALK: DIALOGUE})
    whose = whose.rename(columns={"turn": TURN})
    frame[TURN] = frame[TURN] + 1
    return frame.merge(whose, on=[DIALOGUE, TURN], how="inner").sort_values([DIALOGUE, TURN]).reset_index(drop=True)


def judged_moments(events: pl.DataFrame, moments: pl.DataFrame) -> pd.DataFrame:
    """The judged ones of `talked_moments`, in order of time."""
    return labelled(talked_moments(events, moments)).sort_values(["as_of", DIALOGUE, TURN]).reset_index(drop=True)


def _allowed(events: pl.DataFrame, moments: pl.DataFrame) -> pl.DataFrame:
    """Messages and feedback of conversations that may be learned from."""
    by_customer = (pl.col("event_type") == "message_sent") & (pl.col("party") == "customer")
    refused = events.filter(by_customer & ~pl.col("purposes").list.contains("learning").fill_null(False))
    allowed = moments.group_by(_TALK).agg(pl.col("may_learn").all()).filter("may_learn").select(_TALK)
    return (
        events.filter((pl.col("event_type") == "message_sent") | pl.col("feedback_kind").is_in(["turn", "csat"]))
        .join(allowed, on=_TALK, how="semi")
        .join(refused, on=_TALK, how="anti")
    )


def _dialogues(events: pl.DataFrame) -> Iterator[Dialogue]:
    """Each conversation with a turn for each message of the customer; several answers to one are joined."""
    for (talk,), told in events.group_by([_TALK], maintain_order=True):
        rows = told.to_dicts()
        messages = [row for row in rows if row["party"] is not None]
        turns = turns_of((row["party"] == "customer", row["text"] or "") for row in messages)
        levels = _levels(rows, [row["order"] for row in messages if row["party"] == "customer"])
        judged = (replace(turn, satisfaction=levels.get(place)) for place, turn in enumerate(turns))
        yield Dialogue(str(talk), tuple(judged))


def _levels(rows: Sequence[Mapping[str, Any]], orders: Sequence[int]) -> dict[int, int]:
    """The levels of judged turns by place; `orders` are what the customer's messages are numbered by."""
    place_of = {order: place for place, order in enumerate(orders)}
    levels, csat = {}, None
    for row in rows:
        if row["feedback_kind"] == "turn" and row["score"] in range(LEVELS) and row["order"] in place_of:
            levels[place_of[row["order"]]] = row["score"]
        elif row["feedback_kind"] == "csat" and row["score"] in range(1, 6):
            csat = row["score"]
    if not levels and csat is not None and orders:
        return {len(orders) - 1: (csat > 2) + (csat > 3)}
    return levels
