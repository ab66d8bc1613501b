import numpy as np
import pytest

from spark_jobs.identity.fuzzy.comparison import LEVELS, MISSING, SAME, UNLIKE, levels_of, pattern_of
from spark_jobs.identity.fuzzy.layout import Layout
from spark_jobs.identity.fuzzy.weights import estimate

TRAITS = ("given_name", "surname", "birth_date", "city", "postcode")
LAYOUT = Layout.of(TRAITS, TRAITS)
PERSON, HOUSEHOLD, STRANGERS = range(3)
SHARE, SAME_OF_ONE, SAME_OF_TWO, MISSED = 0.005, 0.7, 0.01, 0.1


def pairs(size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Levels of pairs drawn from known weights, and which are one person. Strangers of one town share its postcode."""
    chance = np.random.default_rng(seed)
    one = chance.random(size) < SHARE
    same = chance.random((size, len(TRAITS))) < np.where(one, SAME_OF_ONE, SAME_OF_TWO)[:, None]
    town, code = LAYOUT.traits.index("city"), LAYOUT.traits.index("postcode")
    same[:, code] |= ~one & same[:, town] & (chance.random(size) < 0.9)
    levels = np.where(same, SAME, UNLIKE)
    levels[chance.random(levels.shape) < MISSED] = MISSING
    return levels.astype(np.int8), one


def learned(size: int = 400_000, seed: int = 3):
    levels, one = pairs(size, seed)
    patterns, counts = np.unique(pattern_of(levels), return_counts=True)
    return estimate(LAYOUT, levels_of(patterns, len(TRAITS)), counts.astype(float)), levels, one


def test_the_layout_judges_a_postcode_given_its_city():
    parent = LAYOUT.parents[LAYOUT.traits.index("postcode")]
    assert LAYOUT.traits[parent] == "city"
    assert LAYOUT.parents[LAYOUT.traits.index("surname")] == -1


def test_weights_are_recovered_without_labels():
    weights, _, _ = learned()
    assert weights.shares[PERSON] == pytest.approx(SHARE, rel=0.15)
    for at, parent in enumerate(LAYOUT.parents):
        if parent < 0:
            assert weights.tables[PERSON][at][0, SAME] == pytest.approx(SAME_OF_ONE, abs=0.05)
            assert weights.tables[STRANGERS][at][0, SAME] == pytest.approx(SAME_OF_TWO, rel=0.15)
    town, code = LAYOUT.traits.index("city"), LAYOUT.traits.index("postcode")
    # A shared postcode says next to nothing once the town is shared, and much where it is not.
    assert LAYOUT.parents[code] == town
    assert weights.tables[STRANGERS][code][SAME, SAME] == pytest.approx(0.9, abs=0.05)
    assert weights.tables[STRANGERS][code][UNLIKE, SAME] == pytest.approx(SAME_OF_TWO, rel=0.3)


def test_households_are_told_from_persons():
    # As many pairs of a household as of one person; they share the home and the name, and nothing else.
    chance = np.random.default_rng(5)
    size = 400_000
    kind = chance.choice(3, size, p=(SHARE, SHARE, 1 - 2 * SHARE))
    shared = np.array([trait in ("surname", "city", "postcode") for trait in LAYOUT.traits])
    often = np.where((kind == PERSON)[:, None] | ((kind == HOUSEHOLD)[:, None] & shared), 0.9, SAME_OF_TWO)
    levels = np.where(chance.random((size, len(TRAITS))) < often, SAME, UNLIKE).astype(np.int8)
    patterns, counts = np.unique(pattern_of(levels), return_counts=True)
    weights = estimate(LAYOUT, levels_of(patterns, len(TRAITS)), counts.astype(float))
    assert weights.shares[PERSON] == pytest.approx(SHARE, rel=0.1)
    assert weights.shares[HOUSEHOLD] == pytest.approx(SHARE, rel=0.1)
    joined = weights.scores(LAYOUT, levels, frequency_blind(weights, levels)) > 0
    assert (kind[joined] == PERSON).mean() > 0.98
    assert joined[kind == PERSON].mean() > 0.95


def test_odds_are_calibrated():
    weights, levels, one = learned()
    chances = 1 / (1 + np.exp(-weights.scores(LAYOUT, levels, frequency_blind(weights, levels))))
    for low, high in [(0.0, 0.1), (0.3, 0.7), (0.9, 1.0)]:
        inside = (chances >= low) & (chances <= high)
        assert one[inside].mean() == pytest.approx(chances[inside].mean(), abs=0.1)


def frequency_blind(weights, levels):
    """Log shares of values that are as frequent as the mean of their trait, so that rarity says nothing."""
    total = np.zeros(len(levels))
    for at, parent in enumerate(LAYOUT.parents):
        if parent < 0:
            total += np.where(levels[:, at] == SAME, np.log(weights.tables[STRANGERS][at][0, SAME]), 0.0)
    return total


def test_a_rare_value_in_common_counts_more():
    weights, _, _ = learned(50_000)
    levels = np.full((2, len(TRAITS)), MISSING, np.int8)
    levels[:, LAYOUT.traits.index("surname")] = SAME
    common, rare = weights.scores(LAYOUT, levels, np.log([0.1, 0.0001]))
    assert rare > common


def test_what_is_missing_says_nothing():
    weights, _, _ = learned(50_000)
    levels = np.full((1, len(TRAITS)), MISSING, np.int8)
    assert weights.scores(LAYOUT, levels, np.zeros(1)) == pytest.approx(np.log(SHARE / (1 - SHARE)), abs=0.2)


def test_without_pairs_nobody_is_joined():
    weights = estimate(LAYOUT, np.zeros((0, len(TRAITS)), np.int8), np.zeros(0))
    levels = np.full((1, len(TRAITS)), UNLIKE, np.int8)
    assert weights.scores(LAYOUT, levels, np.zeros(1))[0] < 0


def test_patterns_keep_the_levels():
    levels = np.random.default_rng(1).integers(0, LEVELS, (200, 17)).astype(np.int8)
    assert (levels_of(pattern_of(levels), 17) == levels).all()
