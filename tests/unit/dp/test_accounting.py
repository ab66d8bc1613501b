import math
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.dp.accounting import OF_KNOWN_WIDTH, Share, price_for_target_error, sensitivities, split, target_error_for
from privacy.dp.conversion import epsilon_at, epsilon_of_many
from privacy.dp.intervals import half_width
from privacy.dp.mechanism import calibrate, noise_scales
from privacy.dp.types import MAX_PRICE, MIN_PRICE, ContributionBounds, IntBounds, Measure, NanoRho

COUNT = Measure("count")
WAIT = IntBounds(0, 3600)
measures_st = st.lists(
    st.sampled_from(
        [
            COUNT,
            Measure("persons"),
            Measure("ratio", "wait_s", mark="waited"),
            Measure("histogram", "wait_s", WAIT, WAIT.bins()),
            Measure("quantiles", "wait_s", WAIT, WAIT.bins(), (500,)),
            *(Measure(kind, "wait_s", WAIT) for kind in ("sum", "mean", "variance")),
        ]
    ),
    min_size=1,
    max_size=4,
)
bounds_st = st.builds(ContributionBounds, st.integers(1, 50), st.integers(1, 50))
options_st = st.sampled_from([{}, {"unknown_keys": True}, {"most_rows": 32}, {"unknown_keys": True, "most_rows": 32}])
prices = st.integers(MIN_PRICE, MAX_PRICE).map(NanoRho)


def test_sensitivities_are_those_of_the_proof() -> None:
    bounds = ContributionBounds(groups=4, rows=3)
    assert sensitivities(COUNT, bounds) == (6.0,)
    assert sensitivities(Measure("persons"), bounds) == (2.0,)
    assert sensitivities(Measure("sum", "x", IntBounds(-10, 5)), bounds) == (60.0,)
    assert sensitivities(Measure("mean", "x", IntBounds(1, 5)), bounds) == (12.0, 6.0)
    assert sensitivities(Measure("mean", "x", IntBounds(0, 3)), bounds) == (12.0, 6.0)
    assert sensitivities(Measure("variance", "x", IntBounds(0, 6)), bounds) == (18.0, 54.0, 6.0)
    assert sensitivities(Measure("histogram", "x", IntBounds(0, 6), (0, 3)), bounds) == (6.0,)
    assert sensitivities(Measure("ratio", "x", mark="m"), bounds) == (6.0,)


@given(bounds_st, measures_st)
def test_sensitivities_are_never_rounded_down(bounds: ContributionBounds, measures: list[Measure]) -> None:
    for measure in measures:
        reach = {"sum": measure.bounds.magnitude, "mean": measure.bounds.reach, "variance": measure.bounds.reach}.get(
            measure.kind, 1
        )
        rows = 1 if measure.kind == "persons" else bounds.rows
        assert Fraction(sensitivities(measure, bounds)[0]) ** 2 >= bounds.groups * (rows * reach) ** 2


@settings(deadline=None, max_examples=60)
@given(measures_st, bounds_st, prices)
def test_noise_never_costs_more_than_the_price(
    measures: list[Measure], bounds: ContributionBounds, price: NanoRho
) -> None:
    for options in ({}, {"unknown_keys": True}, {"most_rows": 32}, {"unknown_keys": True, "most_rows": 32}):
        assert sum(calibrate(share).cost for share in split(measures, bounds, price, **options)) <= price


@settings(deadline=None, max_examples=60)
@given(measures_st, bounds_st, prices)
def test_noise_is_not_needlessly_wide(measures: list[Measure], bounds: ContributionBounds, price: NanoRho) -> None:
    for share in split(measures, bounds, price, unknown_keys=True, most_rows=32):
        least = share.sensitivity / math.sqrt(2 * share.rho / 1e9)
        assert calibrate(share).scale <= least * (1 + 2e-6)


@settings(deadline=None, max_examples=100)
@given(measures_st.filter(lambda m: m[0].kind in OF_KNOWN_WIDTH), bounds_st, st.floats(1, 1e9), options_st)
def test_price_of_a_target_error_keeps_the_interval_inside_it(
    measures: list[Measure], bounds: ContributionBounds, target: float, options: dict[str, Any]
) -> None:
    price = price_for_target_error(measures, bounds, target, **options)
    if price <= MAX_PRICE:
        assert half_width(noise_scales(split(measures, bounds, price, **options))[0][0]) <= target


def test_a_wider_target_error_never_costs_more() -> None:
    bounds = ContributionBounds(4, 3)
    found = [price_for_target_error([COUNT], bounds, e) for e in (1, 1.9, 2, 5, 50, 1e6, 1e300)]
    assert found == sorted(found, reverse=True)
    assert found[-1] == MIN_PRICE


@given(measures_st.filter(lambda m: m[0].kind in OF_KNOWN_WIDTH), bounds_st, prices, options_st)
def test_suggested_target_error_is_affordable(
    measures: list[Measure], bounds: ContributionBounds, left: NanoRho, options: dict[str, Any]
) -> None:
    wider = target_error_for(measures, bounds, left, **options)
    assert wider is not None
    assert price_for_target_error(measures, bounds, wider, **options) <= left


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


@pytest.mark.parametrize(("epsilon", "questions"), [(1.0, 38), (3.0, 296)])
def test_questions_at_noise_of_28_3_fit_below_epsilon(epsilon: float, questions: int) -> None:
    """Sensitivity 1 and delta 1e-6. An even split of epsilon, without zCDP, pays for 20 and 60."""
    rho = calibrate(Share(1.0, NanoRho(round(1e9 / (2 * 28.3**2))))).cost
    assert epsilon_at(NanoRho(math.ceil(questions * rho)), 1e-6) <= epsilon


@settings(deadline=None, max_examples=30)
@given(st.lists(prices, min_size=1, max_size=5))
def test_many_answers_never_cost_more_than_either_composition(costs: list[NanoRho]) -> None:
    together = epsilon_of_many(costs, 1e-6)
    assert together <= epsilon_at(NanoRho(sum(costs)), 1e-6)
    assert together <= sum(epsilon_at(cost, 1e-6 / len(costs)) for cost in costs)


def test_epsilon_of_nothing_is_nothing() -> None:
    assert epsilon_at(NanoRho(0), 1e-6) == 0
