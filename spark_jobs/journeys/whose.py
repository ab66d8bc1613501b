"""Whose an event is, in polars: the same answer as `identity.people_of_events.with_person` gives in Spark."""

import hashlib
from dataclasses import dataclass

import numpy as np
import polars as pl

from spark_jobs.identity.guards import RULES
from spark_jobs.journeys.runs import Truths

PEOPLE_COLUMNS = ("person_id", "type", "shared", "seen_as", "held_from", "held_until")
"""The columns of identity.people that say whose an event is."""
NOBODY = -1
"""Stands for the person of an event that names nobody that is known."""

_FOREVER = 2**63 - 1
_PRIORITY = {rule.type: rule.priority for rule in RULES}
_SHARED = 1 << 8


@dataclass(frozen=True, slots=True)
class Holders:
    """The people of an identity graph by number, and who holds which token when."""

    names: pl.Series
    tokens: pl.DataFrame


def tokens_of(events: pl.DataFrame) -> pl.Series:
    """The tokens that events show, an event's after those of the event before."""
    return events["identifiers"].explode(empty_as_null=False, keep_nulls=False).struct.field("token")


def naming(events: pl.DataFrame, tokens: pl.Series) -> Truths:
    """Which events show one of the tokens."""
    lengths = events["identifiers"].list.len().fill_null(0).to_numpy()
    there = np.zeros(len(events), dtype=np.bool_)
    there[np.repeat(np.arange(len(events)), lengths)[tokens_of(events).is_in(tokens.implode()).to_numpy()]] = True
    return there


def holders(people: pl.DataFrame, shown: pl.Series | None = None) -> Holders:
    """Number the people of identity.people: a person's number is the row in which they come first.

    Args:
        people: All rows of identity.people, with `PEOPLE_COLUMNS`.
        shown: The tokens that will be asked for; all if None.
    """
    rows = people.with_row_index("n")
    if shown is not None:
        asked = people.filter(pl.col("seen_as").is_in(shown.unique().implode()))["person_id"].unique()
        rows = rows.filter(pl.col("person_id").is_in(asked.implode()))
    numbered = rows.select(
        "person_id",
        "seen_as",
        weight=pl.col("type").replace_strict(_PRIORITY, default=0, return_dtype=pl.Int16)
        + pl.col("shared").cast(pl.Int16) * _SHARED,
        since=pl.col("held_from").to_physical().fill_null(-_FOREVER),
        until=pl.col("held_until").to_physical().fill_null(_FOREVER),
        person=pl.col("n").first().over("person_id").cast(pl.Int64),
    )
    return Holders(people["person_id"], numbered.drop("person_id"))


def persons(events: pl.DataFrame, known: Holders) -> np.ndarray:
    """The number of each event's person, NOBODY where it names none. Needs event_at and identifiers.

    The strongest token that is not shared decides, else a shared one; the smaller token if two are as strong.
    """
    lengths = events["identifiers"].list.len().fill_null(0).to_numpy()
    shown = pl.DataFrame({"row": np.repeat(np.arange(len(events)), lengths), "seen_as": tokens_of(events)})
    named = shown.join(known.tokens, on="seen_as", how="inner", maintain_order="left")
    at = events["event_at"].to_physical().to_numpy()[named["row"].to_numpy()]
    named = named.filter((pl.col("since") <= at) & (pl.col("until") > at))
    found = np.full(len(events), NOBODY, dtype=np.int64)
    if len(named):
        _decide(named, known, found)
    return found


def _decide(named: pl.DataFrame, known: Holders, found: np.ndarray) -> None:
    """Write each event's strongest person into `found`; `named` is in the order of its rows."""
    row, weight, person = (named[name].to_numpy() for name in ("row", "weight", "person"))
    first = np.flatnonzero(np.r_[True, row[1:] != row[:-1]])
    strongest = np.repeat(np.minimum.reduceat(weight, first), np.diff(np.r_[first, len(row)]))
    best = weight == strongest
    row, person = row[best], person[best]
    found[row[::-1]] = person[::-1]
    if (person != found[row]).any():
        tied = named.filter(best).filter(pl.col("row").is_duplicated())
        tied = tied.with_columns(person_id=known.names.gather(tied["person"]))
        names = tied.sort("row", "seen_as", "person_id").unique("row", keep="first", maintain_order=True)
        found[names["row"].to_numpy()] = names["person"].to_numpy()


def person_ids(person: np.ndarray, event_ids: pl.Series, names: pl.Series) -> pl.Series:
    """The person ids of numbers by `names`; where they are NOBODY, those which the events' own ids give."""
    named = names.gather(pl.Series(np.where(person == NOBODY, 0, person))) if len(names) else None
    nobody = np.flatnonzero(person == NOBODY)
    if not len(nobody):
        return named if named is not None else pl.Series([], dtype=pl.String)
    made = ["person." + hashlib.sha256(event_id.encode()).hexdigest()[:32] for event_id in event_ids.gather(nobody)]
    own = pl.Series(made, dtype=pl.String)
    return own if named is None else named.scatter(nobody, own)
