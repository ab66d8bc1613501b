"""What a call found when it arrived: how much was going on, what became of earlier calls.

Each number is made of what had happened before the call arrived, and of nothing that came later.
"""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import polars as pl

from ml.call_log.columns import LONG_CALL_S

Floats = npt.NDArray[np.float64]

_ARRIVALS_S = (300, 900, 3600)
_LATELY_S = 900
_OUTCOMES_S = (900, 4500)


def busyness(at: Floats, moments: Mapping[str, Floats], target: Floats) -> dict[str, Floats]:
    """How busy it was at each call's arrival.

    Args:
        at: Seconds of arrival, ascending.
        moments: Seconds at which something became of the calls, such as leaving the queue, NaN where it never did.
        target: 1 where what is predicted happened, else 0. Only calls that arrived 15 to 75 minutes before are
            looked at: what became of them is known.
    """
    found = {f"arrivals in {span // 60} minutes": _within(at, at, span) for span in _ARRIVALS_S}
    total = np.concatenate([[0.0], np.cumsum(target)])
    first, last = (np.searchsorted(at, at - span) for span in reversed(_OUTCOMES_S))
    found["share an hour ago"] = np.divide(
        total[last] - total[first], last - first, out=np.full(len(at), np.nan), where=last > first
    )
    for name, moment in moments.items():
        found[f"{name} in 15 minutes"] = _within(np.sort(moment[~np.isnan(moment)]), at, _LATELY_S)
    for (before, begun), (after, ended) in _pairs({"arrival": at, **moments}):
        both = ~np.isnan(begun) & ~np.isnan(ended)
        start, end = np.sort(begun[both]), np.sort(ended[both])
        found[f"from {before} to {after} now"] = _within(start, at, LONG_CALL_S) - _within(end, at, LONG_CALL_S)
        found[f"from {before} to {after} lately"] = _mean_lately(ended[both], (ended - begun)[both], at)
    return found


def _pairs(moments: Mapping[str, Floats]) -> list[tuple[tuple[str, Floats], tuple[str, Floats]]]:
    """Neighbours in time that the same calls go through: between them calls wait, or are served."""
    known = [(name, m) for name, m in moments.items() if (~np.isnan(m)).any()]
    ordered = sorted(known, key=lambda one: (float(np.nanmedian(one[1] - moments["arrival"])), one[0] != "arrival"))
    share = {name: float((~np.isnan(moment)).mean()) for name, moment in ordered}
    return [(one, next_one) for one, next_one in pairwise(ordered) if abs(share[one[0]] - share[next_one[0]]) < 0.01]


def _within(events: Floats, at: Floats, span_s: int) -> Floats:
    """How many events lie before each time, and not more than `span_s` before. `events` ascend."""
    counted = np.searchsorted(events, at, side="left") - np.searchsorted(events, at - span_s, side="left")
    return counted.astype(np.float64)


def _mean_lately(ended: Floats, took: Floats, at: Floats) -> Floats:
    """The mean of what took until an end in the last 15 minutes, NaN where nothing ended."""
    order = np.argsort(ended, kind="stable")
    ends, total = ended[order], np.concatenate([[0.0], np.cumsum(took[order])])
    last, first = np.searchsorted(ends, at, side="left"), np.searchsorted(ends, at - _LATELY_S, side="left")
    mean = np.divide(total[last] - total[first], last - first, out=np.full(len(at), np.nan), where=last > first)
    return np.asarray(mean)


def history(at: Floats, who: pl.Series, target: Floats) -> dict[str, Floats]:
    """What the same customer did before: contacts so far, hours since the last one, what became of that.

    Args:
        at: Seconds of arrival, ascending.
        who: Names the customer, null if unknown. One who is on the line does not call, so the last call is over.
        target: 1 where what is predicted happened, else 0.
    """
    rows = pl.DataFrame({"who": who, "at": at, "target": target}).with_row_index("row")
    last = pl.col("at").shift(1).over("who")
    known = rows.filter(pl.col("who").is_not_null()).with_columns(
        before=pl.col("at").rank("min").over("who") - 1,
        hours=(pl.col("at") - last) / 3600,
        # Two calls of the same second do not tell which was first.
        outcome=pl.when(last < pl.col("at")).then(pl.col("target").shift(1).over("who")),
    )
    filled = rows.select("row").join(known, on="row", how="left").sort("row")
    names = {"before": "contacts before", "hours": "hours since the last", "outcome": "what the last became"}
    return {f"{who.name}: {text}": filled[key].cast(pl.Float64).to_numpy() for key, text in names.items()}
