"""The inputs of the abandonment model: a log's own columns, and what a call found when it arrived."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from ml.call_log.columns import LONG_CALL_S, NEARLY_ALL, Arrival, LogColumn
from ml.call_log.leaks import find_leaks, is_wait
from ml.call_log.surroundings import busyness, history
from ml.call_log.times import A_DAY_S

Floats = npt.NDArray[np.float64]

_MOST_CATEGORIES = 60
_AFTER_MIDNIGHT_S = 600
_MOST_HISTORIES = 2
_IS_MILLISECONDS = re.compile(r"(^t[A-Z]|[^a-zA-Z]ms$|[a-z]Ms$|[mM]illi|毫秒)")


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the model sees: `values` (rows, inputs) in the order of `names`, NaN where nothing is known.

    `categories` says which of them are codes of categories. `sources` are the log's columns that they were made of,
    `late` those of them that are known only after the arrival, `left_out` the others with the reason.
    """

    names: tuple[str, ...]
    values: Floats
    categories: tuple[bool, ...]
    sources: tuple[str, ...]
    late: tuple[str, ...]
    left_out: dict[str, str]


def build_inputs(columns: Sequence[LogColumn], arrival: Arrival, target: Floats, learn_rows: int) -> Inputs:
    """Make the inputs of calls in order of arrival.

    Args:
        columns: All columns but the target and those to be ignored.
        arrival: When the calls arrived, without nulls, ascending.
        target: 0 or 1 for each call.
        learn_rows: How many calls, from the first, leaks may be looked for in.
    """
    at = arrival.at.dt.epoch("us").to_numpy() / 1e6
    left_out: dict[str, str] = {}
    own, moments, categories = _own(columns, arrival, at, left_out)
    ids = {one.name: _codes(_named(one.values)) for one in columns if one.kind == "id"}
    seen = {name: values[:learn_rows] for name, values in (own | ids).items()}
    leaks = find_leaks(seen, target[:learn_rows], frozenset(categories | set(ids)))
    left_out |= leaks
    kept = {name: values for name, values in own.items() if name not in leaks}
    sources = (*arrival.columns, *kept)
    waits = {name: values for name, values in kept.items() if name not in categories and is_wait(name)}
    late = tuple(name for name in kept if name in moments or name in waits)
    if arrival.has_clock:
        kept |= busyness(at, moments or _waited(waits, at), target)
        kept["minute of the day"] = at // 60 % 1440
    kept["weekday"] = (at // A_DAY_S + 3) % 7
    for column in [one for one in columns if one.kind == "id" and one.name not in leaks]:
        past = _history(column, at, target)
        if past is None or sum(name.endswith("contacts before") for name in kept) >= _MOST_HISTORIES:
            left_out[column.name] = "it names the row, not what kind of call it is"
        else:
            kept |= past
            sources = (*sources, column.name)
    # What never varies while learning teaches nothing.
    kept = {name: values for name, values in kept.items() if _varies(values[:learn_rows])}
    is_category = tuple(name in categories for name in kept)
    return Inputs(tuple(kept), np.column_stack(list(kept.values())), is_category, sources, late, left_out)


def _varies(values: Floats) -> bool:
    known = values[~np.isnan(values)]
    return len(known) > 0 and bool(known.min() < known.max())


def _own(
    columns: Sequence[LogColumn], arrival: Arrival, at: Floats, left_out: dict[str, str]
) -> tuple[dict[str, Floats], dict[str, Floats], set[str]]:
    """The columns as numbers, the moments among them in seconds, and which are categories."""
    own: dict[str, Floats] = {}
    moments: dict[str, Floats] = {}
    categories: set[str] = set()
    for column in columns:
        if column.name in arrival.columns or column.kind == "id":
            continue
        if column.kind == "constant":
            left_out[column.name] = "it says the same in every row"
        elif column.kind == "category":
            own[column.name] = _codes(column.values)
            categories.add(column.name)
        elif column.kind == "number":
            thousandths = _IS_MILLISECONDS.search(column.name) is not None
            own[column.name] = column.values.to_numpy() / (1000 if thousandths else 1)
        else:
            later = _later(column, at)
            near = np.abs(later) < LONG_CALL_S
            if arrival.has_clock and near.sum() >= NEARLY_ALL * max(1, (~np.isnan(later)).sum()):
                moments[column.name] = at + np.where(near, later, np.nan)
                later = np.where(near, later, np.nan)
            elif column.kind == "clock":
                later = column.values.cast(pl.Float64).to_numpy()
            own[column.name] = later
    return own, moments, categories


def _later(column: LogColumn, at: Floats) -> Floats:
    """Seconds from arrival to a moment. A clock at 0:00:00 says that it never came, but right after midnight."""
    if column.kind != "clock":
        return column.values.dt.epoch("us").cast(pl.Float64).to_numpy() / 1e6 - at
    clock = column.values.cast(pl.Float64).to_numpy() % A_DAY_S
    later = (clock - at % A_DAY_S + A_DAY_S / 2) % A_DAY_S - A_DAY_S / 2
    return np.where((clock == 0) & (np.abs(later) > _AFTER_MIDNIGHT_S), np.nan, later)


def _codes(text: pl.Series) -> Floats:
    """Codes of the most frequent texts, in the order of the texts; one code for all others; NaN where missing."""
    counts = text.drop_nulls().to_frame("text").group_by("text").len().sort(["len", "text"], descending=[True, False])
    frequent = counts["text"].head(_MOST_CATEGORIES).sort()
    places = pl.DataFrame({"text": frequent, "code": np.arange(len(frequent), dtype=np.float64)})
    found = text.to_frame("text").join(places, on="text", how="left", maintain_order="left")["code"]
    other = pl.select(pl.when(text.is_not_null()).then(found.fill_null(float(len(frequent))))).to_series()
    return other.cast(pl.Float64).to_numpy()


def _waited(waits: dict[str, Floats], at: Floats) -> dict[str, Floats]:
    """The moments at which waits ended, where the log tells them as seconds only."""
    return {name: at + np.maximum(0, values) for name, values in waits.items() if (values >= 0).any()}


def _history(column: LogColumn, at: Floats, target: Floats) -> dict[str, Floats] | None:
    """What the same customer did before; None if hardly anybody comes back, or only as the next leg of a call does."""
    who = _named(column.values)
    known = who.drop_nulls()
    if known.is_empty() or known.n_unique() > 0.9 * len(known):
        return None
    told = history(at, who, target)
    hours = told[f"{column.name}: hours since the last"]
    soon, again = np.nansum(hours * 3600 < LONG_CALL_S), (~np.isnan(hours)).sum()
    return None if soon > NEARLY_ALL * again else told


def _named(ids: pl.Series) -> pl.Series:
    """Ids, null where they are zeros."""
    return pl.select(pl.when(~ids.str.contains(r"^0*$")).then(ids)).to_series().alias(ids.name)
