"""The noise follows the law that the guarantee needs. Chance fails a test less than once in 10^6 runs."""

import math

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from scipy import stats

from privacy.dp.accounting import sensitivities, split
from privacy.dp.aggregates import aggregate
from privacy.dp.intervals import estimates
from privacy.dp.keys import PublicKeys
from privacy.dp.mechanism import NoisyAggregates, calibrate, release
from privacy.dp.truncation import order_key, truncate
from privacy.dp.types import ContributionBounds, IntBounds, Measure, NanoRho
from tests.unit.dp.reservations import a_reservation

DRAWS = 20_000
CHANCE = 1e-7
KEYS = PublicKeys(("cell",), (tuple(str(n) for n in range(DRAWS)),))
BOUNDS = ContributionBounds(groups=4, rows=3)
RHO = NanoRho(180_000_000)

Draws = npt.NDArray[np.int64]


def release_of(measures: tuple[Measure, ...], people_a_cell: int = 0) -> NoisyAggregates:
    cells = [str(n) for n in range(DRAWS) for _ in range(people_a_cell)]
    tokens = [f"t{n}" for n in range(len(cells))]
    rows = pa.table(
        {
            "person_id": pa.array([f"p{n}" for n in range(len(cells))], pa.string()),
            "row_token": pa.array(tokens, pa.string()),
            "cell": pa.array(cells, pa.string()),
            "wait_s": pa.array([20] * len(cells), pa.int64()),
        }
    )
    bounded = truncate(rows, KEYS, BOUNDS, order_key(b"s", b"q"))
    return release(aggregate(bounded, measures), a_reservation(RHO))


@pytest.fixture(scope="module")
def draws() -> Draws:
    return np.array(release_of((Measure("count"),)).vectors[0][0])


def expected_scale() -> float:
    (sensitivity,) = sensitivities(Measure("count"), BOUNDS)
    return sensitivity / math.sqrt(2 * RHO / 1e9)


def fits_discrete_gaussian(draws: Draws, scale: float) -> bool:
    """Chi-square of the counts in every integer against the exact probabilities, tails pooled."""
    reach = math.ceil(3 * scale)
    support = np.arange(-40 * reach, 40 * reach + 1)
    weights = np.exp(-(support**2) / (2 * scale**2))
    probability = weights / weights.sum()
    inside = np.abs(support) <= reach
    expected = np.append(probability[inside], probability[~inside].sum()) * len(draws)
    seen = np.append([(draws == n).sum() for n in support[inside]], (np.abs(draws) > reach).sum())
    statistic = float(((seen - expected) ** 2 / expected).sum())
    return statistic < float(stats.chi2.isf(CHANCE, len(expected) - 1))


def test_noise_is_a_discrete_gaussian_of_the_promised_scale(draws: Draws) -> None:
    assert fits_discrete_gaussian(draws, expected_scale())


def test_variance_is_the_promised_one(draws: Draws) -> None:
    spread = math.sqrt(2 / DRAWS) * float(stats.norm.isf(CHANCE / 2))
    assert abs(float(draws.var()) / expected_scale() ** 2 - 1) < spread


def test_noise_has_no_bias(draws: Draws) -> None:
    assert abs(float(draws.mean())) < expected_scale() / math.sqrt(DRAWS) * float(stats.norm.isf(CHANCE / 2))


def test_neighbouring_draws_are_not_correlated(draws: Draws) -> None:
    correlation = float(np.corrcoef(draws[:-1], draws[1:])[0, 1])
    assert abs(correlation) * math.sqrt(DRAWS) < float(stats.norm.isf(CHANCE / 2))


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_the_test_would_see_a_scale_that_is_a_tenth_off(draws: Draws, factor: float) -> None:
    assert not fits_discrete_gaussian(draws, expected_scale() * factor)


def least_share_inside() -> float:
    return 0.95 - float(stats.norm.isf(CHANCE)) * math.sqrt(0.95 * 0.05 / DRAWS)


def test_intervals_of_counts_hold_the_truth_95_times_in_100() -> None:
    noisy = release_of((Measure("count"),), people_a_cell=2)
    inside = sum(e.low <= 2 <= e.high for (e,) in estimates(noisy))
    assert inside / DRAWS >= least_share_inside()


def test_intervals_of_means_hold_the_truth_95_times_in_100() -> None:
    """Few people a group and much noise: the case in which a ratio's interval goes wrong first."""
    mean = Measure("mean", "wait_s", IntBounds(0, 100))
    noisy = release_of((mean,), people_a_cell=3)
    inside = sum(e.low <= 20 <= e.high for (e,) in estimates(noisy))
    assert inside / DRAWS >= least_share_inside()


def test_intervals_of_means_hold_where_the_count_is_clear() -> None:
    mean = Measure("mean", "wait_s", IntBounds(0, 100))
    part = split((mean,), BOUNDS, RHO)[0]
    noises = [calibrate(share) for share in part]
    people = 150
    truth = ((20 - 50) * people, people)
    vectors = tuple(noise.measurement([value] * DRAWS) for noise, value in zip(noises, truth, strict=True))
    noisy = NoisyAggregates((mean,), KEYS, (vectors,), (tuple(n.scale for n in noises),))
    found = [e for (e,) in estimates(noisy)]
    inside = sum(e.low <= 20 <= e.high for e in found) / DRAWS
    assert least_share_inside() <= inside <= 0.97
    assert max(e.high - e.low for e in found) < 100


def test_two_neighbouring_marts_cannot_be_told_apart_better_than_epsilon_allows() -> None:
    """A black-box audit: one person's worst contribution against none, over every threshold of the count.

    Under (epsilon, delta) P[A] ≤ e^epsilon P[B] + delta for every event; 20,000 draws of each side bound what
    an observer gains, with room for chance.
    """
    from privacy.dp.mechanism import epsilon_at

    (noise,) = (calibrate(share) for share in split((Measure("count"),), BOUNDS, RHO)[0])
    shift = round(noise.scale * math.sqrt(2 * RHO / 1e9))
    with_person = np.array(noise.measurement([shift] * DRAWS))
    without = np.array(noise.measurement([0] * DRAWS))
    epsilon = epsilon_at(RHO, 1e-6)
    slack = float(stats.norm.isf(CHANCE / 1000)) / math.sqrt(DRAWS)
    for threshold in np.unique(with_person):
        more, fewer = (with_person >= threshold).mean(), (without >= threshold).mean()
        assert more <= math.exp(epsilon) * (fewer + slack) + 1e-6 + slack
