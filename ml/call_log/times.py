"""Times as logs write them: dates, clocks and both, in many spellings; numbers since 1970 or 1900; durations."""

from typing import Literal

import polars as pl

Kind = Literal["time", "date", "clock"]
A_DAY_S = 86_400
_ENOUGH = 0.98
_YEARS = (1970, 2100)
_DATES = (
    *("%Y-%m-%d", "%d-%m-%Y", "%m-%d-%Y", "%d-%m-%y", "%m-%d-%y", "%y-%m-%d"),
    *("%d-%b-%Y", "%d-%b-%y", "%b-%d-%Y", "%d-%B-%Y", "%B-%d-%Y"),
)
_COMPACT_DATES = {6: "%y%m%d", 8: "%Y%m%d"}
_CLOCK = r"^(\d{1,3}):(\d{1,2})(?::(\d{1,2}))?(?:[.,]\d+)?(?:\s*([AaPp])\.?[Mm]\.?)?$"
_WHOLE = r"^(\S+)[ T]+(\d{1,2}:\d{2}.*)$"
_AFTER_A_CLOCK = r"(:\d{2}(?:[.,]\d+)?(?:\s*[AaPp]\.?[Mm]\.?)?)"
_SPELLINGS = (
    (r"^(?i:mon|tue|wed|thu|fri|sat|sun)[a-z]*[.,]*\s+", ""),
    (_AFTER_A_CLOCK + r"\s*(?:Z|UTC|GMT|[A-Z]{2,4}T|[+-]\d{2}:?\d{2})(?:\s*\([^)]*\))?$", "$1"),
    (r"^([\d:]+)\s+(?:UTC|GMT)\s+(\d{4}-\d{2}-\d{2})$", "$2 $1"),
    (r"\s*Uhr$", ""),
    # A clock without a day: what Excel and Access call the first of their days.
    (r"^(?:1899-12-3[01]|1900-01-0[01]|12/3[01]/1899|3[01][./]12[./]1899)[ T]+", ""),
    (r"(\d),\s+(\d)", "$1 $2"),
    (r"(\d)\s+-\s+(\d)", "$1 $2"),
    (r"^(\d{1,2}:\d{2})\s*[-–]\s*\d{1,2}:\d{2}$", "$1"),
    (r"(\d{1,2})[时点](\d{1,2})分(\d{1,2})秒", "$1:$2:$3"),
    (r"(\d{1,2})[时点](\d{1,2})分", "$1:$2"),
    (r"上午\s*(\d{1,2}:[\d:]+)$", "$1 AM"),
    (r"下午\s*(\d{1,2}:[\d:]+)$", "$1 PM"),
    (r"\b(\d{1,2})h(\d{2})$", "$1:$2"),
    (r"^(\S+\s+)(\d{1,2})\.(\d{2})\.(\d{2})\b", "$1$2:$3:$4"),
)
"""What stands about a date or a clock, and other ways to write one."""

_DURATION = (
    r"^(?:(\d+)\s*(?:d|days?|天),?)?\s*(?:(\d+)\s*(?:h|hours?|小时|时))?"
    r"\s*(?:(\d+)\s*(?:m|mins?|minutes?|分钟?))?\s*(?:([\d.]+)\s*(?:s|secs?|seconds?|秒))?$"
)
_DAYS_AND_CLOCK = r"^(\d+)\s*(?:d|days?|天),?\s*(\d{1,2}):(\d{2}):(\d{2})"
_SINCE_1900 = (30_000.0, 60_000.0)
_WHOLE_DAYS = 0.1
_DAYS_FROM_1900_TO_1970 = 25_569
_EPOCHS = {"s": (3e8, 4e9), "ms": (3e11, 4e12), "us": (3e14, 4e15), "ns": (3e17, 4e18)}


