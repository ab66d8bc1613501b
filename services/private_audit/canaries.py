"""Two neighbouring marts for each canary: the same people, with and without one who brings in all that is allowed.

The mart is a grid of cells, a channel on a day. A canary has cells of its own, as many as one person may touch (K),
and twice the rows that count (L) in each, so that truncation is measured too. Canaries share no cell, so that one
answer about the grid is one trial for each of them: what is in another's cells says nothing about its own.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import product

import numpy as np
import pyarrow as pa

from spark_jobs.lake import tables

FIRST_DAY = date(2026, 1, 1)
DAYS = 100
CHANNELS = ("web", "app", "chat", "voice", "email", "social", "store")
GROUPS, ROWS = 4, 3

Cell = tuple[str, str]
"""A day and a channel, as they stand in answers."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The cells, and how many people who are no canaries have one row in each."""

    people_in_cell: int

    @classmethod
    def for_noise(cls, scale: float) -> "Grid":
        """Put so many people into each cell that no noise of that scale brings a count down to 0, where it is cut."""
        return cls(math.ceil(8 * scale))

    @property
    def until_day(self) -> date:
        """The day after the last one."""
        return FIRST_DAY + timedelta(days=DAYS)

    @property
    def cells(self) -> list[Cell]:
        """All cells."""
        days = [FIRST_DAY + timedelta(days=n) for n in range(DAYS)]
        return [(day.isoformat(), channel) for channel, day in product(CHANNELS, days)]

    @property
    def canaries(self) -> list[list[Cell]]:
        """The cells of each canary."""
        cells = self.cells
        return [cells[n : n + GROUPS] for n in range(0, len(cells), GROUPS)]

    def mart(self, *, with_canaries: bool) -> pa.Table:
        """Make the rows of `private.conversations`."""
        rows = [(f"p{n}-{m}", cell) for n, cell in enumerate(self.cells) for m in range(self.people_in_cell)]
        if with_canaries:
            rows += self._canary_rows()
        columns: dict[str, object] = {
            "person_id": [person for person, _ in rows],
            "row_token": [f"row-{n}" for n in range(len(rows))],
            "day": pa.array([date.fromisoformat(day) for _, (day, _) in rows], pa.date32()),
            "channel": [channel for _, (_, channel) in rows],
            "turns": np.ones(len(rows), dtype=np.int64),
        }
        schema = tables.PRIVATE_CONVERSATIONS.schema
        nulls = {name: pa.nulls(len(rows)) for name in schema.names if name not in columns}
        table = pa.table({**columns, **nulls}).select(schema.names)
        return table.cast(schema)

    def shifts(self, counts: dict[Cell, float]) -> Iterator[float]:
        """Give for each canary how many rows more than without it an answer shows in its cells."""
        for cells in self.canaries:
            yield sum(counts[cell] for cell in cells) - len(cells) * self.people_in_cell

    def _canary_rows(self) -> list[tuple[str, Cell]]:
        owned = [(f"canary-{n}", cell) for n, cells in enumerate(self.canaries) for cell in cells]
        return [row for row in owned for _ in range(2 * ROWS)]


GUESS_ABOVE = GROUPS * ROWS / 2
"""A canary is guessed to be in when its cells show more rows than this, half of what it may change. Fixed before."""
