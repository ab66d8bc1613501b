"""Contacts of a year, drawn from a declared law, and a call log of them with the truth kept apart.

In each half hour a channel gets a number of contacts that is negative binomial around an intensity: base times hour,
weekday, trend, holidays and campaigns. A caller who finds no agent free has `ahead` callers before them and waits for
`ahead + 1` of the `agents` to come free, which takes a gamma time; their patience is exponential. Whichever is shorter
decides, so that the chance of abandonment is known exactly, before the wait and after it (Garnett, Mandelbaum, Reiman:
Designing a Call Center with Impatient Customers, 2002). No forecast and no model can do better on average.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import stats

from ml.demand.calendar import SLOT, SLOTS_A_DAY, Calendar, Campaign
from privacy.errors import MangroveError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CHANNELS = ("voice", "chat", "email", "social")
TOPICS = ("delivery", "refund", "invoice", "technical", "complaint")
LANGUAGES = ("zh", "en")
PRIORITIES = ("regular", "gold")

_SHARE = np.array([0.5, 0.3, 0.12, 0.08])
_WEEKDAY = np.array(
    [
        [1.25, 1.15, 1.08, 1.05, 1.02, 0.65, 0.50],
        [1.10, 1.05, 1.00, 1.00, 1.05, 0.95, 0.85],
        [1.45, 1.20, 1.10, 1.05, 1.00, 0.35, 0.30],
        [0.90, 0.90, 0.95, 1.00, 1.10, 1.25, 1.20],
    ]
)
_PEAKS = ((10.0, 15.5), (11.0, 20.5), (9.5, 14.5), (12.5, 21.0))
_HOLIDAY, _AFTER_HOLIDAY, _BEFORE_HOLIDAY = np.array([0.45, 0.8, 0.25, 1.25]), 1.3, 1.12
_GROWTH_A_YEAR, _SEASON = 0.35, 0.08
_OVERDISPERSION = 0.02
_TALK_S = np.array([180.0, 300.0, 210.0, 420.0, 360.0])
_SERVICE_S = 180.0
_PATIENCE_S = 300.0
_OF_TOPIC = np.array([0.0, 0.25, -0.35, -0.5, 0.9])
_OF_CHANNEL = np.array([0.0, 0.5, -0.9, 0.2])
_ENGLISH, _GOLD = 0.3, -0.8


class LawImpossible(MangroveError):
    """The parameters describe no contacts."""

    reason = "LAW_IMPOSSIBLE"


@dataclass(frozen=True, slots=True)
class ContactLaw:
    """What decides how many contacts come.

    Attributes:
        start: The first day.
        days: How many days, 7 to 1,500.
        per_day: Contacts of a usual day at the start, all channels, 10 to 100,000.
        country: Whose public holidays, an ISO code; empty for none.
        campaigns: Campaigns, each with how often the usual contacts come while it lasts (1.5 is half more).
    """

    start: date = date(2025, 1, 6)
    days: int = 365
    per_day: float = 1500.0
    country: str = "CN"
    campaigns: tuple[tuple[Campaign, float], ...] = ()

    @property
    def calendar(self) -> Calendar:
        """What may be known of the law beforehand: the calendar without the lifts."""
        return Calendar(self.country, tuple(campaign for campaign, _ in self.campaigns))

    @property
    def slots(self) -> npt.NDArray[np.datetime64]:
        """The local times at which the half hours begin."""
        return np.datetime64(self.start, "m") + np.arange(self.days * SLOTS_A_DAY) * SLOT

    def intensity(self) -> Floats:
        """The contacts expected, one row a channel of `CHANNELS`, one column a half hour of `slots`."""
        if not (7 <= self.days <= 1500 and 10 <= self.per_day <= 100_000):
            raise LawImpossible("Contacts need 7 to 1,500 days and 10 to 100,000 a day. Choose numbers between them.")
        at = self.slots
        rows = []
        for c, channel in enumerate(CHANNELS):
            facts = self.calendar.facts(at, channel)
            usual = self.per_day * _SHARE[c] * _hours(c)[facts["slot"]] * _WEEKDAY[c][facts["weekday"]]
            years = np.arange(len(at)) / (SLOTS_A_DAY * 365)
            usual *= (1 + _GROWTH_A_YEAR) ** years * (1 + _SEASON * np.sin(2 * np.pi * years))
            off = facts["holiday"].to_numpy() > 0
            usual *= np.where(off, _HOLIDAY[c], 1)
            usual *= np.where(~off & (facts["holiday_after"] > 0), _AFTER_HOLIDAY, 1)
            usual *= np.where(~off & (facts["holiday_before"] > 0), _BEFORE_HOLIDAY, 1)
            for campaign, lift in self.campaigns:
                usual *= np.where(Calendar("", (campaign,)).facts(at, channel)["campaign"] > 0, lift, 1)
            rows.append(usual)
        return np.array(rows)


def _hours(channel: int) -> Floats:
    """The share of a day's contacts that each half hour gets: two humps over a low night."""
    hour = np.arange(SLOTS_A_DAY) / 2
    first, second = _PEAKS[channel]
    curve = 0.03 + np.exp(-(((hour - first) / 2.2) ** 2)) + 0.8 * np.exp(-(((hour - second) / 2.8) ** 2))
    return np.asarray(curve / curve.sum())


