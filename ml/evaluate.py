"""How good probabilities are: pure functions of labels and predictions."""

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

Floats = npt.NDArray[np.float64]
BINS = 10


@dataclass(frozen=True, slots=True)
class Metrics:
    """Quality of predicted probabilities on held-out rows.

    `auc` (0.5 to 1, ranking), `log_loss` (nats, lower is better), `brier` (0 to 1, lower is better), `ece`
    (0 to 1: mean gap between said and seen frequency), `average_precision` (area under precision-recall).
    """

    auc: float
    log_loss: float
    brier: float
    ece: float
    average_precision: float

    def named(self, prefix: str) -> dict[str, float]:
        """The metrics as `prefix_name` → value."""
        return {f"{prefix}_{name}": value for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin of a calibration curve: mean prediction, share of positives, rows."""

    said: float
    seen: float
    rows: int


def evaluate(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> Metrics:
    """Measure probabilities against labels (0 or 1); both classes must occur."""
    y, p = np.asarray(labels, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    return Metrics(
        auc=float(roc_auc_score(y, p)),
        log_loss=float(log_loss(y, np.clip(p, 1e-6, 1 - 1e-6), labels=[0, 1])),
        brier=float(brier_score_loss(y, p)),
        ece=expected_calibration_error(y, p),
        average_precision=float(average_precision_score(y, p)),
    )


def calibration(labels: npt.ArrayLike, probabilities: npt.ArrayLike, bins: int = BINS) -> list[Bin]:
    """The calibration curve in equal-width bins of the prediction; empty bins are left out."""
    y, p = np.asarray(labels, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    place = np.minimum((p * bins).astype(int), bins - 1)
    return [
        Bin(float(p[place == b].mean()), float(y[place == b].mean()), int((place == b).sum()))
        for b in range(bins)
        if (place == b).any()
    ]


def expected_calibration_error(labels: npt.ArrayLike, probabilities: npt.ArrayLike, bins: int = BINS) -> float:
    """Mean gap between prediction and frequency over the bins, weighted by rows.

    Naeini, Cooper, Hauskrecht: Obtaining Well Calibrated Probabilities Using Bayesian Binning, AAAI 2015.
    """
    curve = calibration(labels, probabilities, bins)
    return sum(b.rows * abs(b.said - b.seen) for b in curve) / sum(b.rows for b in curve)
