"""A yes or no with something in its way: the probability of the other is one more input.

Who is handed over to a human does not give up on the bot. Of the two the hand-over leaves more traces, so it is learned
first, and what it says tells trees in one number what they would else have to find in many. A classifier chain (Read
et al., Classifier chains for multi-label classification, 2011) of two links.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin

from ml.task import Floats


class Chained(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A fitted classifier of a label that knows what another says of a rival label.

    Args:
        first: Tells the rival from (rows, inputs).
        then: Tells the label from (rows, inputs and one more): the last is the probability of the rival.
    """

    def __init__(self, first: Any, then: Any) -> None:
        self.first = first
        self.then = then

    def fit(self, inputs: Floats, labels: Floats) -> "Chained":
        """Fit both on (rows, inputs) and (rows, 2) labels, the rival's before the one asked for, each 0 or 1."""
        self.first.fit(inputs, labels[:, 0])
        self.then.fit(self._with_rival(inputs), labels[:, 1])
        self.classes_ = self.then.classes_
        return self

    def decision_function(self, inputs: Floats) -> Floats:
        """Return the log odds of each row."""
        return np.asarray(self.then.decision_function(self._with_rival(inputs)))

    def predict_proba(self, inputs: Floats) -> Floats:
        """Return (rows, 2): the probabilities of no and yes."""
        return np.asarray(self.then.predict_proba(self._with_rival(inputs)))

    def predict(self, inputs: Floats) -> npt.NDArray[np.float64]:
        """Return the likelier of 0 and 1 for each row."""
        return np.asarray(self.then.predict(self._with_rival(inputs)))

    def _with_rival(self, inputs: Floats) -> Floats:
        return np.column_stack([inputs, self.first.predict_proba(inputs)[:, 1]])
