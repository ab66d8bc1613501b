"""The report of what joins nobody: which guards held how many tokens back, and the widest of them."""

from collections import Counter
from dataclasses import dataclass

from spark_jobs.lake.snapshot import read_snapshot
from spark_jobs.lake.tables import IDENTITY_QUARANTINE


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A token that joins nobody, why, and with how many distinct tokens it was seen."""

    token: str
    type: str
    reason: str
    neighbours: int


@dataclass(frozen=True, slots=True)
class Report:
    """How many tokens each (type, reason) holds back, the most first, and the tokens seen with most others."""

    counts: tuple[tuple[str, str, int], ...]
    widest: tuple[HeldBack, ...]


def report(root: str, widest: int) -> Report:
    """Sum up identity.quarantine of the lake at `root`, with the `widest` tokens one by one.

    Raises:
        TableMissing: if identities were never resolved.
    """
    rows = [HeldBack(**row) for row in read_snapshot(root, IDENTITY_QUARANTINE).rows.to_pylist()]
    counts = Counter((row.type, row.reason) for row in rows)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    by_width = sorted(rows, key=lambda row: (-row.neighbours, row.token))
    return Report(tuple((*what, count) for what, count in ordered), tuple(by_width[:widest]))
