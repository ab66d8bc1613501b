"""People of planted types, as rows of gold.behaviour, drawn from a law under which the best guess is known.

A person's sessions are one and a Poisson number more. Each of their counts in a session is Poisson around the type's
rate times a gamma factor of the person, so that a person's sum is negative binomial; the logarithm of a session's
seconds is normal around the person's own mean. The posterior of the type follows exactly from the sums: naming the
likeliest type is the best that any segmentation can do on average.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats
from sklearn.metrics import adjusted_rand_score

from privacy.errors import MangroveError
from spark_jobs.lake.tables import GOLD_BEHAVIOUR

Floats = npt.NDArray[np.float64]

_START = datetime(2026, 1, 5, tzinfo=UTC)
_PERSON_SD, _SESSION_SD = 0.5, 0.4
_SHAPE = 3.0


@dataclass(frozen=True, slots=True)
class BehaviourType:
    """A type of person: its share, how many sessions beyond the first, log seconds of a session, counts per session."""

    share: float
    more_sessions: float
    log_seconds: float
    rates: dict[str, float]


TYPES: dict[str, BehaviourType] = {
    "quick_buyer": BehaviourType(
        0.24, 0.5, 5.0, {"pages": 3, "searches": 0.6, "cart_changes": 1.3, "payment_attempts": 1.0, "page_returns": 0.2}
    ),
    "comparer": BehaviourType(
        0.20, 3.0, 6.6, {"pages": 11, "page_returns": 4, "searches": 3.5, "cart_changes": 1.2, "payment_attempts": 0.12}
    ),
    "bot_struggler": BehaviourType(
        0.18, 0.8, 6.2, {"customer_messages": 6, "bot_messages": 7, "repeats": 2.2, "bot_repeats": 1.8, "questions": 3,
                         "pages": 1.2, "asks_for_human": 0.25}
    ),
    "human_seeker": BehaviourType(
        0.16, 0.7, 6.3, {"customer_messages": 5, "bot_messages": 1.5, "agent_messages": 5, "asks_for_human": 1.6,
                         "handovers": 1.1, "questions": 1.5, "pages": 1.0}
    ),
    "silent_browser": BehaviourType(0.22, 0.6, 4.6, {"pages": 4.5, "searches": 1.0, "page_returns": 0.5}),
}  # fmt: skip
_COUNTS = tuple(sorted({name for one in TYPES.values() for name in one.rates}))
_SELDOM = 0.04
"""The rate of every count that a type does not name: nobody does a thing never."""


class TypesImpossible(MangroveError):
    """The parameters describe no people."""

    reason = "TYPES_IMPOSSIBLE"


@dataclass(frozen=True, slots=True)
class PlantedTypes:
    """Rows of gold.behaviour with `started_at`, and the truth: `type_of` and `best_guess` by person id."""

    rows: pd.DataFrame
    type_of: "pd.Series[str]"
    best_guess: "pd.Series[str]"

    @classmethod
    def generate(cls, people: int = 2000, seed: int = 7) -> "PlantedTypes":
        """Draw people; the same arguments give the same ones.

        Raises:
            TypesImpossible: if there are fewer than 50 people or more than a million.
        """
        if not 50 <= people <= 1_000_000:
            raise TypesImpossible("Planted types need 50 to 1,000,000 people. Choose a number between them.")
        chance = np.random.default_rng(seed)
        kinds = list(TYPES.values())
        kind = chance.choice(len(kinds), people, p=[one.share for one in kinds])
        sessions = 1 + chance.poisson(np.array([one.more_sessions for one in kinds])[kind])
        ids = pd.Index([f"person.{n:032x}" for n in range(people)], name="person_id")
        factors = chance.gamma(_SHAPE, 1 / _SHAPE, (people, len(_COUNTS)))
        whose = np.repeat(np.arange(people), sessions)
        counts = chance.poisson((_rates()[kind] * factors)[whose])
        own = chance.normal(np.array([one.log_seconds for one in kinds])[kind], _PERSON_SD)
        log_seconds = chance.normal(own[whose], _SESSION_SD)
        names = list(TYPES)
        guess = _posterior(whose, counts, log_seconds, sessions).argmax(axis=1)
        return cls(
            _rows(ids[whose], counts, log_seconds, chance),
            pd.Series([names[n] for n in kind], ids),
            pd.Series([names[n] for n in guess], ids),
        )

    @property
    def best_ari(self) -> float:
        """The adjusted Rand index of the best guess."""
        return float(adjusted_rand_score(self.type_of, self.best_guess))


def _rates() -> Floats:
    return np.array([[one.rates.get(name, _SELDOM) for name in _COUNTS] for one in TYPES.values()])


def _posterior(
    whose: npt.NDArray[np.int64], counts: npt.NDArray[np.int64], log_seconds: Floats, sessions: npt.NDArray[np.int64]
) -> Floats:
    """The log posterior of each type, up to a constant: (people, types)."""
    sums = np.stack([np.bincount(whose, weights=column) for column in counts.T], axis=1)
    seconds = np.bincount(whose, weights=log_seconds) / sessions
    columns = []
    for one, rates in zip(TYPES.values(), _rates(), strict=True):
        expected = rates * sessions[:, None]
        of_counts = stats.nbinom.logpmf(sums, _SHAPE, _SHAPE / (_SHAPE + expected)).sum(axis=1)
        spread = np.sqrt(_PERSON_SD**2 + _SESSION_SD**2 / sessions)
        of_time = stats.norm.logpdf(seconds, one.log_seconds, spread)
        columns.append(np.log(one.share) + stats.poisson.logpmf(sessions - 1, one.more_sessions) + of_counts + of_time)
    return np.stack(columns, axis=1)


def _rows(
    who: pd.Index, counts: npt.NDArray[np.int64], log_seconds: Floats, chance: np.random.Generator
) -> pd.DataFrame:
    size = len(who)
    rows = pd.DataFrame({"session_id": [f"session.{n:032x}" for n in range(size)], "person_id": who})
    for name in GOLD_BEHAVIOUR.schema.names[2:]:
        is_float = str(GOLD_BEHAVIOUR.schema.field(name).type) == "double"
        rows[name] = np.full(size, np.nan) if is_float else np.zeros(size, np.int64)
    for place, name in enumerate(_COUNTS):
        rows[name] = counts[:, place]
    rows["duration_s"] = np.exp(log_seconds)
    spoken = rows["customer_messages"] + rows["bot_messages"] + rows["agent_messages"]
    rows["events"] = 1 + spoken + rows["pages"] + rows["searches"] + rows["cart_changes"] + rows["payment_attempts"]
    rows["channels"] = 1
    rows["menu_depth"] = rows["bot_messages"]
    rows["started_at"] = [_START + timedelta(minutes=int(m)) for m in chance.integers(0, 60 * 1440, size)]
    return rows
