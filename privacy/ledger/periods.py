"""The calendar of budgets: which period a day is in, and when the next one begins."""

from datetime import date
from typing import Literal

Refresh = Literal["never", "monthly", "quarterly", "yearly"]

LIFE = ""
"""The name of the period that never ends."""

_MONTHS: dict[Refresh, int] = {"monthly": 1, "quarterly": 3, "yearly": 12}


def period_of(refresh: Refresh, day: date) -> str:
    """Name the period of a day, such as 2026-11, 2026-Q4 or 2026; `LIFE` where budgets are never new."""
    return {
        "never": LIFE,
        "monthly": f"{day:%Y-%m}",
        "quarterly": f"{day:%Y}-Q{(day.month + 2) // 3}",
        "yearly": f"{day:%Y}",
    }[refresh]


def periods_of(day: date) -> tuple[str, ...]:
    """Name every period that a day is in. All are kept, so that another refresh starts from true sums."""
    return tuple(period_of(refresh, day) for refresh in ("never", *_MONTHS))


def next_period(refresh: Refresh, day: date) -> date | None:
    """Give the first day of the period after that of a day, None where there is none."""
    if refresh == "never":
        return None
    months = _MONTHS[refresh]
    first = (day.month - 1) // months * months + months
    return date(day.year + first // 12, first % 12 + 1, 1)
