"""Turns what was sent into the present moment of a conversation, with the features that the models learned from."""

from collections.abc import Sequence
from math import nan

import numpy as np
import polars as pl

from ml.next_action.features import COLUMNS
from ml.satisfaction.dialogues import Turn, turns_of
from services.prediction.language import language
from services.prediction.ports import Event, Inputs
from spark_jobs.gold.moments import AT, EVENT_COLUMNS, build_moments

_NOBODY = "nobody"
"""Whose the events are: all of a request are one customer's, and who that is does not matter."""

_DERIVED = {"event_at": pl.col("event_at").cast(AT), "language": language()}
_GIVEN = {
    **{name: kind for name, kind in EVENT_COLUMNS.items() if name not in _DERIVED},
    "event_at": pl.Int64,
    "locale": pl.String,
}
_EVENTS = [_DERIVED.get(name, pl.col(name)).alias(name) for name in EVENT_COLUMNS]
_AS_SENT = tuple(name for name in _GIVEN if name not in ("person_id", "event_id", "event_at", "text"))
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
    given = {
        **{name: [getattr(event, name) for _, event in timed] for name in _AS_SENT},
        "person_id": [_NOBODY] * len(timed),
        "event_id": [f"{place:06d}" for place in range(len(timed))],
        "event_at": [at for at, _ in timed],
        "text": texts,
    }
    return pl.DataFrame(given, schema=_GIVEN).select(_EVENTS)


def present_moment(events: pl.DataFrame, conversation_id: str) -> pl.DataFrame:
    """Return the row of the newest message of the customer in a conversation that has one."""
    return build_moments(events).filter(pl.col("conversation_id") == conversation_id).tail(1)


def turns_so_far(
    timed: Sequence[tuple[int, Event]], texts: Sequence[str | None], conversation_id: str
) -> tuple[Turn, ...]:
    """Return what was said in a conversation, as the model of satisfaction learned to read it.

    Args:
        timed: From `in_order`.
        texts: Their masked texts.
        conversation_id: The conversation meant.
    """
    return turns_of(
        (event.party == "customer", text or "")
        for (_, event), text in zip(timed, texts, strict=True)
        if event.party is not None and event.conversation_id == conversation_id
    )


def inputs(moment: pl.DataFrame) -> Inputs:
    """Return what the models take of one moment, (1, inputs); the same as `COLUMNS.matrix`, without its price."""
    row = moment.row(0, named=True)
    named = [_CODES[name].get(row[name], nan) for name in COLUMNS.categories]
    numbers = [nan if row[name] is None else float(row[name]) for name in COLUMNS.numbers]
    return np.array([[*named, *numbers]])
