"""Training with differential privacy as an option of every yes-or-no task."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ml.binary import BinaryModel, BinaryTask
from ml.private.bins import Bins
from ml.private.learner import PrivateModel
from ml.private.price import train_privately
from ml.task import Split


@dataclass(frozen=True, slots=True)
class Privately:
    """Fit so that the model is differentially private; the privacy unit is a person.

    Attributes:
        bins: The declared bins of the task's inputs.
        epsilon: What a person's rows may cost, above 0.
        delta: The chance that it costs more, as small as one in many more than there are people.
    """

    bins: Bins
    epsilon: float
    delta: float

    def settings(self) -> Mapping[str, object]:
        """Return how it is done."""
        return {"learner": "additive, from noisy counts", "epsilon": self.epsilon, "delta": self.delta}

    def fit(self, task: BinaryTask, split: Split) -> BinaryModel:
        """Fit on the training and the calibration slice; the guarantee is `model.classifier.guarantee`.

        Raises:
            GuaranteeUnfit: if epsilon or delta is out of range.
        """
        return train_privately(task, split, self.bins, epsilon=self.epsilon, delta=self.delta)

    def given_by(self, model: Any) -> bool:
        """Say whether a model has a guarantee at least as strong."""
        classifier = getattr(model, "classifier", None)
        if not isinstance(classifier, PrivateModel):
            return False
        guarantee = classifier.guarantee
        return guarantee.epsilon <= self.epsilon and guarantee.delta <= self.delta
