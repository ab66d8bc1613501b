"""The auditor must neither cry wolf nor sleep: bounds against what is known exactly."""

import math

import numpy as np
import pyarrow.compute as pc
import pytest
from scipy.stats import norm

from privacy.dp.conversion import epsilon_at
from privacy.dp.types import NanoRho
from services.private_audit.bound import Guesses, gaussian_epsilon, lower_bound
from services.private_audit.canaries import GROUPS, GUESS_ABOVE, ROWS, Grid

DELTA = 1e-6


def guesses(mu: float, trials: int) -> Guesses:
    """What a guesser at half way sees of Gaussian noise, on average."""
    wrong = round(trials * norm.sf(mu / 2))
    return Guesses(trials, wrong, trials, wrong)


@pytest.mark.parametrize("mu", [0.5, 1.0, 3.0])
def test_bound_is_below_the_truth_and_comes_near_it(mu: float) -> None:
    truth = gaussian_epsilon(mu, DELTA)
    few, many = (lower_bound(guesses(mu, trials), DELTA) for trials in (1_000, 1_000_000))
    assert few.mu < many.mu < mu
    assert few.epsilon < many.epsilon < truth
    assert many.epsilon > 0.98 * truth
    assert many.epsilon_any < many.epsilon


def test_bound_holds_as_often_as_it_says() -> None:
    rng, mu, trials = np.random.default_rng(7), 1.0, 2000
    draws = rng.binomial(trials, norm.sf(mu / 2), size=(300, 2))
    above = [lower_bound(Guesses(trials, int(a), trials, int(b)), DELTA).mu > mu for a, b in draws]
    assert np.mean(above) < 0.05


def test_noise_that_is_a_tenth_too_small_is_found() -> None:
    claimed = epsilon_at(NanoRho(4_500_000_000), DELTA)
    assert lower_bound(guesses(3.0, 10_500), DELTA).epsilon < claimed
    assert lower_bound(guesses(3.0 / 0.9, 10_500), DELTA).epsilon > claimed


def test_nine_tenths_of_the_claim_take_ten_thousand_trials() -> None:
    claimed = epsilon_at(NanoRho(4_500_000_000), DELTA)
    assert lower_bound(guesses(3.0, 10_500), DELTA).epsilon > 0.9 * claimed


def test_epsilon_of_gaussian_noise_gives_its_delta_back() -> None:
    for mu in (0.1, 1.0, 4.0):
        epsilon = gaussian_epsilon(mu, DELTA)
        delta = norm.cdf(-epsilon / mu + mu / 2) - math.exp(epsilon) * norm.cdf(-epsilon / mu - mu / 2)
        assert delta == pytest.approx(DELTA, rel=1e-5)


def test_guesses_that_are_all_wrong_or_all_right_have_bounds() -> None:
    assert lower_bound(Guesses(10, 10, 10, 10), DELTA).epsilon == 0
    assert lower_bound(Guesses(10, 0, 10, 0), DELTA).epsilon > 0
    assert lower_bound(Guesses(10, 5, 10, 5), DELTA).epsilon_any == 0


def test_marts_differ_by_the_canaries_alone_and_each_has_cells_of_its_own() -> None:
    grid = Grid(2)
    without, there = (grid.mart(with_canaries=is_there) for is_there in (False, True))
    canaries = there.filter(pc.starts_with(there["person_id"], "canary"))
    others = there.filter(pc.invert(pc.starts_with(there["person_id"], "canary")))
    assert others == without
    owned = [cell for cells in grid.canaries for cell in cells]
    assert len(owned) == len(set(owned)) == len(grid.cells)
    assert canaries.num_rows == len(owned) * 2 * ROWS


def test_canary_is_guessed_from_what_truncation_leaves_of_it() -> None:
    grid = Grid(5)
    without = dict.fromkeys(grid.cells, 5.0)
    assert set(grid.shifts(without)) == {0.0}
    there = {cell: count + ROWS for cell, count in without.items()}
    assert set(grid.shifts(there)) == {float(GROUPS * ROWS)}
    assert 0 < GUESS_ABOVE < GROUPS * ROWS
