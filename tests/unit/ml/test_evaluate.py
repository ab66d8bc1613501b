import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.evaluate import calibration, evaluate, expected_calibration_error

PREDICTED = st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=200)


def test_metrics_of_a_hand_computed_case():
    metrics = evaluate([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9])
    assert metrics["auc"] == pytest.approx(0.75)
    assert metrics["brier"] == pytest.approx((0.01 + 0.36 + 0.36 + 0.01) / 4)
    assert metrics["log_loss"] == pytest.approx(-np.log([0.9, 0.4, 0.4, 0.9]).mean())
    assert metrics["ece"] == pytest.approx((0.1 + 0.6 + 0.6 + 0.1) / 4)
    assert metrics["average_precision"] == pytest.approx((1 + 2 / 3) / 2)


@given(PREDICTED)
def test_the_calibration_curve_counts_every_row_once(rows):
    labels, probabilities = zip(*rows, strict=True)
    curve = calibration(labels, probabilities)
    assert sum(b.rows for b in curve) == len(rows)
    assert sum(b.rows * b.seen for b in curve) == pytest.approx(sum(labels))
    assert 0 <= expected_calibration_error(labels, probabilities) <= 1


def test_frequencies_that_are_as_said_have_no_calibration_error():
    assert expected_calibration_error([1, 0, 0, 0, 1, 1, 1, 0], [0.25] * 4 + [0.75] * 4) == pytest.approx(0)
