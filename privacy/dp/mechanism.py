"""The one place where exact aggregates become private: discrete Gaussian noise.

Guarantee: `release` is rho-zCDP for the unit person (add or remove one person with all rows), where rho is
what the reservation holds; with unknown keys it is so but for an event of probability `Finding.delta`. OpenDP's
privacy map of every measurement, not our formula, says what it costs, and the sum is compared with the
reservation in exact arithmetic before any noise is drawn.

Short vectors get their noise from OpenDP itself; long ones, for which that takes seconds, from `privacy.dp.sampler`,
which follows the same law. Canonne, Kamath and Steinke 2020, "The Discrete Gaussian for Differential Privacy".
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
from opendp.domains import atom_domain, vector_domain
from opendp.measurements import make_gaussian
from opendp.metrics import l2_distance
from opendp.mod import enable_features

from privacy.dp.accounting import NANO, SCALE_BITS, Share, Shares, split
from privacy.dp.aggregates import ExactAggregates, Vector, widths
from privacy.dp.keys import CandidateKeys, PublicKeys, ReleasedKeys
from privacy.dp.sampler import discrete_gaussian
from privacy.dp.types import Measure
from privacy.errors import MangroveError
from privacy.ledger.port import Reservation

enable_features("contrib")

SHORT = 256
"""Vectors of at most so many numbers get their noise from OpenDP."""


class MapExceedsReservation(MangroveError):
    """The noise would cost more than was reserved. Nothing was drawn."""

    reason = "INTERNAL"

    def __init__(self) -> None:
        super().__init__("The noise would cost more than was reserved: no answer is given. Tell the operator.")


@dataclass(frozen=True, slots=True)
class Noise:
    """Discrete Gaussian noise of one vector: its scale, and its cost in nano-rho by its privacy map."""

    exact_scale: Fraction
    cost: Fraction
    measurement: Any

    @property
    def scale(self) -> float:
        """The scale as a float, which holds it exactly."""
        return float(self.exact_scale)

    def on(self, vector: Vector) -> Vector:
        """Draw, and add to each number."""
        if len(vector) == 0:
            return vector
        if len(vector) <= SHORT:
            return np.array(self.measurement(vector.tolist()), np.int64)
        return vector + discrete_gaussian(self.exact_scale, len(vector))


@dataclass(frozen=True, slots=True)
class Finding:
    """How unknown keys are found: a group is shown when its noisy number of people reaches the threshold.

    With a probability of at most `delta` a group shows that one person alone holds.
    """

    scale: float
    threshold: int
    delta: float


@dataclass(frozen=True, slots=True)
class NoisyAggregates:
    """For each measure its noisy vectors and their scales. zCDP is closed under post-processing them.

    `dropped` holds the noisy numbers of kept and dropped rows and their scale, None where they were not asked for.
    """

    measures: tuple[Measure, ...]
    keys: PublicKeys | ReleasedKeys
    vectors: tuple[tuple[npt.NDArray[np.int64], ...], ...]
    scales: tuple[tuple[float, ...], ...]
    dropped: tuple[int, int, float] | None = None


@functools.lru_cache(maxsize=256)
def _measurement(scale: float) -> Any:
    space = vector_domain(atom_domain(T="i64")), l2_distance(T="f64")
    return make_gaussian(*space, scale=scale)


@functools.lru_cache(maxsize=4096)
def _mapped(scale: float, sensitivity: float) -> Fraction:
    return Fraction(_measurement(scale).map(sensitivity)) * NANO


def _noise(scale: Fraction, sensitivity: float) -> Noise:
    return Noise(scale, _mapped(float(scale), sensitivity), _measurement(float(scale)))


def calibrate(share: Share) -> Noise:
    """Find the least noise, of a scale with `SCALE_BITS` bits, whose privacy map stays within a share."""
    scale = share.sensitivity / math.sqrt(2 * share.rho / NANO)
    step = Fraction(2) ** (math.frexp(scale)[1] - SCALE_BITS)
    noise = _noise(math.ceil(Fraction(scale) / step) * step, share.sensitivity)
    while noise.cost > share.rho:
        noise = _noise(noise.exact_scale + step, share.sensitivity)
    return noise


def noise_scales(shares: Shares) -> tuple[tuple[float, ...], ...]:
    """Give the standard deviations of the noise that shares buy, a tuple a measure. They are public."""
    return tuple(tuple(calibrate(share).scale for share in part) for part in shares.measures)


def finding(share: Share, groups: int, delta: float) -> Finding:
    """Say how unknown keys are found.

    A person alone in K groups puts a 1 into each. Each is shown with the probability that the noise reaches the
    threshold less 1, which is at most that of a normal variable reaching the threshold less 2 (Canonne, Kamath and
    Steinke 2020, proposition 25). OpenDP 0.16's own threshold mechanism states less than it costs on integers.

    Args:
        share: What the finding may cost.
        groups: K.
        delta: How probable it may be that a group shows that one person alone holds.
    """
    scale = calibrate(share).scale
    return Finding(scale, 2 + math.ceil(-NormalDist().inv_cdf(delta / groups) * scale * (1 + 1e-9)), delta)


def release(exact: ExactAggregates, reservation: Reservation, *, threshold_delta: float = 0.0) -> NoisyAggregates:
    """Add noise worth exactly the reservation or less. A reservation pays for one release.

    Args:
        exact: What to add noise to.
        reservation: What was paid.
        threshold_delta: With unknown keys: see `finding`.

    Raises:
        MapExceedsReservation: if OpenDP's maps add up to more than was reserved; nothing was drawn.
        ReservationUsed: if the reservation has paid for a release before.
    """
    reserved = reservation.take()
    asked, unknown = exact.asked, exact.persons is not None
    shares = split(asked.measures, asked.bounds, reserved, unknown_keys=unknown, most_rows=asked.most_rows)
    if sum(calibrate(share).cost for share in shares) > reserved:
        raise MapExceedsReservation
    keys, chosen = _shown(exact, shares, threshold_delta)
    vectors = tuple(
        tuple(
            calibrate(share).on(_of_groups(vector, width, chosen))
            for share, vector, width in zip(part, secret, widths(measure), strict=True)
        )
        for measure, part, secret in zip(asked.measures, shares.measures, exact.vectors, strict=True)
    )
    return NoisyAggregates(asked.measures, keys, vectors, noise_scales(shares), _dropped(exact, shares))


_Chosen = npt.NDArray[np.intp] | None


def _shown(exact: ExactAggregates, shares: Shares, delta: float) -> tuple[PublicKeys | ReleasedKeys, _Chosen]:
    if isinstance(exact.keys, PublicKeys):
        return exact.keys, None
    if shares.keys is None or exact.persons is None:
        raise TypeError("Candidates that no threshold stands before.")
    found = finding(shares.keys, exact.asked.bounds.groups, delta)
    noisy = calibrate(shares.keys).on(exact.persons)
    chosen = np.flatnonzero(noisy >= found.threshold)
    return _released(exact.keys, chosen.tolist()), chosen


def _released(keys: CandidateKeys, chosen: Sequence[int]) -> ReleasedKeys:
    return ReleasedKeys(keys.names, tuple(keys.combination(number) for number in chosen))


def _of_groups(vector: Vector, width: int, chosen: _Chosen) -> Vector:
    return vector if chosen is None else vector.reshape(-1, width)[chosen].ravel()


def _dropped(exact: ExactAggregates, shares: Shares) -> tuple[int, int, float] | None:
    if exact.dropped is None or shares.dropped is None:
        return None
    noise = calibrate(shares.dropped)
    kept, dropped = noise.on(exact.dropped).tolist()
    return kept, dropped, noise.scale
