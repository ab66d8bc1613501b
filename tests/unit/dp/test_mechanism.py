import math
from fractions import Fraction

import numpy as np
import opendp.prelude as dp
import pytest

from privacy.dp import mechanism
from privacy.dp.accounting import Share
from privacy.dp.aggregates import Asked, ExactAggregates, aggregate
from privacy.dp.intervals import estimates
from privacy.dp.keys import PublicKeys
from privacy.dp.lots import order_key
from privacy.dp.mechanism import MapExceedsReservation, NoisyAggregates, calibrate, finding, release
from privacy.dp.sampler import discrete_gaussian
from privacy.dp.truncation import truncate
from privacy.dp.types import ContributionBounds, IntBounds, Measure, NanoRho
from privacy.ledger.port import Reservation, ReservationUsed
from tests.unit.dp.marts import contributions, table
from tests.unit.dp.reservations import a_reservation

KEYS = PublicKeys(("channel",), (("web", "app"),))
MEASURES = (Measure("count"), Measure("mean", "wait_s", IntBounds(0, 100)))


def some_aggregates() -> ExactAggregates:
    rows = table([("a", "web", "zh", 10), ("b", "web", "zh", 30)])
    bounds = ContributionBounds(2, 1)
    kept = truncate(contributions(rows, KEYS), KEYS, bounds, order_key(b"s", b"q"), with_rows=True)
    return aggregate(kept, Asked(MEASURES, bounds))


def test_release_needs_a_reservation_of_a_ledger() -> None:
    with pytest.raises(TypeError):
        Reservation(a_reservation(10**6).charge, 1, object())


def test_a_reservation_pays_for_one_release() -> None:
    reservation = a_reservation(10**9)
    release(some_aggregates(), reservation)
    with pytest.raises(ReservationUsed):
        release(some_aggregates(), reservation)


def test_nothing_is_drawn_when_the_maps_exceed_the_reservation(monkeypatch: pytest.MonkeyPatch) -> None:
    """The defence taken out: a calibration that forgets to keep to its share."""

    def careless(share: Share) -> mechanism.Noise:
        return mechanism._noise(Fraction(share.sensitivity) / 100, share.sensitivity)

    monkeypatch.setattr(mechanism, "calibrate", careless)
    with pytest.raises(MapExceedsReservation):
        release(some_aggregates(), a_reservation(10**6))


def test_much_rho_gives_the_exact_answer_in_every_group() -> None:
    noisy = release(some_aggregates(), a_reservation(10**18))
    found = list(estimates(noisy))
    assert found[0][0].value == 2
    assert found[0][1].value == 20
    assert found[1][0].value == 0


def noisy_of(measure: Measure, *vectors: int, scales: tuple[float, ...]) -> NoisyAggregates:
    one_group = PublicKeys((), ())
    return NoisyAggregates((measure,), one_group, (tuple(np.array([v]) for v in vectors),), (scales,))


def test_counts_and_their_intervals_are_never_negative() -> None:
    (estimate,) = next(estimates(noisy_of(Measure("count"), -500, scales=(10.0,))))
    assert (estimate.value, estimate.low, estimate.high) == (0, 0, 0)
    (estimate,) = next(estimates(noisy_of(Measure("count"), -5, scales=(10.0,))))
    assert (estimate.value, estimate.low, estimate.high) == (0, 0, 15)


def test_sums_of_a_column_that_may_be_negative_stay_as_they_are() -> None:
    measure = Measure("sum", "x", IntBounds(-10, 10))
    (estimate,) = next(estimates(noisy_of(measure, -500, scales=(10.0,))))
    assert (estimate.value, estimate.low, estimate.high) == (-500, -520, -480)


def test_mean_says_nothing_where_the_count_is_lost_in_noise() -> None:
    measure = Measure("mean", "x", IntBounds(0, 100))
    for count in (-40, 0, 15):
        (estimate,) = next(estimates(noisy_of(measure, 400, count, scales=(100.0, 10.0))))
        assert (estimate.value, estimate.low, estimate.high) == (50, 0, 100)


def test_mean_stays_inside_the_declared_bounds() -> None:
    measure = Measure("mean", "x", IntBounds(0, 100))
    (estimate,) = next(estimates(noisy_of(measure, 10**6, 100, scales=(100.0, 10.0))))
    assert estimate.value == 100
    assert 0 <= estimate.low <= estimate.high <= 100


def test_mean_interval_is_fiellers() -> None:
    measure = Measure("mean", "x", IntBounds(0, 100))
    (estimate,) = next(estimates(noisy_of(measure, 1000, 100, scales=(50.0, 5.0))))
    z = 1.959963984540054
    for end in (estimate.low, estimate.high):
        distance = end - 50
        assert (1000 - distance * 100) ** 2 == pytest.approx(z**2 * (50**2 + distance**2 * 25))
    assert estimate.low < estimate.value == 60 < estimate.high


def tail(scale: float, least: int) -> float:
    """The probability that discrete Gaussian noise reaches a whole number, summed up."""
    support = np.arange(-math.ceil(60 * scale) - 60, math.ceil(60 * scale) + 60)
    weights = np.exp(-(support**2) / (2 * scale**2))
    return float(weights[support >= least].sum() / weights.sum())


@pytest.mark.parametrize("rho", [10_000_000, 100_000_000, 2_000_000_000, 50_000_000_000])
@pytest.mark.parametrize("groups", [1, 4, 50])
@pytest.mark.parametrize("delta", [1e-2, 1e-6, 1e-11])
def test_threshold_keeps_groups_of_one_person_below_delta_by_the_exact_law(rho: int, groups: int, delta: float) -> None:
    found = finding(Share(math.sqrt(groups), NanoRho(rho)), groups, delta)
    assert groups * tail(found.scale, found.threshold - 1) <= delta
    assert groups * tail(found.scale, found.threshold - 4 - math.ceil(found.scale)) > delta


def test_what_opendp_states_of_its_own_threshold_is_less_than_it_costs() -> None:
    """Why the threshold is ours. When this fails, OpenDP has mended it."""
    domain = dp.map_domain(dp.atom_domain(T="i64"), dp.atom_domain(T="i64"))
    metric = dp.l02inf_distance(dp.absolute_distance(T="f64"))
    stated = dp.m.make_gaussian_threshold(domain, metric, scale=2.0, threshold=4).map((1, 1.0, 1.0))[1]
    assert tail(2.0, 3) > 1.5 * stated


def test_long_vectors_get_noise_of_the_same_scale_as_short_ones() -> None:
    noise = calibrate(Share(1.0, NanoRho(200_000)))
    short = np.concatenate([noise.on(np.zeros(mechanism.SHORT, np.int64)) for _ in range(16)])
    long = noise.on(np.zeros(20_000, np.int64))
    assert 0.9 < short.std() / noise.scale < 1.1
    assert 0.96 < long.std() / noise.scale < 1.04


@pytest.mark.parametrize("scale", [Fraction(0), Fraction(-1), Fraction(2**57), Fraction(1, 2**57)])
def test_scale_out_of_range_is_refused(scale: Fraction) -> None:
    with pytest.raises(ValueError, match="out of range"):
        discrete_gaussian(scale, 1)


@pytest.mark.parametrize("scale", [Fraction(1, 5), Fraction(2**56)])
def test_smallest_and_largest_noise_can_be_drawn(scale: Fraction) -> None:
    drawn = discrete_gaussian(scale, 4000)
    assert drawn.dtype == np.int64
    assert np.abs(drawn).max() <= 8 * max(scale, 1)
    assert scale < 1 or 0.9 < drawn.std() / float(scale) < 1.1