def plain(text: pl.Series) -> pl.Series:
    """Leave out weekdays, zones and what else stands about dates and clocks, and write these in fewer ways."""
    for pattern, instead in _SPELLINGS:
        text = text.str.replace(pattern, instead)
    return text


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
    dashed = text.str.replace(r"^(\d{4})年(\d{1,2})月(\d{1,2})日?$", "$1-$2-$3")
    dashed = dashed.str.replace(r"^(\w{1,9})[-./ ](\w{1,9})[-./, ]+(\w{1,4})$", "$1-$2-$3")
    readings = [_plausible(dashed.str.to_date(form, strict=False)) for form in _DATES]
    for size, form in _COMPACT_DATES.items():
        filled = dashed.str.extract(r"^(\d{5,8})$").str.zfill(size)
        readings.append(_plausible(filled.set(filled.str.len_chars() != size, None).str.to_date(form, strict=False)))
    return max(readings, key=lambda days: (len(days) - days.null_count(), -_steps_back(days)))


def moments(text: pl.Series) -> pl.Series:
    """The local times that a date and a clock name, or 14 digits; null for others."""
    local = text.str.replace(r"^(\d{8})(\d{2})(\d{2})(\d{2})$", "$1 $2:$3:$4")
    local = local.str.replace(r"^(\d{4}年\d{1,2}月\d{1,2}日)\s*", "$1 ")
    local = local.str.replace(r"^(\w+) (\w+),? (\w{4}) ", "$1-$2-$3 ")
    parts = local.str.extract_groups(_WHOLE).struct.unnest()
    return joined(days(parts.to_series(0)), clock_seconds(parts.to_series(1)))


def joined(day: pl.Series, seconds: pl.Series) -> pl.Series:
    """Days and seconds since their midnight as local times; hours beyond 24 reach into the next day."""
    return day.cast(pl.Datetime("us")) + (seconds * 1_000_000).cast(pl.Duration("us"))


def epochs(numbers: pl.Series) -> pl.Series:
    """The times that seconds since 1970 name, or their thousandths, millionths, billionths; all null if none fit.

    Days since 1900 with fractions, as spreadsheets count them, are times, too.
    """
    middle = numbers.median()
    low, high = _SINCE_1900
    if (
        isinstance(middle, float)
        and low <= middle <= high
        and int((numbers == numbers.floor()).sum()) < _WHOLE_DAYS * numbers.count()
    ):
        seconds = ((numbers - _DAYS_FROM_1900_TO_1970) * A_DAY_S).round()
        return (seconds * 1e6).cast(pl.Int64, strict=False).cast(pl.Datetime("us"))
    for unit, (low, high) in _EPOCHS.items():
        if isinstance(middle, float) and low <= middle <= high:
            micros = numbers * {"s": 1e6, "ms": 1e3, "us": 1.0, "ns": 1e-3}[unit]
            return micros.cast(pl.Int64, strict=False).cast(pl.Datetime("us"))
    return pl.Series(numbers.name, [None] * len(numbers), dtype=pl.Datetime("us"))


def durations(text: pl.Series) -> pl.Series:
    """The seconds of `PT3M25S`, `3m 25s`, `3分25秒` or `0 days 00:03:25`; null for others."""
    lower = text.str.to_lowercase().str.replace(r"^p(?:(\d+d))?t?(\d.*)?$", "$1$2")
    told = lower.str.extract_groups(_DURATION).struct.unnest()
    clock = lower.str.extract_groups(_DAYS_AND_CLOCK).struct.unnest()
    return _summed(told).fill_null(_summed(clock))


def _summed(parts: pl.DataFrame) -> pl.Series:
    """Days, hours, minutes and seconds as seconds, null where there are none of them."""
    sizes = (A_DAY_S, 3600, 60, 1)
    told = [pl.col(name).cast(pl.Float64, strict=False) * size for name, size in zip(parts.columns, sizes, strict=True)]
    some = pl.any_horizontal(pl.all().is_not_null())
    return parts.select(pl.when(some).then(pl.sum_horizontal(told)).alias("seconds")).to_series()


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
