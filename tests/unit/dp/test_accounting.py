import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.dp.accounting import price_for_target_error, sensitivities, split, target_error_for
from privacy.dp.intervals import half_width
from privacy.dp.mechanism import calibrate, epsilon_at, noise_scales
from privacy.dp.types import MAX_PRICE, MIN_PRICE, ContributionBounds, IntBounds, Measure, NanoRho

COUNT = Measure("count")
WAIT = IntBounds(0, 3600)
measures_st = st.lists(
    st.sampled_from([COUNT, Measure("persons"), Measure("sum", "wait_s", WAIT), Measure("mean", "wait_s", WAIT)]),
    min_size=1,
    max_size=4,
)
bounds_st = st.builds(ContributionBounds, st.integers(1, 50), st.integers(1, 50))
prices = st.integers(MIN_PRICE, MAX_PRICE).map(NanoRho)


def test_sensitivities_are_those_of_the_proof() -> None:
    bounds = ContributionBounds(groups=4, rows=3)
    assert sensitivities(COUNT, bounds) == (6.0,)
    assert sensitivities(Measure("persons"), bounds) == (2.0,)
    assert sensitivities(Measure("sum", "x", IntBounds(-10, 5)), bounds) == (60.0,)
    assert sensitivities(Measure("mean", "x", IntBounds(1, 5)), bounds) == (12.0, 6.0)
    assert sensitivities(Measure("mean", "x", IntBounds(0, 3)), bounds) == (12.0, 6.0)


@given(bounds_st, measures_st)
def test_sensitivities_are_never_rounded_down(bounds: ContributionBounds, measures: list[Measure]) -> None:
    for measure in measures:
        reach = {"sum": measure.bounds.magnitude, "mean": measure.bounds.reach}.get(measure.kind, 1)
        rows = 1 if measure.kind == "persons" else bounds.rows
        assert Fraction(sensitivities(measure, bounds)[0]) ** 2 >= bounds.groups * (rows * reach) ** 2


@settings(deadline=None, max_examples=60)
@given(measures_st, bounds_st, prices)
def test_noise_never_costs_more_than_the_price(
    measures: list[Measure], bounds: ContributionBounds, price: NanoRho
) -> None:
    shares = [share for part in split(measures, bounds, price) for share in part]
    assert sum(calibrate(share).cost for share in shares) <= price


@settings(deadline=None, max_examples=60)
@given(measures_st, bounds_st, prices)
def test_noise_is_not_needlessly_wide(measures: list[Measure], bounds: ContributionBounds, price: NanoRho) -> None:
    for part in split(measures, bounds, price):
        for share in part:
            assert calibrate(share).cost >= Fraction(share.rho) * (1 - Fraction(1, 10**12))


@settings(deadline=None, max_examples=100)
@given(measures_st.filter(lambda m: m[0].kind != "mean"), bounds_st, st.floats(1, 1e9))
def test_price_of_a_target_error_keeps_the_interval_inside_it(
    measures: list[Measure], bounds: ContributionBounds, target: float
) -> None:
    price = price_for_target_error(measures, bounds, target)
    if price <= MAX_PRICE:
        assert half_width(noise_scales(measures, bounds, price)[0][0]) <= target


def test_a_wider_target_error_never_costs_more() -> None:
    bounds = ContributionBounds(4, 3)
    found = [price_for_target_error([COUNT], bounds, e) for e in (1, 1.9, 2, 5, 50, 1e6, 1e300)]
    assert found == sorted(found, reverse=True)
    assert found[-1] == MIN_PRICE


@given(measures_st.filter(lambda m: m[0].kind != "mean"), bounds_st, prices)
def test_suggested_target_error_is_affordable(
    measures: list[Measure], bounds: ContributionBounds, left: NanoRho
) -> None:
    wider = target_error_for(measures, bounds, left)
    assert wider is not None
    assert price_for_target_error(measures, bounds, wider) <= left


def test_no_target_error_is_suggested_where_none_can_be() -> None:
    bounds = ContributionBounds(4, 3)
    assert target_error_for([Measure("mean", "x", WAIT)], bounds, NanoRho(10**9)) is None
    assert target_error_for([COUNT], bounds, NanoRho(MIN_PRICE - 1)) is None


@settings(deadline=None)
@given(prices, st.sampled_from([1e-9, 1e-6, 1e-4]))
def test_epsilon_stays_below_the_textbook_bound_and_above_rho(price: NanoRho, delta: float) -> None:
    """Bun and Steinke 2016, proposition 1.3: rho + 2 sqrt(rho ln(1/delta)). OpenDP's is tighter."""
    rho = price / 10**9
    epsilon = epsilon_at(price, delta)
    assert 0 < epsilon <= rho + 2 * math.sqrt(rho * math.log(1 / delta)) + 1e-9


def test_epsilon_grows_with_rho_and_with_a_smaller_delta() -> None:
    assert epsilon_at(NanoRho(10**7), 1e-6) < epsilon_at(NanoRho(10**8), 1e-6) < epsilon_at(NanoRho(10**8), 1e-9)


def test_epsilon_of_one_rho_is_the_known_value() -> None:
    """Canonne, Kamath and Steinke 2020, corollary 13, minimised numerically over the order alpha."""
    rho, delta = 1.0, 1e-6
    best = min(
        a * rho + math.log(1 / (a * delta)) / (a - 1) + math.log(1 - 1 / a)
        for a in (1 + n / 1000 for n in range(1, 20000))
    )
    assert epsilon_at(NanoRho(10**9), delta) == pytest.approx(best, rel=1e-4)
