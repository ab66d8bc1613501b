"""The calendar, and the file of campaigns: what is wrong in it is told by line."""

from datetime import date

import numpy as np
import pytest

from ml.demand.calendar import Calendar, Campaign, CampaignsWrong, CountryUnknown, read_campaigns


def test_campaigns_are_read(tmp_path):
    path = tmp_path / "campaigns.csv"
    path.write_text("name,from,until,channel\nsale,2026-03-01,2026-03-07,\npush,2026-04-01,2026-04-01,chat\n")
    assert read_campaigns(path) == (
        Campaign("sale", date(2026, 3, 1), date(2026, 3, 7)),
        Campaign("push", date(2026, 4, 1), date(2026, 4, 1), "chat"),
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name,from,until\nsale,2026-03-01,2026-03-07\n", "lacks channel"),
        ("", "lacks name"),
        ("name,from,until,channel\nsale,1 March,2026-03-07,\n", "Line 2.*date"),
        ("name,from,until,channel\nsale,2026-03-01,,\n", "Line 2.*date"),
        ("name,from,until,channel\n,2026-03-01,2026-03-07,\n", "Line 2.*no name"),
        ("name,from,until,channel\nsale,2026-03-08,2026-03-07,\n", "Line 2.*before it begins"),
    ],
)
def test_a_wrong_file_of_campaigns_is_refused_with_its_line(tmp_path, text, told):
    path = tmp_path / "campaigns.csv"
    path.write_text(text)
    with pytest.raises(CampaignsWrong, match=told):
        read_campaigns(path)


def test_a_missing_or_binary_file_is_refused(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00\x80")
    for path in (tmp_path / "nowhere.csv", tmp_path / "binary"):
        with pytest.raises(CampaignsWrong, match="cannot be read"):
            read_campaigns(path)


def test_the_calendar_knows_holidays_weekdays_and_whose_campaign_it_is():
    calendar = Calendar("CN", (Campaign("push", date(2026, 2, 17), date(2026, 2, 18), "chat"),))
    at = np.array(["2026-02-15T00:00", "2026-02-17T09:30", "2026-02-18T00:00"], "M8[us]")
    facts = calendar.facts(at, "chat")
    assert facts["holiday"].tolist() == [0, 1, 1]
    assert facts["holiday_before"].tolist() == [1, 1, 1]
    assert facts["weekday"].tolist() == [6, 1, 2]
    assert facts["slot"].tolist() == [0, 19, 0]
    assert facts["campaign"].tolist() == [0, 1, 1]
    assert facts["campaign_begins"].tolist() == [0, 1, 0]
    assert calendar.facts(at, "voice")["campaign"].sum() == 0


def test_an_unknown_country_is_refused_and_none_has_no_holidays():
    days = np.array(["2026-02-17"], "M8[D]")
    assert not Calendar("").is_holiday(days).any()
    with pytest.raises(CountryUnknown):
        Calendar("XX").is_holiday(days)
