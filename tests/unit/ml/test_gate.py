import numpy as np
import pandas as pd
import pytest

from ml.gate import gap_between, judge
from ml.next_action.task import HandOver

TASK = HandOver()


def held_out(rows=4000, seed=1):
    """Labels whose true probabilities are known, with what good and bad models say of them."""
    chance = np.random.default_rng(seed)
    truth = chance.uniform(0.05, 0.95, rows)
    frame = pd.DataFrame(
        {
            "handed_over_later": chance.random(rows) < truth,
            "person_id": [f"p{n // 2}" for n in range(rows)],
            "channel": chance.choice(["chat", "voice"], rows),
            "language": chance.choice(["zh", "en"], rows),
        }
    )
    flat = np.full(rows, frame["handed_over_later"].mean())
    return frame, truth, {"majority": flat, "rule": 0.7 * flat + 0.3 * truth, "linear": 0.5 * flat + 0.5 * truth}


def test_a_model_that_says_the_truth_passes_and_each_check_is_told():
    frame, truth, baselines = held_out()
    verdict = judge(TASK, frame, truth, baselines, 0.5 * truth + 0.25)
    assert verdict.passed, verdict.sentence
    assert len(verdict.checks) >= 3 + 1 + 1 + 2 * 4


def test_a_model_no_better_than_the_champion_beyond_chance_does_not_pass_and_is_told():
    frame, truth, baselines = held_out()
    nearly = np.clip(truth + np.random.default_rng(2).normal(0, 1e-4, len(truth)), 0.01, 0.99)
    verdict = judge(TASK, frame, nearly, baselines, truth)
    assert not verdict.passed
    assert "the champion's" in verdict.sentence


def test_probabilities_that_do_not_mean_what_they_say_do_not_pass():
    frame, truth, baselines = held_out()
    verdict = judge(TASK, frame, np.clip(truth + 0.07, 0, 1), baselines, None)
    assert "miscalibration" in verdict.sentence


def test_a_slice_that_collapsed_stops_a_model_that_is_better_on_the_whole():
    frame, truth, baselines = held_out()
    chance = np.random.default_rng(3)
    small = (frame["channel"] == "voice") & (chance.random(len(frame)) < 0.3)
    frame.loc[(frame["channel"] == "voice") & ~small, "channel"] = "chat"
    here = (frame["channel"] == "voice").to_numpy()
    broken = np.where(here, chance.permutation(truth), truth)
    verdict = judge(TASK, frame, broken, baselines, None)
    assert not verdict.passed
    assert "channel=voice" in verdict.sentence


def test_rows_of_one_person_count_as_one_draw():
    chance = np.random.default_rng(4)
    of_person = chance.normal(0.0, 1.0, 200)
    loss = np.repeat(of_person, 50)
    alone = pd.Series(np.arange(10_000).astype(str))
    together = pd.Series(np.repeat(np.arange(200), 50).astype(str))
    narrow, wide = (gap_between(loss, np.zeros(10_000), units) for units in (alone, together))
    assert narrow.mean == wide.mean
    assert (wide.high - wide.low) == pytest.approx((narrow.high - narrow.low) * np.sqrt(50))


def test_the_interval_holds_nineteen_times_in_twenty():
    chance = np.random.default_rng(5)
    held = 0
    for _ in range(400):
        loss = np.repeat(chance.normal(0.3, 1.0, 150), 4) + chance.normal(0, 1, 600)
        gap = gap_between(loss, np.zeros(600), pd.Series(np.repeat(np.arange(150), 4)))
        held += gap.low <= 0.3 <= gap.high
    assert 0.91 <= held / 400 <= 0.985
