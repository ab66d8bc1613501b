"""The segmentation, and the baselines that it must beat: each gives a person a segment and says how likely they are.

The learner is a mixture of Gaussians with a diagonal covariance over logarithms. On planted people it came closer to
the truth than k-means, and than a mixture with full covariances. The number of segments is the largest one whose last
step still lowers the integrated completed likelihood by a fiftieth (Biernacki, Celeux, Govaert: Assessing a Mixture
Model for Clustering with the Integrated Completed Likelihood, 2000).
"""

from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import logsumexp, xlogy
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from ml.segments.people import INPUTS
from ml.task import Floats

Labels = npt.NDArray[np.int64]

PARAMS: dict[str, float | int | str] = {"covariance_type": "diag", "reg_covar": 0.1, "n_init": 5, "random_state": 7}
MOST_SEGMENTS = 8
_FEWEST_SEGMENTS = 2
_LEAST_GAIN = 0.02
_LEAST_SPREAD = 0.05
_QUANTILES = (1 / 3, 2 / 3)


class Scale:
    """Logarithms of counts, each with mean 0 and spread 1 over the people learned from."""

    def __init__(self, people: pd.DataFrame) -> None:
        logs = _logs(people)
        self.mean, self.spread = logs.mean(axis=0), np.maximum(logs.std(axis=0), _LEAST_SPREAD)

    def __call__(self, people: pd.DataFrame) -> Floats:
        """Scale people: (people, inputs)."""
        return np.asarray((_logs(people) - self.mean) / self.spread)

    @property
    def log_volume(self) -> float:
        """How much scaling shrinks the space, as a logarithm: likelihoods of two scales compare after adding it."""
        return float(np.log(self.spread).sum())


def _logs(people: pd.DataFrame) -> Floats:
    return np.asarray(np.log1p(people[list(INPUTS)].to_numpy(dtype=np.float64)))


class Segmentation(Protocol):
    """Something that tells people apart."""

    def predict(self, people: pd.DataFrame) -> Floats:
        """The segment of each person, from 0, and the negative log likelihood of them: (people, 2)."""
        ...


class Mixture:
    """The segmentation: a mixture of Gaussians over scaled logarithms.

    Args:
        people: Rows of `build_people`.
        segments: How many; None to look for the number.
    """

    def __init__(self, people: pd.DataFrame, segments: int | None = None) -> None:
        self.scale = Scale(people)
        scaled = self.scale(people)
        self.mixture = _chosen(scaled) if segments is None else _mixture(scaled, segments)

    @property
    def segments(self) -> int:
        """How many segments there are."""
        return int(self.mixture.n_components)

    def predict(self, people: pd.DataFrame) -> Floats:
        """The segment of each person, from 0, and the negative log likelihood of them: (people, 2)."""
        scaled = self.scale(people)
        loss = self.scale.log_volume - self.mixture.score_samples(scaled)
        return np.column_stack([self.mixture.predict(scaled), loss])


class Grouped:
    """A baseline: segments that are made otherwise, each described by one Gaussian.

    Args:
        people: Rows of `build_people`.
        assign: Gives each person a segment, from 0.
    """

    def __init__(self, people: pd.DataFrame, assign: "Majority | ByActivity | RawKMeans") -> None:
        self.scale, self.assign = Scale(people), assign
        scaled, labels = self.scale(people), assign.labels(people)
        of = [scaled[labels == n] for n in range(int(labels.max()) + 1)]
        known = [part if len(part) else scaled for part in of]
        self.log_share = np.log([max(1, len(part)) / len(scaled) for part in of])
        self.mean = np.stack([part.mean(axis=0) for part in known])
        self.variance = np.stack([part.var(axis=0) for part in known]) + float(PARAMS["reg_covar"])

    def predict(self, people: pd.DataFrame) -> Floats:
        """The segment of each person, from 0, and the negative log likelihood of them: (people, 2)."""
        scaled = self.scale(people)[:, None, :]
        each = -0.5 * ((scaled - self.mean) ** 2 / self.variance + np.log(2 * np.pi * self.variance)).sum(axis=2)
        loss = self.scale.log_volume - logsumexp(each + self.log_share, axis=1)
        return np.column_stack([self.assign.labels(people), loss])


class Majority:
    """Baseline: everybody is alike."""

    def labels(self, people: pd.DataFrame) -> Labels:
        """Segment 0 for all."""
        return np.zeros(len(people), dtype=np.int64)


class ByActivity:
    """Baseline: three groups of as many people, by pages and messages in all their sessions."""

    def __init__(self, people: pd.DataFrame) -> None:
        self.cuts = np.quantile(_activity(people), _QUANTILES)

    def labels(self, people: pd.DataFrame) -> Labels:
        """The group of each person."""
        return np.searchsorted(self.cuts, _activity(people)).astype(np.int64)


def _activity(people: pd.DataFrame) -> Floats:
    return np.asarray(people["sessions"] * (people["pages"] + people["customer_messages"]), dtype=np.float64)


class RawKMeans:
    """Baseline: k-means on the numbers as they are, scaled only."""

    def __init__(self, people: pd.DataFrame, segments: int) -> None:
        raw = people[list(INPUTS)].to_numpy(dtype=np.float64)
        self.mean, self.spread = raw.mean(axis=0), np.maximum(raw.std(axis=0), _LEAST_SPREAD)
        self.means = KMeans(segments, n_init=5, random_state=7).fit((raw - self.mean) / self.spread)

    def labels(self, people: pd.DataFrame) -> Labels:
        """The nearest mean of each person."""
        raw = people[list(INPUTS)].to_numpy(dtype=np.float64)
        return np.asarray(self.means.predict((raw - self.mean) / self.spread), dtype=np.int64)


def stability(people: pd.DataFrame, segments: int) -> float:
    """How well fits on two halves of the people agree on all of them: adjusted Rand index, 1 is perfect."""
    halves = [people.iloc[half::2] for half in (0, 1)]
    first, second = (Mixture(half, segments).predict(people)[:, 0] for half in halves)
    return float(adjusted_rand_score(first, second))


def _mixture(scaled: Floats, segments: int) -> GaussianMixture:
    return GaussianMixture(segments, **PARAMS).fit(scaled)


def _chosen(scaled: Floats) -> GaussianMixture:
    tried = [_mixture(scaled, n) for n in range(_FEWEST_SEGMENTS, MOST_SEGMENTS + 1)]
    costs = [_completed(one, scaled) for one in tried]
    gains = [(before - after) / abs(before) for before, after in pairwise(costs)]
    best = max((n for n, gain in enumerate(gains, 1) if gain >= _LEAST_GAIN), default=0)
    return tried[best]


def _completed(mixture: GaussianMixture, scaled: Floats) -> float:
    """The integrated completed likelihood, lower is better: BIC and twice the entropy of the segments."""
    shares = mixture.predict_proba(scaled)
    return float(mixture.bic(scaled) - 2 * xlogy(shares, shares).sum())
