"""Ordered events as arrays, and runs of neighbouring rows that belong together."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

Numbers = npt.NDArray[np.int64]
Marks = npt.NDArray[np.uint16]
Truths = npt.NDArray[np.bool_]

NEVER = 2**62
"""Stands for a row that there is not."""
_ID_LENGTH = 26


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs that partition rows: the first and the last row of each, and the run of each row."""

    first: Numbers
    last: Numbers
    of_row: Numbers

    @classmethod
    def opened(cls, opens: Truths) -> "Runs":
        """The runs that begin where `opens` is true, as it is for the first row."""
        first = np.flatnonzero(opens)
        return cls(first, np.r_[first[1:], len(opens)] - 1, np.cumsum(opens) - 1)

    def any_of(self, marks: Marks) -> Marks:
        """The marks that any row of a run bears."""
        return np.asarray(np.bitwise_or.reduceat(marks, self.first))

    def first_where(self, condition: Truths) -> Numbers:
        """The first row of each run that meets a condition, NEVER without one."""
        return np.asarray(np.minimum.reduceat(np.where(condition, np.arange(len(condition)), NEVER), self.first))

    def last_where(self, condition: Truths) -> Numbers:
        """The last row of each run that meets a condition, -1 without one."""
        return np.asarray(np.maximum.reduceat(np.where(condition, np.arange(len(condition)), -1), self.first))

    def total(self, numbers: Numbers | Truths) -> Numbers:
        """The sum of each run's rows."""
        return np.asarray(np.add.reduceat(numbers, self.first, dtype=np.int64))


@dataclass(frozen=True, slots=True)
class Events:
    """The columns of ordered events, and whose they are.

    `people` are runs of events, `person_ids` their ids and `paid_before` when each paid last before these events.
    """

    person: Numbers
    at: Numbers
    channel: Marks
    stage: Marks
    marks: Marks
    amount: Numbers
    event_ids: pl.Series
    people: Runs
    person_ids: pl.Series
    paid_before: Numbers

    def named(self, kind: str, rows: Numbers) -> pl.Series:
        """Ids of what begins with the events of these rows: an event begins one of each kind.

        They are the last 26 characters of the event's pseudonym, 126 bits of its keyed hash.
        """
        begun = self.event_ids.gather(pl.Series(rows))
        return begun.to_frame("id").select(pl.lit(f"{kind}.") + pl.col("id").str.slice(-_ID_LENGTH))["literal"]

    def whose(self, rows: Numbers) -> pl.Series:
        """The person ids of rows."""
        return self.person_ids.gather(pl.Series(self.people.of_row[rows]))

    def moments(self, rows: Numbers) -> pl.Series:
        """When the events of rows happened; null for a row that there is not."""
        there = (rows >= 0) & (rows < len(self.at))
        at = pl.Series(self.at[np.where(there, rows, 0)])
        return (at if there.all() else at.set(pl.Series(~there), None)).cast(pl.Datetime("us", "UTC"))


def changed(values: Numbers | Marks) -> Truths:
    """Whether a row differs from the one before; true for the first."""
    opens = np.empty(len(values), dtype=np.bool_)
    opens[:1] = True
    np.not_equal(values[1:], values[:-1], out=opens[1:])
    return opens
