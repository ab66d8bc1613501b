"""The law of hand-overs: its exact probabilities are those of the conversations that it generates."""

import random

import pytest

from services.simulator.handover import (
    KINDS,
    LAST_MESSAGE,
    Situation,
    SoFar,
    handed_over_later,
    hazard,
    kind_weights,
    play,
)

SITUATIONS = [
    Situation("refund", "zh", "chat", 2, 1),
    Situation("purchase", "en", "chat", 0, 0),
    Situation("complaint", "en", "email", 1, 2),
]


@pytest.mark.parametrize("situation", SITUATIONS)
def test_exact_chance_is_the_share_of_conversations_handed_over(situation):
    rng = random.Random(1)
    plays = [play(situation, rng) for _ in range(4000)]
    share = sum(turns[-1].then == "handed_over" for turns in plays) / len(plays)
    weights = kind_weights(situation, SoFar())
    exact = sum(w * handed_over_later(situation, SoFar().after_message(k)) for k, w in zip(KINDS, weights, strict=True))
    assert share == pytest.approx(exact, abs=0.03)


@pytest.mark.parametrize("situation", SITUATIONS)
def test_kinds_of_messages_are_a_distribution(situation):
    for fails in range(LAST_MESSAGE):
        for slow in range(3):
            weights = kind_weights(situation, SoFar(fails=fails, slow=slow))
            assert min(weights) >= 0
            assert sum(weights) == pytest.approx(1)


def test_later_is_never_less_likely_than_now():
    rng = random.Random(3)
    turns = [turn for s in SITUATIONS for _ in range(300) for turn in play(s, rng)]
    assert all(0 < turn.hazard <= turn.later <= 1 for turn in turns)


def test_asking_for_a_human_and_repeating_make_a_handover_more_likely():
    situation = SITUATIONS[0]
    calm = hazard(situation, SoFar(fails=1))
    assert hazard(situation, SoFar(fails=1, repeats=1)) > 1.5 * calm
    assert hazard(situation, SoFar(fails=1, asks=1)) > 3 * calm


def test_conversations_end_after_the_last_message():
    rng = random.Random(4)
    lengths = {len(play(SITUATIONS[0], rng)) for _ in range(3000)}
    assert max(lengths) == LAST_MESSAGE
    assert 1 in lengths
