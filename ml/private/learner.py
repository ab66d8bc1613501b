"""Training with differential privacy: an additive model made of noisy counts, and what it promises.

Guarantee: a model of `fit_private` is (epsilon, delta)-differentially private for the unit person: adding or
removing one person with all their rows changes the probability of any model by at most a factor exp(epsilon), but for
an event of probability delta.

Proof sketch. (1) A fresh random key, which has nothing to do with any data, puts each person into one of two groups:
four fifths are learned from, one fifth calibrates. (2) The first group is seen through `release_counts` alone: at
most K rows a person, counted by declared bins and label for all F features and pairs at once, L2 sensitivity
K·sqrt(F), noise worth rho. (3) The second group is seen through `release_counts` alone, too: counts by bin of the
score, whose edges are constants, sensitivity K, noise worth rho. The score is made from (2). (4) A person is in one
of the two groups, so for a person of the first (3) is post-processing of (2), and for one of the second (2) does not
change: rho-zCDP in both cases (Bun and Steinke 2016, lemma 1.7 and proposition 1.4). (5) All else is arithmetic on
noisy counts and constants. Rho becomes epsilon at delta by `privacy.dp.conversion`. Nothing the data says stops the
training or changes its course.

The randomness is the operating system's. There is no seed, so two trainings differ.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ml.private.additive import Floats, Weights, calibrated, likelihood, score, weigh
from ml.private.bins import Bins
from privacy.dp.conversion import epsilon_at
from privacy.dp.learning import Examples, count_examples, release_counts
from privacy.dp.lots import draw
from privacy.dp.types import NanoRho
from privacy.errors import MangroveError

ROWS_PER_PERSON = 3
MOST_ROWS_PER_PERSON = 1_000
MOST_EPSILON = 100.0
MOST_DELTA = 1e-3

_ONE_IN_CALIBRATES = 5
_MOST_RHO = 10**12
_SCORES = Bins({"score": tuple(step / 2 for step in range(-16, 17))})


class GuaranteeUnfit(MangroveError):
    """Terms under which no model can be trained."""

    reason = "GUARANTEE_UNFIT"


@dataclass(frozen=True, slots=True)
class Guarantee:
    """What a privately trained model promises each person it was made from.

    Attributes:
        unit: Who is protected: neighbours differ by one such with all rows, added or removed.
        rows_per_person: The most rows of one person that had a part in the model.
        rho: Billionths of rho of zCDP.
        epsilon: What rho is at `delta`, rounded up.
        delta: How probable it may be that the factor exp(epsilon) does not hold.
        mechanism: Where the noise is from.
    """

    unit: str
    rows_per_person: int
    rho: NanoRho
    epsilon: float
    delta: float
    mechanism: str

    @property
    def sentence(self) -> str:
        """The guarantee as a sentence of the model card."""
        return (
            f"Trained with differential privacy for each {self.unit}, added or removed with all rows: "
            f"epsilon {self.epsilon:.3g} at delta {self.delta:.0e} (rho {self.rho / 10**9:.3g}), "
            f"at most {self.rows_per_person} rows of each; {self.mechanism}."
        )


@dataclass(frozen=True, slots=True, eq=False)
class PrivateModel:
    """An additive model of log-odds over declared bins. Holds nothing but noisy figures, and may be published."""

    bins: Bins
    weights: Weights
    slope: float
    offset: float
    guarantee: Guarantee
    classes_: tuple[int, int] = (0, 1)

    def predict_proba(self, frame: "pd.DataFrame | Floats") -> Floats:
        """Give the probabilities of label 0 and label 1 for each row, shape (n, 2); `Bins.numbers` says what fits."""
        said = likelihood(self.slope * score(self.weights, self.bins.numbers(frame)) + self.offset)
        return np.column_stack([1 - said, said])


def fit_private(
    frame: "pd.DataFrame | Floats",
    labels: npt.ArrayLike,
    persons: Sequence[str],
    *,
    epsilon: float,
    delta: float,
    edges: Bins,
    rows_per_person: int = ROWS_PER_PERSON,
) -> PrivateModel:
    """Train a model that is (epsilon, delta)-differentially private for each person.

    Each call costs its own epsilon: models trained on the same people add up.

    Args:
        frame: The features that `edges` names, a row an example; see `Bins.numbers`.
        labels: 0 or 1 for each row.
        persons: Whose each row is.
        epsilon: Above 0, at most 100.
        delta: Above 0, at most 0.001; well below one in the number of people.
        edges: The declared bins.
        rows_per_person: The most rows of one person that have a part; more rows ask for more noise.

    Raises:
        GuaranteeUnfit: if epsilon, delta or the rows a person are out of range.
        ValueError: if lengths differ or a label is neither 0 nor 1.
    """
    if not 1 <= rows_per_person <= MOST_ROWS_PER_PERSON:
        raise GuaranteeUnfit(f"A person may bring in 1 to {MOST_ROWS_PER_PERSON} rows. Choose such a number.")
    rho = rho_within(epsilon, delta)
    people, own = np.asarray(persons, dtype=str), np.asarray(labels).astype(np.int64)
    if not len(frame) == len(people) == len(own):
        raise ValueError("One label and one person for each row, please.")
    key = os.urandom(32)
    calibrates = draw((person.encode() for person in people), key, b"part") % np.uint64(_ONE_IN_CALIBRATES) == 0
    bins = edges.numbers(frame)
    learned = Examples(people[~calibrates], bins[~calibrates], own[~calibrates])
    weights = weigh(edges, release_counts(count_examples(learned, edges.widths, rows_per_person, key), rho))
    scored = _SCORES.numbers(score(weights, bins[calibrates])[:, None])
    held = Examples(people[calibrates], scored, own[calibrates])
    scores = release_counts(count_examples(held, _SCORES.widths, rows_per_person, key), rho)
    slope, offset = calibrated(scores, weights.at_large)
    return PrivateModel(edges, weights, slope, offset, _guarantee(rho, delta, rows_per_person))


def rho_within(epsilon: float, delta: float) -> NanoRho:
    """Find the most rho whose epsilon at delta is at most `epsilon`.

    Raises:
        GuaranteeUnfit: if epsilon or delta is out of range, or so small that no rho is left.
    """
    if not 0 < epsilon <= MOST_EPSILON or not 0 < delta <= MOST_DELTA:
        raise GuaranteeUnfit(
            f"Epsilon must be above 0 and at most {MOST_EPSILON:g}, delta above 0 and at most {MOST_DELTA:g}."
        )
    least, beyond = 0, _MOST_RHO
    while beyond - least > 1:
        middle = (least + beyond) // 2
        least, beyond = (middle, beyond) if epsilon_at(NanoRho(middle), delta) <= epsilon else (least, middle)
    if least == 0:
        raise GuaranteeUnfit("Epsilon is so small that nothing can be learned. Choose a larger one.")
    return NanoRho(least)


def _guarantee(rho: NanoRho, delta: float, rows_per_person: int) -> Guarantee:
    mechanism = "discrete Gaussian noise on counts by bin and label, from the operating system's randomness"
    return Guarantee("person", rows_per_person, rho, epsilon_at(rho, delta), delta, mechanism)
