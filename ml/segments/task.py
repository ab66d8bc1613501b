"""The task of finding segments: how people are read, split, grouped and judged."""

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from matplotlib.figure import Figure

from ml.plots import GREEN
from ml.segments.learners import MOST_SEGMENTS, PARAMS, ByActivity, Grouped, Majority, Mixture, RawKMeans, stability
from ml.segments.names import describe
from ml.segments.people import INPUTS, TABLES, read_people
from ml.split import NotEnoughToLearn
from ml.task import Floats, Rows, Split, Task
from spark_jobs.lake.tables import GOLD_SEGMENTS

_LEAST_PEOPLE = 500


class Segments(Task):
    """Segments of people by their behaviour, with the likelihood of each person under them."""

    name = "segments"
    title = "Behaviour segments"
    purpose = (
        "It groups people who behave alike and gives each group a name, so that channels and offers can be planned for "
        "them. It is not made to decide anything about one person."
    )
    limits = (
        "Between two segments lie people who belong to both. Names follow declared rules from the most telling "
        "behaviours and are relative: quick buyers pay more often than others, not always. Text is not looked at."
    )
    tables = TABLES
    unit = "person_id"
    headline = "negative_log_likelihood"
    calibration_limit = 0.2
    calibration_told = "segments found in two halves of the people differ by (1 - adjusted Rand index)"
    output = GOLD_SEGMENTS

    def scored(self, lake_root: str, model: Any, version: int) -> pa.Table:
        """Return everybody's segment by its name."""
        people = self.rows(lake_root).frame
        labels = self.predict(model, people)[:, 0].astype(np.int64)
        names = describe(people, labels)
        told = {
            "person_id": people["person_id"].tolist(),
            "model_version": [version] * len(people),
            "segment": [names[label].english for label in labels],
            "segment_zh": [names[label].chinese for label in labels],
        }
        return pa.table(told, GOLD_SEGMENTS.schema)

    def rows(self, lake_root: str) -> Rows:
        """Read people who may be learned from, one row each.

        Raises:
            TableMissing: if a table was not made yet.
        """
        return Rows(*read_people(lake_root))

    def settings(self) -> Mapping[str, object]:
        """How the model is made."""
        return {**PARAMS, "most_segments": MOST_SEGMENTS, "chosen_by": "integrated completed likelihood"}

    def inputs(self) -> tuple[str, ...]:
        """The features' names."""
        return INPUTS

    def split(self, frame: pd.DataFrame) -> Split:
        """Cut people by a hash of their ids, 60, 20 and 20 %.

        A person is one row over all time; a cut by their first session would leave those who come once to the test.

        Raises:
            NotEnoughToLearn: if there are fewer than 500.
        """
        if len(frame) < _LEAST_PEOPLE:
            raise NotEnoughToLearn(
                f"{len(frame)} people may be learned from, at least {_LEAST_PEOPLE} are needed for segments. "
                "Collect events of more people who allow learning."
            )
        place = frame[self.unit].map(lambda person: zlib.crc32(str(person).encode()) % 5)
        return Split(frame[place < 3], frame[place == 3], frame[place == 4])

    def fit(self, split: Split) -> Any:
        """Fit the mixture on both earlier slices: there is nothing to calibrate."""
        return Mixture(pd.concat([split.train, split.calibrate]))

    def baselines(self, split: Split) -> dict[str, Any]:
        """Fit majority (all alike), rule (thirds by activity) and linear (k-means on raw numbers)."""
        people = pd.concat([split.train, split.calibrate])
        segments = self.fit(split).segments
        return {
            "majority": Grouped(people, Majority()),
            "rule": Grouped(people, ByActivity(people)),
            "linear": Grouped(people, RawKMeans(people, segments)),
        }

    def predict(self, model: Any, frame: pd.DataFrame) -> Floats:
        """The segment of each person, and the negative log likelihood of them: (people, 2)."""
        return np.asarray(model.predict(frame))

    def losses(self, frame: pd.DataFrame, said: Floats) -> Floats:
        """The negative log likelihood of each person, in nats."""
        return np.asarray(said[:, 1])

    def metrics(self, frame: pd.DataFrame, said: Floats) -> dict[str, float]:
        """Mean negative log likelihood, number of segments, shares of the largest and the smallest."""
        sizes = np.unique(said[:, 0], return_counts=True)[1] / len(said)
        return {
            "negative_log_likelihood": float(said[:, 1].mean()),
            "segments": float(len(sizes)),
            "largest_share": float(sizes.max()),
            "smallest_share": float(sizes.min()),
        }

    def miscalibration(self, frame: pd.DataFrame, said: Floats) -> float:
        """How far fits on two halves of the people disagree: 1 − adjusted Rand index."""
        return 1 - stability(frame, len(np.unique(said[:, 0])))

    def plots(self, model: Any, frame: pd.DataFrame, said: Floats) -> dict[str, Figure]:
        """Draw the segments' sizes with their names, and their most telling behaviours."""
        described = list(describe(frame, said[:, 0].astype(np.int64)).values())
        figure = Figure(figsize=(9, 1 + 0.7 * len(described)), layout="tight")
        axes = figure.subplots()
        axes.barh(
            [one.english for one in described][::-1], [one.share for one in described][::-1], color=GREEN, alpha=0.3
        )
        for place, one in enumerate(reversed(described)):
            told = ", ".join(f"{name} ×{ratio:.1f}" for name, ratio in one.ratios.items())
            axes.text(0.005, place, told, va="center", fontsize=8)
        axes.set(xlabel="share of people", title="Segments and what is telling about them, as times the mean")
        return {"segments.png": figure}

    def example(self, frame: pd.DataFrame) -> pd.DataFrame:
        """A person made of medians."""
        return pd.DataFrame({name: [float(frame[name].median())] for name in INPUTS})
