"""What each column of a foreign log is, by looking at it; and when each call arrived."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from ml.call_log import times
from ml.call_log.reading import EventsWrong

Kind = Literal["time", "date", "clock", "number", "category", "id", "constant"]
_NUMBERS = 0.98
_LOOKED_AT = 5_000
_MANY = 200
_LEAST_READABLE = 0.5
_THOUSANDS = r"^-?\d{1,3}(?:,\d{3})+(?:\.\d+)?$"
_AS_FULL = 0.98
_AS_ORDERLY = 0.2
_OF_DAY = 0.9
_AN_HOUR_S = 3600
_IS_ID = re.compile(r"(^|[^a-z])(id|ids|uuid|guid|no|nr|number|phone|customer|caller|client|account|session)([^a-z]|$)")
_IS_TIME = re.compile(r"(^ts$|time|date|epoch|start|begin|arriv|entry|enter|creat|received|stamp|时间|日期)")

LONG_CALL_S = 4 * 3600
"""Hardly any call lasts longer: moments that are further apart are not of the same one."""

NEARLY_ALL = 0.95
"""The share of rows that shows how two columns belong together."""


@dataclass(frozen=True, slots=True)
class LogColumn:
    """A column as it was understood.

    `values` are datetimes for a time or date, whole seconds for a clock, floats for a number, text for the rest.
    """

    name: str
    kind: Kind
    values: pl.Series


def understand(text: pl.Series, *, as_time: bool = False) -> LogColumn:
    """Say what a column of text is.

    Args:
        text: The column, null where nothing is said.
        as_time: Whether somebody said that it holds times; then numbers may be seconds since 1970 under any name.
    """
    known = text.drop_nulls()
    if known.n_unique() < 2:
        return LogColumn(text.name, "constant", text)
    written = _written_time(text, known)
    if written is not None:
        return written
    numbers = _numbers(text)
    if numbers.count() < _NUMBERS * len(known):
        seconds = times.durations(text)
        if seconds.count() >= _NUMBERS * len(known):
            return LogColumn(text.name, "number", seconds)
        distinct = known.n_unique()
        is_id = distinct > len(known) / 2 or (distinct > _MANY and _says_id(text.name))
        return LogColumn(text.name, "id" if is_id else "category", text)
    moments = times.epochs(numbers)
    if moments.null_count() < len(moments) and (as_time or _IS_TIME.search(text.name.lower())):
        return LogColumn(text.name, "time", moments)
    is_id = _counts_up_or_names(text.name, numbers.drop_nulls())
    return LogColumn(text.name, "id", text) if is_id else LogColumn(text.name, "number", numbers)


def _written_time(text: pl.Series, known: pl.Series) -> LogColumn | None:
    kind = times.kind_of(times.plain(known.gather_every(max(1, len(known) // _LOOKED_AT))))
    if kind is None:
        return None
    plain = times.plain(text)
    if kind == "clock":
        return LogColumn(text.name, kind, times.clock_seconds(plain))
    if kind == "date":
        return LogColumn(text.name, kind, times.days(plain).cast(pl.Datetime("us")))
    at = times.moments(plain)
    # A day is often written as its midnight.
    clocks = at.dt.time().drop_nulls()
    says_no_clock = int((clocks == clocks.mode().first()).sum()) >= _NUMBERS * len(clocks)
    return LogColumn(text.name, "date", at.dt.truncate("1d")) if says_no_clock else LogColumn(text.name, kind, at)


def _numbers(text: pl.Series) -> pl.Series:
    """The numbers; with a decimal comma, or with commas between thousands where some numbers have none."""
    commas = text.str.contains(",", literal=True).fill_null(False)
    if commas.any() and not commas.all() and text.filter(commas).str.contains(_THOUSANDS).all():
        text = text.str.replace_all(",", "", literal=True)
    made = text.cast(pl.Float64, strict=False)
    decimal_comma = text.str.replace(r"^(-?\d+),(\d+)$", "$1.$2").cast(pl.Float64, strict=False)
    return (made if made.null_count() <= decimal_comma.null_count() else decimal_comma).fill_nan(None)


def _counts_up_or_names(name: str, known: pl.Series) -> bool:
    """Whether whole numbers name the row, as a running number or an account does."""
    if not bool((known == known.floor()).all()):
        return False
    distinct = known.n_unique()
    named = _says_id(name) and distinct > min(_MANY, len(known) / 10)
    return named or (distinct == len(known) and bool((known.diff().drop_nulls() == 1).all()))


def _says_id(name: str) -> bool:
    return bool(_IS_ID.search(name.lower().replace("_", " ")))


@dataclass(frozen=True, slots=True)
class Arrival:
    """When each call arrived, in local time, null where it cannot be read.

    `columns` are those that say it. `has_clock` is false where only the days are known.
    """

    at: pl.Series
    columns: tuple[str, ...]
    has_clock: bool


def arrival_of(columns: Sequence[LogColumn], asked: str | None) -> Arrival:
    """Find when calls arrived: a column of times, or the first of the clocks with a column of days.

    Args:
        columns: All columns.
        asked: The column that the user named, None to look for it.

    Raises:
        EventsWrong: if no times are found, or fewer than half of the rows have one.
    """
    by_kind = {kind: [one for one in columns if one.kind == kind] for kind in ("time", "date", "clock")}
    named = next((one for one in columns if one.name == asked), None)
    if named is not None and named.kind not in by_kind:
        raise EventsWrong(
            "The times of --time cannot be read. Write them as 2026-01-31 09:30:00, or name another column."
        )
    whole = named if named is not None and named.kind == "time" else _earliest(by_kind["time"]) if not named else None
    if whole is not None:
        return _checked(Arrival(whole.values, (whole.name,), True))
    day = named if named is not None and named.kind == "date" else _earliest(by_kind["date"])
    clock = named if named is not None and named.kind == "clock" else _first_clock(by_kind["clock"])
    if day is None:
        raise EventsWrong(
            "No column of the events says on which day a call arrived. Write it as 2026-01-31 09:30:00, or name a "
            "column with --time."
        )
    if clock is None:
        return _checked(Arrival(day.values, (day.name,), False))
    return _checked(Arrival(times.joined(day.values.dt.date(), clock.values), (day.name, clock.name), True))


def _checked(arrival: Arrival) -> Arrival:
    if arrival.at.null_count() > (1 - _LEAST_READABLE) * len(arrival.at):
        raise EventsWrong(
            "Fewer than half of the calls have a time that can be read. Write times as 2026-01-31 09:30:00, or name "
            "another column with --time."
        )
    return arrival


def _earliest(columns: Sequence[LogColumn]) -> LogColumn | None:
    """Of the fullest columns, and of these the most orderly, the one that is earliest where all of them say something.

    What came only to some calls, such as an answer, would else be taken for the arrival where few calls lack it, and
    the day on which somebody became a customer where it lies before: logs are written in the order of arrival, or of
    the ends of calls, which are near it.
    """
    if not columns:
        return None
    known = pl.DataFrame({one.name: _says_something(one) for one in columns})
    rows_of = {name: int(known[name].sum()) for name in known.columns}
    full = [one for one in columns if rows_of[one.name] >= _AS_FULL * max(rows_of.values())]
    order_of = {one.name: _orderliness(one) for one in full}
    first = max(full, key=lambda one: order_of[one.name])
    left = [one for one in full if order_of[one.name] >= order_of[first.name] - _AS_ORDERLY or _is_near(one, first)]
    of_all = known.select(pl.all_horizontal(one.name for one in left)).to_series()
    compared = of_all if of_all.any() else ~of_all
    return min(left, key=lambda one: (one.values.filter(compared).cast(pl.Int64).mean() or 0, one.name))


def _is_near(one: LogColumn, other: LogColumn) -> bool:
    """Whether two columns are of the same calls: hardly ever further apart than a call can last."""
    apart = (one.values.cast(pl.Int64) - other.values.cast(pl.Int64)).abs().drop_nulls()
    most = LONG_CALL_S * (1 if one.kind == "clock" else 1_000_000)
    return bool((apart < most).sum() > NEARLY_ALL * len(apart))


def _orderliness(column: LogColumn) -> float:
    """The share of rows that go on in the direction in which most rows go, forwards or backwards in time."""
    steps = column.values.drop_nulls().cast(pl.Int64).diff().drop_nulls()
    return max(int((steps >= 0).sum()), int((steps <= 0).sum())) / max(1, len(steps))


def _says_something(column: LogColumn) -> pl.Series:
    """Where a column is neither empty nor a clock at 0:00:00, which says that it never came."""
    return column.values.cast(pl.Int64).fill_null(0) != 0 if column.kind == "clock" else column.values.is_not_null()


def _first_clock(columns: Sequence[LogColumn]) -> LogColumn | None:
    """The clock that runs through the day and is the first to be read; durations stay near 0:00:00."""
    of_day = [one for one in columns if int(_says_something(one).sum()) > _OF_DAY * len(one.values)]
    return _earliest([one for one in of_day if _spread(one) > _AN_HOUR_S])


def _spread(column: LogColumn) -> float:
    spread = column.values.std()
    return float(spread) if isinstance(spread, float) else 0.0
