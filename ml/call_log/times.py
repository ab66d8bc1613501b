"""Times as logs write them: dates, clocks and both, in many spellings; numbers of seconds since 1970."""

from typing import Literal

import polars as pl

Kind = Literal["time", "date", "clock"]
A_DAY_S = 86_400
_ENOUGH = 0.98
_YEARS = (1970, 2100)
_DATES = ("%Y-%m-%d", "%d-%m-%Y", "%m-%d-%Y", "%d-%m-%y", "%m-%d-%y", "%y-%m-%d", "%d-%b-%Y", "%d-%b-%y", "%b-%d-%Y")
_COMPACT_DATES = {6: "%y%m%d", 8: "%Y%m%d"}
_CLOCK = r"^(\d{1,3}):(\d{1,2})(?::(\d{1,2}))?(?:[.,]\d+)?(?:\s*([AaPp])\.?[Mm]\.?)?$"
_WHOLE = r"^(\S+)[ T]+(\d{1,2}:\d{2}.*)$"
_ZONE = r"\s*(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})$"
_EPOCHS = {"s": (3e8, 4e9), "ms": (3e11, 4e12), "us": (3e14, 4e15), "ns": (3e17, 4e18)}


def clock_seconds(text: pl.Series) -> pl.Series:
    """Seconds since midnight of `9:30`, `09:30:00`, `9:30 PM` or `093000`; hours beyond 24 stay, others become null."""
    parts = text.str.extract_groups(_CLOCK).struct.unnest()
    hours, minutes, seconds = (parts.to_series(n).cast(pl.Int64) for n in range(3))
    half = parts.to_series(3).str.to_lowercase()
    hours = pl.select(
        pl.when(half == "p").then(hours % 12 + 12).when(half == "a").then(hours % 12).otherwise(hours)
    ).to_series()
    made = hours * 3600 + minutes * 60 + seconds.fill_null(0)
    made = made.set((minutes > 59) | (seconds.fill_null(0) > 59), None)
    digits = text.str.extract(r"^(\d{6})$").str.to_integer(strict=False)
    compact = digits // 10_000 * 3600 + digits // 100 % 100 * 60 + digits % 100
    fits = (digits // 10_000 < 25) & (digits // 100 % 100 < 60) & (digits % 100 < 60)
    return made.fill_null(compact.set(~fits, None)).cast(pl.Int64)


def days(text: pl.Series) -> pl.Series:
    """The days that `2026-01-31`, `31.01.2026`, `1/31/26`, `260131` or `2026年1月31日` name; null for others.

    Where day and month could be either, the reading that most rows allow is taken, then the one in which days follow
    each other.
    """
    plain = text.str.replace(r"^(\d{4})年(\d{1,2})月(\d{1,2})日?$", "$1-$2-$3")
    plain = plain.str.replace(r"^(\w{1,4})[-./ ](\w{1,3})[-./, ]+(\w{1,4})$", "$1-$2-$3")
    readings = [_plausible(plain.str.to_date(form, strict=False)) for form in _DATES]
    for size, form in _COMPACT_DATES.items():
        filled = plain.str.extract(r"^(\d{5,8})$").str.zfill(size)
        readings.append(_plausible(filled.set(filled.str.len_chars() != size, None).str.to_date(form, strict=False)))
    return max(readings, key=lambda days: (len(days) - days.null_count(), -_steps_back(days)))


def moments(text: pl.Series) -> pl.Series:
    """The local times that a date and a clock name, or 14 digits; a time zone is left aside; null for others."""
    local = text.str.replace(_ZONE, "")
    local = local.str.replace(r"^(\d{8})(\d{2})(\d{2})(\d{2})$", "$1 $2:$3:$4")
    local = local.str.replace(r"^(\d{4}年\d{1,2}月\d{1,2}日)\s*", "$1 ")
    local = local.str.replace(r"^(\w+) (\w+),? (\w{4}) ", "$1-$2-$3 ")
    parts = local.str.extract_groups(_WHOLE).struct.unnest()
    return joined(days(parts.to_series(0)), clock_seconds(parts.to_series(1)))


def joined(day: pl.Series, seconds: pl.Series) -> pl.Series:
    """Days and seconds since their midnight as local times; hours beyond 24 reach into the next day."""
    return day.cast(pl.Datetime("us")) + (seconds * 1_000_000).cast(pl.Duration("us"))


def epochs(numbers: pl.Series) -> pl.Series:
    """The times that seconds since 1970 name, or their thousandths, millionths, billionths; all null if none fit."""
    middle = numbers.median()
    for unit, (low, high) in _EPOCHS.items():
        if isinstance(middle, float) and low <= middle <= high:
            micros = numbers * {"s": 1e6, "ms": 1e3, "us": 1.0, "ns": 1e-3}[unit]
            return micros.cast(pl.Int64, strict=False).cast(pl.Datetime("us"))
    return pl.Series(numbers.name, [None] * len(numbers), dtype=pl.Datetime("us"))


def kind_of(text: pl.Series) -> Kind | None:
    """Say how most of the texts name a time; null ones are not looked at; None if they do not."""
    known = text.drop_nulls()
    if known.is_empty():
        return None
    least = _ENOUGH * len(known)
    if _count(moments(known)) >= least:
        return "time"
    # Six digits are a day if all of them are: among other numbers, one in thirty would be.
    digits = known.str.contains(r"^\d+$")
    day = _count(days(known))
    if day >= least and (not digits.any() or (day == len(known) and known.str.len_chars().max() in {6, 8})):
        return "date"
    if _count(clock_seconds(known)) >= (least if not digits.any() else len(known)):
        return "clock"
    return None


def _count(parsed: pl.Series) -> int:
    return len(parsed) - parsed.null_count()


def _plausible(parsed: pl.Series) -> pl.Series:
    return parsed.set(~parsed.dt.year().is_between(*_YEARS), None)


def _steps_back(parsed: pl.Series) -> int:
    known = parsed.drop_nulls()
    return int((known.diff().dt.total_days() < 0).sum())
