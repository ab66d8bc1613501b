"""What is known of a day before it comes: weekday, public holidays, campaigns."""

import csv
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import holidays
import numpy as np
import numpy.typing as npt
import pandas as pd

from privacy.errors import MangroveError

SLOTS_A_DAY = 48
SLOT = np.timedelta64(30, "m")
COUNTRY = "CN"
_COLUMNS = ("name", "from", "until", "channel")


class CampaignsWrong(MangroveError):
    """The file of campaigns cannot be read as one."""

    reason = "CAMPAIGNS_WRONG"


class CountryUnknown(MangroveError):
    """There is no calendar of public holidays for a country code."""

    reason = "COUNTRY_UNKNOWN"

    def __init__(self) -> None:
        super().__init__("There is no calendar for that country. Give its ISO code of two letters, such as CN or US.")


@dataclass(frozen=True, slots=True)
class Campaign:
    """Something that makes people get in touch, from its first day to its last, both included.

    `channel` is the one channel that it concerns, empty for all.
    """

    name: str
    start: date
    until: date
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days of one country, with the campaigns planned.

    `country` is an ISO code of two letters; empty for a calendar without holidays.
    """

    country: str = COUNTRY
    campaigns: tuple[Campaign, ...] = ()

    def is_holiday(self, days: "npt.NDArray[np.datetime64]") -> npt.NDArray[np.bool_]:
        """Say of each day whether it is a public holiday, days off in lieu included.

        Raises:
            CountryUnknown: if there is no such country.
        """
        wanted = days.astype("datetime64[D]")
        years = np.unique(wanted.astype("datetime64[Y]").astype(int) + 1970)
        return np.isin(wanted, np.array([d for year in years for d in _holidays(self.country, int(year))], "M8[D]"))

    def facts(self, at: npt.NDArray[np.datetime64], channel: str) -> pd.DataFrame:
        """What is known beforehand of each local time: one row each, in the same order.

        `slot` is the half hour of the day (0 to 47), `weekday` 0 for Monday. `holiday`, `holiday_before` and
        `holiday_after` (the day after is one, the day before was one), `campaign` (how many are on) and
        `campaign_begins` (one began on that day) are counts.
        """
        days = at.astype("datetime64[D]")
        day = np.timedelta64(1, "D")
        on, begins = np.zeros(len(at)), np.zeros(len(at))
        for one in self.campaigns:
            if one.channel in {"", channel}:
                on += (days >= np.datetime64(one.start)) & (days <= np.datetime64(one.until))
                begins += days == np.datetime64(one.start)
        return pd.DataFrame(
            {
                "slot": ((at - days) // SLOT).astype(int),
                "weekday": (days.astype(int) + 3) % 7,
                "month": days.astype("datetime64[M]").astype(int) % 12,
                "holiday": self.is_holiday(days).astype(float),
                "holiday_before": self.is_holiday((days + day).astype("datetime64[D]")).astype(float),
                "holiday_after": self.is_holiday((days - day).astype("datetime64[D]")).astype(float),
                "campaign": on,
                "campaign_begins": begins,
            }
        )


@cache
def _holidays(country: str, year: int) -> tuple[date, ...]:
    if not country:
        return ()
    try:
        return tuple(holidays.country_holidays(country, years=year))
    except NotImplementedError:
        raise CountryUnknown from None


def read_campaigns(path: Path) -> tuple[Campaign, ...]:
    """Read campaigns from a CSV file with the columns name, from, until (YYYY-MM-DD) and channel (may be empty).

    Raises:
        CampaignsWrong: if the file cannot be read, lacks a column, or a line does not make a campaign.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise CampaignsWrong(
                    f"The file of campaigns lacks {', '.join(missing)}. Its first line is: {','.join(_COLUMNS)}."
                )
            return tuple(_campaign(row, reader.line_num) for row in reader)
    except (OSError, UnicodeDecodeError, csv.Error):
        raise CampaignsWrong("The file of campaigns cannot be read. Give a CSV file in UTF-8.") from None


def _campaign(row: dict[str, str | None], line: int) -> Campaign:
    name, channel = (row["name"] or "").strip(), (row["channel"] or "").strip()
    if not name:
        raise CampaignsWrong(f"Line {line} of the campaigns has no name. Name each campaign.")
    try:
        start, until = (date.fromisoformat((row[key] or "").strip()) for key in ("from", "until"))
    except ValueError:
        raise CampaignsWrong(
            f"Line {line} of the campaigns lacks a date. Write from and until as YYYY-MM-DD."
        ) from None
    if until < start:
        raise CampaignsWrong(f"Line {line} of the campaigns ends before it begins. Swap from and until.")
    return Campaign(name, start, until, channel)
