"""The inputs of a model: declared categories and numbers, and the array that learners take."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ml.task import Floats


@dataclass(frozen=True, slots=True)
class Columns:
    """The inputs of a model, in order.

    `categories` has the declared values of each categorical column: a model holds these names and none from data.
    """

    categories: Mapping[str, tuple[str, ...]]
    numbers: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All inputs, categories first."""
        return (*self.categories, *self.numbers)

    @property
    def categorical(self) -> list[bool]:
        """Which inputs are categories."""
        return [name in self.categories for name in self.names]

    def matrix(self, frame: "pd.DataFrame | Floats") -> Floats:
        """Turn rows into floats, (rows, inputs): a category's place among the declared, NaN for others and for none.

        An array is taken to be made already.
        """
        if isinstance(frame, np.ndarray):
            return frame
        made = np.empty((len(frame), len(self.names)))
        for place, name in enumerate(self.names):
            values = frame[name]
            if name in self.categories:
                # `map` with no missing place of a dictionary gives NaN for what is not declared.
                codes = {value: float(code) for code, value in enumerate(self.categories[name])}
                made[:, place] = values.astype("object").map(codes).astype("float64")
            else:
                made[:, place] = values.astype("float64")
        return made

    def example(self, frame: pd.DataFrame) -> pd.DataFrame:
        """One typical row, made of medians and the declared categories: nobody's row."""
        made: dict[str, list[object]] = {name: [values[0]] for name, values in self.categories.items()}
        made |= {name: [float(frame[name].astype("float64").median())] for name in self.numbers}
        return pd.DataFrame(made)
