"""From guesses to the least epsilon that can be true.

Somebody who guesses from an answer whether a person is in the mart errs in two ways. What is epsilon-delta private
bounds how seldom both can be (Kairouz, Oh and Viswanath 2015); what is Gaussian noise of a certain strength bounds
it more tightly (Dong, Roth and Su 2022). The shares of errors are taken at the bad end of their Clopper-Pearson
intervals. Nasr et al. 2023, "Tight Auditing of Differentially Private Machine Learning", section 4.
"""

import math
from dataclasses import dataclass

from scipy.optimize import brentq
from scipy.stats import beta, norm


@dataclass(frozen=True, slots=True)
class Guesses:
    """How often it was guessed, without and with the person in the mart, and how often each was wrong."""

    without: int
    wrong_without: int
    with_person: int
    wrong_with: int


@dataclass(frozen=True, slots=True)
class LowerBound:
    """The least that can be true.

    `mu` is the strength of Gaussian noise (mean shift over standard deviation), `epsilon` what it means at delta;
    `epsilon_any` holds for any kind of noise and is weaker.
    """

    mu: float
    epsilon: float
    epsilon_any: float


def lower_bound(guesses: Guesses, delta: float, *, confidence: float = 0.95) -> LowerBound:
    """Give the bounds, each of which holds with that confidence by itself.

    Args:
        guesses: What was guessed by a rule that was fixed before.
        delta: Between 0 and 1.
        confidence: Between 0 and 1; both error shares together.
    """
    error = (1 - confidence) / 2
    wrong_without = _at_most(guesses.wrong_without, guesses.without, error)
    wrong_with = _at_most(guesses.wrong_with, guesses.with_person, error)
    mu = max(0.0, float(norm.isf(wrong_without) + norm.isf(wrong_with)))
    right = 1 - delta - wrong_with
    any_noise = math.log(right / wrong_without) if right > wrong_without else 0.0
    return LowerBound(mu, gaussian_epsilon(mu, delta), any_noise)


def gaussian_epsilon(mu: float, delta: float) -> float:
    """Give the epsilon at delta that Gaussian noise of strength mu has, exactly (Balle and Wang 2018, theorem 8)."""

    def excess(epsilon: float) -> float:
        tail = norm.logcdf(-epsilon / mu - mu / 2) + epsilon
        return float(norm.cdf(-epsilon / mu + mu / 2) - math.exp(tail) - delta)

    if mu <= 0 or excess(0.0) <= 0:
        return 0.0
    return float(brentq(excess, 0.0, mu * mu / 2 + mu * norm.isf(delta) + 1, xtol=1e-9))


def _at_most(wrong: int, tries: int, error: float) -> float:
    """Give the upper end of the one-sided Clopper-Pearson interval of a share."""
    return 1.0 if wrong >= tries else float(beta.ppf(1 - error, wrong + 1, tries - wrong))