@dataclass(frozen=True, slots=True)
class Contacts:
    """Contacts as they came, and the truth about them.

    `counts` has the shape of `ContactLaw.intensity`. `log` has one row a contact in order of arrival.
    `chance` is the exact probability that its caller abandons, by what was known on arrival, `chance_after_wait` by
    the seconds waited as well.
    """

    law: ContactLaw
    counts: Ints
    log: pl.DataFrame
    chance: Floats
    chance_after_wait: Floats

    @classmethod
    def generate(cls, law: ContactLaw | None = None, seed: int = 7) -> "Contacts":
        """Draw the contacts of a law; the same arguments give the same ones.

        Raises:
            LawImpossible: if a parameter of the law is out of its bounds.
        """
        law = law or ContactLaw()
        chance = np.random.default_rng(seed)
        expected = law.intensity()
        counts = chance.poisson(expected * chance.gamma(1 / _OVERDISPERSION, _OVERDISPERSION, expected.shape))
        calls = _Calls.draw(law, expected, counts, chance)
        log, abandons, after = calls.played(chance)
        return cls(law, counts, log, abandons, after)

    def best_forecast(self) -> Ints:
        """The forecast with the least absolute error that anybody could make who knows the law: the median."""
        size = 1 / _OVERDISPERSION
        median: Ints = stats.nbinom.median(size, size / (size + self.law.intensity())).astype(np.int64)
        return median

    def write_call_log(self, path: Path) -> None:
        """Write the log as CSV. The chances are not in it."""
        self.log.with_columns(pl.col("arrived_at").dt.strftime("%Y-%m-%d %H:%M:%S")).write_csv(path)


@dataclass(frozen=True, slots=True)
class _Calls:
    """What is known of the calls on arrival, column by column, in order of arrival."""

    at: npt.NDArray[np.datetime64]
    channel: Ints
    topic: Ints
    english: npt.NDArray[np.bool_]
    gold: npt.NDArray[np.bool_]
    agents: Ints
    free: Ints
    ahead: Ints

    @classmethod
    def draw(cls, law: ContactLaw, expected: Floats, counts: Ints, chance: np.random.Generator) -> "_Calls":
        channels, slots = counts.shape
        cell = np.repeat(np.arange(channels * slots), counts.ravel())
        seconds = chance.integers(0, 1800, len(cell))
        order = np.lexsort((cell // slots, cell % slots * 1800 + seconds))
        cell, seconds = cell[order], seconds[order]
        size = len(cell)
        staff = np.maximum(1, np.round(expected * _SERVICE_S / 1800 * 1.1)).astype(np.int64)
        ahead = chance.poisson(np.exp(_congestion(counts.shape, chance) - 0.8).ravel()[cell])
        free = np.where((ahead == 0) & (chance.random(size) < 0.8), chance.integers(1, 4, size), 0)
        channel = cell // slots
        return cls(
            at=law.slots[cell % slots].astype("datetime64[s]") + seconds.astype("timedelta64[s]"),
            channel=channel,
            topic=chance.choice(len(TOPICS), size, p=(0.34, 0.2, 0.18, 0.16, 0.12)),
            english=chance.random(size) < 0.2,
            gold=chance.random(size) < 0.25,
            agents=staff.ravel()[cell],
            free=free,
            ahead=ahead,
        )

    def played(self, chance: np.random.Generator) -> tuple[pl.DataFrame, Floats, Floats]:
        """Let the callers wait: the log, and the chances that they abandoned before and after their wait."""
        size = len(self.at)
        impatience = np.exp(
            _OF_TOPIC[self.topic] + _OF_CHANNEL[self.channel] + _ENGLISH * self.english + _GOLD * self.gold
        )
        leaving, serving = impatience / _PATIENCE_S, self.agents / _SERVICE_S
        needed = chance.gamma(self.ahead + 1, 1 / serving)
        patience = chance.exponential(1 / leaving)
        queued = self.free == 0
        abandoned = queued & (patience < needed)
        waited = np.where(queued, np.minimum(patience, needed), 0)
        talked = np.where(abandoned, 0, np.maximum(1, chance.gamma(2, _TALK_S[self.topic] / 2)))
        law = stats.gamma(self.ahead + 1, scale=1 / serving)
        hazard = np.exp(law.logpdf(waited) - law.logsf(waited))
        log = pl.DataFrame(
            {
                "call_id": np.arange(1, size + 1),
                "arrived_at": self.at.astype("datetime64[us]"),
                "queue": np.array(CHANNELS)[self.channel],
                "language": np.array(LANGUAGES)[self.english.astype(int)],
                "topic": np.array(TOPICS)[self.topic],
                "priority": np.array(PRIORITIES)[self.gold.astype(int)],
                "agents": self.agents,
                "agents_free": self.free,
                "queue_length": self.ahead,
                "waited_s": np.round(waited, 1),
                "talk_s": np.round(talked).astype(np.int64),
                "abandoned": abandoned.astype(np.int64),
            }
        )
        before = np.where(queued, 1 - (serving / (serving + leaving)) ** (self.ahead + 1), 0)
        return log, before, np.where(queued, leaving / (leaving + hazard), 0)


def _congestion(shape: tuple[int, ...], chance: np.random.Generator) -> Floats:
    """How full the queues are, on a log scale: half hours in a row resemble each other."""
    state = chance.normal(size=shape)
    for n in range(1, shape[1]):
        state[:, n] = 0.8 * state[:, n - 1] + 0.6 * state[:, n]
    return np.asarray(0.7 * state, dtype=np.float64)
