"""How well identity resolution found the people of a simulated world."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa


@dataclass(frozen=True, slots=True)
class PairwiseScores:
    """Agreement about pairs of events that the lake or the truth gives to the same person.

    `both` counts pairs that belong together in the lake and in truth, `found` in the lake, `true` in truth;
    they are exact. `events` is how many events were compared.
    """

    events: int
    both: int
    found: int
    true: int

    @property
    def precision(self) -> float:
        """Share of the lake's pairs that are true, 0 to 1; 1 if the lake joins nothing."""
        return self.both / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """Share of the true pairs that the lake found, 0 to 1; 1 if there are none."""
        return self.both / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 0 to 1; 0 if nothing agrees but something should."""
        total = self.found + self.true
        return 2 * self.both / total if total else 1.0


def pairwise_scores(
    resolved: pa.Table | pd.DataFrame, truth: Mapping[str, str], token_of: Callable[[str], str]
) -> PairwiseScores:
    """Compare who is who in the lake with the truth, over all pairs of events.

    Counts come from the contingency table of people found and true people: no pair is enumerated
    (Hubert and Arabie 1985, "Comparing Partitions"). Left out are events that never reached the lake, and
    events of the lake that the truth does not know.

    Args:
        resolved: Columns `event_id` (token) and `person_id`, a row an event; a null person is one alone.
        truth: Raw event id → person key.
        token_of: Turns a raw event id into the token under which the lake knows it.
    """
    frame = resolved.to_pandas() if isinstance(resolved, pa.Table) else resolved
    found_of = dict(zip(frame["event_id"], frame["person_id"], strict=True))
    cells: Counter[tuple[str, str]] = Counter()
    alone: Counter[str] = Counter()
    for event_id, person in truth.items():
        token = token_of(event_id)
        if token not in found_of:
            continue
        found = found_of[token]
        if pd.isna(found):
            alone[person] += 1
        else:
            cells[(found, person)] += 1
    found_sizes: Counter[str] = Counter()
    true_sizes = Counter(alone)
    for (found, person), count in cells.items():
        found_sizes[found] += count
        true_sizes[person] += count
    return PairwiseScores(
        events=sum(true_sizes.values()),
        both=_pairs(cells.values()),
        found=_pairs(found_sizes.values()),
        true=_pairs(true_sizes.values()),
    )


def _pairs(sizes: Iterable[int]) -> int:
    return sum(size * (size - 1) // 2 for size in sizes)
