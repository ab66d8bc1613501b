from dataclasses import replace

from ml.evaluate import Metrics
from ml.gate import judge

GOOD = Metrics(auc=0.8, log_loss=0.4, brier=0.1, ece=0.02, average_precision=0.6)
WORSE = replace(GOOD, auc=0.7, log_loss=0.5)


def test_a_model_that_beats_all_rivals_passes():
    assert judge(GOOD, {"majority": WORSE, "champion": WORSE}).passed


def test_a_model_no_better_than_one_rival_does_not_pass_and_is_told_which():
    verdict = judge(GOOD, {"majority": WORSE, "champion": GOOD})
    assert not verdict.passed
    assert "champion" in verdict.sentence


def test_better_probabilities_do_not_make_up_for_a_worse_ranking():
    verdict = judge(GOOD, {"champion": replace(WORSE, auc=0.85)})
    assert not verdict.passed
    assert "AUC" in verdict.sentence
