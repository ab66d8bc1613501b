"""The calendar of budgets: every day is in one period, and the next begins when it ends."""

from datetime import date, timedelta
from typing import get_args

import pytest

from privacy.ledger.periods import LIFE, Refresh, next_period, period_of, periods_of

DAYS = [date(2023, 12, 1) + timedelta(days=n) for n in range(500)]


@pytest.mark.parametrize("refresh", [name for name in get_args(Refresh) if name != "never"])
def test_period_ends_the_day_before_the_next_begins(refresh: Refresh) -> None:
    for day in DAYS:
        first = next_period(refresh, day)
        assert first is not None
        assert first > day
        assert period_of(refresh, first) != period_of(refresh, day)
        assert period_of(refresh, first - timedelta(days=1)) == period_of(refresh, day)


def test_periods_have_the_names_of_the_calendar() -> None:
    assert periods_of(date(2026, 11, 21)) == (LIFE, "2026-11", "2026-Q4", "2026")
    assert [period_of("quarterly", date(2026, month, 1)) for month in (1, 3, 4, 12)] == [
        "2026-Q1",
        "2026-Q1",
        "2026-Q2",
        "2026-Q4",
    ]


def test_budget_that_is_never_new_has_one_period() -> None:
    assert {period_of("never", day) for day in DAYS} == {LIFE}
    assert next_period("never", DAYS[0]) is None
