"""When something happened is read exactly, in the zone that is declared, or refused."""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.adapters.tables.cells import CellUnfit
from services.adapters.tables.moments import moments

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def nanoseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1) * 1000


def rule(
    cell: Any, form: str = "iso", zone: str = "", ambiguous: Literal["refuse", "earlier", "later"] = "refuse"
) -> str:
    with pytest.raises(CellUnfit) as error:
        moments(form, zone, ambiguous)(cell)
    return error.value.rule


@pytest.mark.parametrize(
    ("form", "zone", "cell", "moment"),
    [
        ("iso", "", "2026-01-05T08:00:00Z", "2026-01-05T08:00:00+00:00"),
        ("iso", "", " 2026-01-05 08:00:00.123456+08:00 ", "2026-01-05T00:00:00.123456+00:00"),
        ("iso", "Asia/Shanghai", "2026-01-05T08:00:00", "2026-01-05T00:00:00+00:00"),
        ("iso", "Asia/Shanghai", "2026-01-05T08:00:00Z", "2026-01-05T08:00:00+00:00"),
        ("iso", "Europe/Berlin", "2026-07-01", "2026-06-30T22:00:00+00:00"),
        ("iso", "", "20260105T080000Z", "2026-01-05T08:00:00+00:00"),
        ("%d/%m/%y %I:%M %p", "Europe/Berlin", "01/07/26 02:30 PM", "2026-07-01T12:30:00+00:00"),
        ("%Y年%m月%d日", "Asia/Shanghai", "2026年1月5日", "2026-01-04T16:00:00+00:00"),
        ("%Y-%m-%d %H:%M:%S %z", "", "2026-01-05 08:00:00 -0500", "2026-01-05T13:00:00+00:00"),
        ("unix_s", "", "1767600000", "2026-01-05T08:00:00+00:00"),
        ("unix_s", "", 1767600000.5, "2026-01-05T08:00:00.500000+00:00"),
        ("unix_ms", "", 1767600000123, "2026-01-05T08:00:00.123000+00:00"),
    ],
)
def test_a_moment_is_read(form: str, zone: str, cell: Any, moment: str) -> None:
    assert moments(form, zone, "refuse")(cell) == nanoseconds(datetime.fromisoformat(moment))


def test_nanoseconds_are_not_rounded() -> None:
    assert moments("unix_s", "", "refuse")("1767600000.123456789") == 1767600000123456789


@pytest.mark.parametrize(
    ("cell", "form", "zone", "broken"),
    [
        ("2026-01-05T08:00:00", "iso", "", "TIME_ZONE_MISSING"),
        ("yesterday", "iso", "", "NOT_A_TIME"),
        ("2026-02-30", "iso", "Asia/Shanghai", "NOT_A_TIME"),
        (1767600000, "iso", "", "NOT_A_TIME"),
        ({}, "iso", "", "NOT_TEXT"),
        ("5.1.2026", "%Y-%m-%d", "Asia/Shanghai", "NOT_A_TIME"),
        ("today", "unix_s", "", "NOT_A_NUMBER"),
        (True, "unix_s", "", "NOT_A_NUMBER"),
        ("-1", "unix_s", "", "RANGE"),
        ("1e30", "unix_s", "", "RANGE"),
        ("1900-01-01", "iso", "Asia/Shanghai", "RANGE"),
        ("0001-01-01", "iso", "Asia/Shanghai", "RANGE"),
        ("9999-12-31T23:59:59", "iso", "America/New_York", "RANGE"),
    ],
)
def test_what_is_no_moment_is_refused(cell: Any, form: str, zone: str, broken: str) -> None:
    assert rule(cell, form, zone) == broken


def test_an_hour_that_no_clock_showed_is_refused() -> None:
    for ambiguous in ("refuse", "earlier", "later"):
        assert rule("2026-03-29T02:30:00", "iso", "Europe/Berlin", ambiguous) == "TIME_SKIPPED"


def test_an_hour_that_the_clock_showed_twice_is_read_as_declared() -> None:
    twice = "2026-10-25T02:30:00"
    assert rule(twice, "iso", "Europe/Berlin") == "TIME_AMBIGUOUS"
    earlier, later = (moments("iso", "Europe/Berlin", how)(twice) for how in ("earlier", "later"))
    assert earlier == nanoseconds(datetime(2026, 10, 25, 0, 30, tzinfo=UTC))
    assert later - earlier == 3600 * 10**9


@given(
    moment=st.datetimes(datetime(2000, 1, 2), datetime(2099, 12, 30), timezones=st.just(UTC)),
    zone=st.sampled_from(
        ["Asia/Shanghai", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu"]
    ),
)
def test_a_local_time_is_the_moment_it_was_or_is_refused_as_ambiguous(moment: datetime, zone: str) -> None:
    local = moment.astimezone(ZoneInfo(zone))
    text = local.replace(tzinfo=None, fold=0).isoformat()
    ambiguous: Literal["earlier", "later"] = "later" if local.fold else "earlier"
    assert moments("iso", zone, ambiguous)(text) == nanoseconds(moment)
    other = local.replace(fold=1 - local.fold)
    if other.utcoffset() != local.utcoffset():
        assert rule(text, "iso", zone) == "TIME_AMBIGUOUS"
