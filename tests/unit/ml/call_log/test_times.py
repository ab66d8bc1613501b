"""Times of logs: each spelling is read, and what is no time is not taken for one."""

from datetime import date, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.call_log.times import clock_seconds, days, durations, epochs, joined, kind_of, moments, plain


def _texts(*texts):
    return pl.Series("", texts, dtype=pl.String)


@pytest.mark.parametrize(
    "texts",
    [
        ("2026-01-31", "2026-02-01"),
        ("2026/1/31", "2026/2/1"),
        ("31/01/2026", "01/02/2026"),
        ("1/31/2026", "2/1/2026"),
        ("1/31/26", "2/1/26"),
        ("31.01.2026", "01.02.2026"),
        ("260131", "260201"),
        ("20260131", "20260201"),
        ("31-Jan-2026", "1-Feb-2026"),
        ("2026年1月31日", "2026年2月1日"),
    ],
)
def test_days_are_read(texts):
    assert days(_texts(*texts)).to_list() == [date(2026, 1, 31), date(2026, 2, 1)]
    assert kind_of(_texts(*texts)) == "date"


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31 21:30:00",
        "2026-01-31T21:30:00Z",
        "2026-01-31T21:30:00.250+08:00",
        "2026/1/31 21:30",
        "31/01/2026 21:30",
        "1/31/2026 9:30:00 PM",
        "20260131213000",
        "260131 21:30:00",
        "2026年1月31日 21:30",
        "2026年01月31日 21时30分00秒",
        "2026-01-31 下午 09:30:00",
        "Sat, 31 Jan 2026 21:30:00 +0000",
        "1/31/2026, 9:30:00 PM",
        "01/31/2026 - 21:30:00",
        "January 31, 2026 9:30 PM",
        "31-JAN-26 09.30.00.000000 PM",
        "2026-01-31 21:30:00 CEST",
        "31.01.2026 21:30 Uhr",
        "31/01/2026 21h30",
        "21:30:00 UTC 2026-01-31",
    ],
)
def test_times_are_read_as_the_clock_on_the_wall_showed_them(text):
    assert moments(plain(_texts(text))).to_list() == [datetime(2026, 1, 31, 21, 30)]
    assert kind_of(plain(_texts(text))) == "time"


def test_hours_beyond_midnight_reach_into_the_next_day():
    assert clock_seconds(_texts("24:10:00", "0:00:00", "9:30", "093000")).to_list() == [87_000, 0, 34_200, 34_200]
    assert moments(_texts("2026-01-31 25:00:00")).to_list() == [datetime(2026, 2, 1, 1)]
    late = joined(pl.Series([date(2026, 1, 31)]), pl.Series([86_400 + 60]))
    assert late.to_list() == [datetime(2026, 2, 1, 0, 1)]


def test_numbers_since_1970_are_read_in_any_unit():
    for unit in (1, 1e3, 1e6, 1e9):
        assert epochs(pl.Series([1_700_000_000 * unit])).to_list() == [datetime(2023, 11, 14, 22, 13, 20)]
    assert epochs(pl.Series([12.0, 700.0])).to_list() == [None, None]


def test_days_since_1900_are_times_and_whole_numbers_are_not():
    assert epochs(pl.Series([46_053.895833333])).to_list() == [datetime(2026, 1, 31, 21, 30)]
    assert epochs(pl.Series([46_053.0, 46_054.0])).to_list() == [None, None]
    midnight_too = pl.Series([46_053.0, *(46_053 + n / 100 for n in range(1, 30))])
    assert epochs(midnight_too).to_list()[0] == datetime(2026, 1, 31)


@pytest.mark.parametrize("text", ["PT3M25S", "3m 25s", "3 min 25 sec", "3分25秒", "0 days 00:03:25", "205s", "PT205S"])
def test_durations_are_seconds(text):
    assert durations(_texts(text)).to_list() == [205.0]


def test_what_is_no_duration_is_null():
    assert durations(_texts("", "abc", "205", "m", "p", "AGENT")).to_list() == [None] * 6


def test_a_clock_on_the_first_day_of_a_spreadsheet_is_a_clock_and_an_interval_begins():
    assert clock_seconds(plain(_texts("1899-12-30 09:30:12", "09:30-10:00"))).to_list() == [34_212, 34_200]


@pytest.mark.parametrize("texts", [("12", "300"), ("AGENT", "HANG"), ("123456", "883355"), ("1.5", "2.25"), ("12:75",)])
def test_what_is_no_time_is_not_taken_for_one(texts):
    assert kind_of(_texts(*texts)) is None


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(max_size=20), max_size=20))
def test_no_text_breaks_the_reading(texts):
    for read in (clock_seconds, days, moments, durations):
        assert len(read(plain(_texts(*texts)))) == len(texts)


@settings(max_examples=25, deadline=None)
@given(st.datetimes(datetime(1970, 1, 2), datetime(2099, 12, 30)))
def test_what_is_written_is_read_back(at):
    whole = at.replace(microsecond=0)
    assert moments(_texts(whole.strftime("%Y-%m-%d %H:%M:%S"))).to_list() == [whole]
