"""The one place where exact aggregates become private: discrete Gaussian noise from OpenDP.

Guarantee: `release` is rho-zCDP for the unit person (add or remove one person with all rows), where rho is
what the reservation holds. The privacy map of every measurement, not our formula, says what it costs, and the
sum is compared with the reservation in exact arithmetic before any noise is drawn.
Canonne, Kamath and Steinke 2020, "The Discrete Gaussian for Differential Privacy".
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import opendp.prelude as dp

from privacy.dp.accounting import NANO, Share, split
from privacy.dp.aggregates import ExactAggregates
from privacy.dp.keys import PublicKeys
from privacy.dp.types import ContributionBounds, Measure, NanoRho
from privacy.errors import MangroveError
from privacy.ledger.port import Reservation

dp.enable_features("contrib")


class MapExceedsReservation(MangroveError):
    """The noise would cost more than was reserved. Nothing was drawn."""

    reason = "INTERNAL"

    def __init__(self) -> None:
        super().__init__("The noise would cost more than was reserved: no answer is given. Tell the operator.")


@dataclass(frozen=True, slots=True)
class Noise:
    """Discrete Gaussian noise of one vector: its scale, and its cost in nano-rho by its privacy map."""

    scale: float
    cost: Fraction
    measurement: Any


@dataclass(frozen=True, slots=True)
class NoisyAggregates:
    """For each measure its noisy vectors and their scales. zCDP is closed under post-processing them."""

    measures: tuple[Measure, ...]
    keys: PublicKeys
    vectors: tuple[tuple[list[int], ...], ...]
    scales: tuple[tuple[float, ...], ...]


def _noise(scale: float, sensitivity: float) -> Noise:
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l2_distance(T="f64")
    measurement = dp.m.make_gaussian(*space, scale=scale)
    return Noise(scale, Fraction(measurement.map(sensitivity)) * NANO, measurement)


def calibrate(share: Share) -> Noise:
    """Find the least noise whose privacy map stays within a share."""
    scale = share.sensitivity / math.sqrt(2 * share.rho / NANO)
    noise = _noise(scale, share.sensitivity)
    while noise.cost > share.rho:
        scale = math.nextafter(scale, math.inf)
        noise = _noise(scale, share.sensitivity)
    return noise


def noise_scales(
    measures: Sequence[Measure], bounds: ContributionBounds, price: NanoRho
) -> tuple[tuple[float, ...], ...]:
    """Give the standard deviations of the noise that a price buys, a tuple a measure. They are public."""
    return tuple(tuple(calibrate(share).scale for share in part) for part in split(measures, bounds, price))


def release(exact: ExactAggregates, reservation: Reservation) -> NoisyAggregates:
    """Add noise worth exactly the reservation or less. A reservation pays for one release.

    Raises:
        MapExceedsReservation: if OpenDP's maps add up to more than was reserved; nothing was drawn.
        ReservationUsed: if the reservation has paid for a release before.
    """
    reserved = reservation.take()
    noises = tuple(tuple(calibrate(share) for share in part) for part in split(exact.measures, exact.bounds, reserved))
    if sum(noise.cost for part in noises for noise in part) > reserved:
        raise MapExceedsReservation
    vectors = tuple(
        tuple(noise.measurement(vector.tolist()) for noise, vector in zip(part, secret, strict=True))
        for part, secret in zip(noises, exact.vectors, strict=True)
    )
    scales = tuple(tuple(noise.scale for noise in part) for part in noises)
    return NoisyAggregates(exact.measures, exact.keys, vectors, scales)


@functools.lru_cache(maxsize=1024)
def epsilon_at(rho: NanoRho, delta: float) -> float:
    """Convert rho-zCDP to epsilon at delta, rounded up: OpenDP's conversion of a Gaussian of that rho.

    Args:
        rho: 1 or more.
        delta: Between 0 and 1.
    """
    scale = 1 / math.sqrt(2 * rho / NANO)
    measurement = _scalar(scale)
    while Fraction(measurement.map(1.0)) * NANO < rho:
        scale = math.nextafter(scale, 0)
        measurement = _scalar(scale)
    return float(dp.c.make_zCDP_to_approxDP(measurement).map(1.0).epsilon(delta))


def _scalar(scale: float) -> Any:
    return dp.m.make_gaussian(dp.atom_domain(T="i64"), dp.absolute_distance(T="f64"), scale=scale)
