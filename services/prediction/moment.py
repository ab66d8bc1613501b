"""Turns what was sent into the present moment of a conversation, with the features that the models learned from."""

from collections.abc import Sequence
from math import nan

import numpy as np
import polars as pl

from ml.next_action.features import COLUMNS
from services.prediction.language import language
from services.prediction.ports import Event, Inputs
from spark_jobs.gold.moments import AT, EVENT_COLUMNS, build_moments

_NOBODY = "nobody"
"""Whose the events are: all of a request are one customer's, and who that is does not matter."""

_SENT = {
    "conversation_id": pl.String,
    "event_type": pl.String,
    "channel": pl.String,
    "party": pl.String,
    "turn": pl.Int64,
    "page": pl.String,
    "to_party": pl.String,
    "end_reason": pl.String,
    "payment_status": pl.String,
    "locale": pl.String,
}
_LANGUAGE = language()
_CODES = {
    name: {value: float(code) for code, value in enumerate(values)} for name, values in COLUMNS.categories.items()
}


def in_order(events: Sequence[Event], now_us: int) -> list[tuple[int, Event]]:
    """Return events with when they happened, in the order of time and turn; what lies in the future is now."""
    timed = [(min(event.at_us, now_us), event) for event in events]
    return sorted(timed, key=lambda one: (one[0], one[1].turn or 0, one[1].at_us))


def events_frame(timed: Sequence[tuple[int, Event]], texts: Sequence[str | None]) -> pl.DataFrame:
    """Return events as the kernel of moments takes them.

    Args:
        timed: From `in_order`.
        texts: Their masked texts.
    """
    columns = {name: [getattr(event, name) for _, event in timed] for name in _SENT}
    places = [f"{place:06d}" for place in range(len(timed))]
    return (
        pl.DataFrame(columns, schema=_SENT)
        .with_columns(
            pl.lit(_NOBODY).alias("person_id"),
            pl.Series("event_id", places, pl.String),
            pl.Series("event_at", [at for at, _ in timed], pl.Int64).cast(AT),
            pl.Series("text", texts, pl.String),
        )
        .with_columns(_LANGUAGE.alias("language"))
        .select(*EVENT_COLUMNS)
    )


def present_moment(events: pl.DataFrame, conversation_id: str) -> pl.DataFrame:
    """Return the row of the newest message of the customer in a conversation that has one."""
    return build_moments(events).filter(pl.col("conversation_id") == conversation_id).tail(1)


def inputs(moment: pl.DataFrame) -> Inputs:
    """Return what the models take of one moment, (1, inputs); the same as `COLUMNS.matrix`, without its price."""
    row = moment.row(0, named=True)
    named = [_CODES[name].get(row[name], nan) for name in COLUMNS.categories]
    numbers = [nan if row[name] is None else float(row[name]) for name in COLUMNS.numbers]
    return np.array([[*named, *numbers]])
