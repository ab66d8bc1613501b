"""From rho to epsilon at delta, for one answer and for many.

Inside everything is zCDP, whose rho simply adds up. Outside it is told as epsilon at delta: OpenDP's conversion of a
Gaussian of that rho (Canonne, Kamath and Steinke 2020, proposition 12 and its corollary 13), rounded up. The exact
conversion for continuous Gaussian noise (Balle and Wang 2018) is not used: ours is discrete.
"""

import functools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from opendp.combinators import make_zCDP_to_approxDP
from opendp.domains import atom_domain
from opendp.measurements import make_gaussian
from opendp.metrics import absolute_distance
from opendp.mod import enable_features

from privacy.dp.accounting import NANO
from privacy.dp.types import NanoRho

enable_features("contrib")


@functools.lru_cache(maxsize=1024)
def epsilon_at(rho: NanoRho, delta: float) -> float:
    """Convert rho-zCDP to epsilon at delta.

    Args:
        rho: 0 or more.
        delta: Between 0 and 1.
    """
    if rho == 0:
        return 0.0
    scale = 1 / math.sqrt(2 * rho / NANO)
    measurement = _scalar(scale)
    while Fraction(measurement.map(1.0)) * NANO < rho:
        scale = math.nextafter(scale, 0)
        measurement = _scalar(scale)
    return float(make_zCDP_to_approxDP(measurement).map(1.0).epsilon(delta))


def epsilon_of_many(rhos: Sequence[NanoRho], delta: float) -> float:
    """Give the epsilon at delta of several answers together: the better of zCDP and basic composition.

    Basic composition adds up the epsilon of each at an even part of delta.

    Args:
        rhos: What each cost, 1 or more of them.
        delta: Between 0 and 1, for all together.
    """
    basic = math.fsum(epsilon_at(rho, delta / len(rhos)) for rho in rhos)
    return min(epsilon_at(NanoRho(sum(rhos)), delta), basic)


def _scalar(scale: float) -> Any:
    return make_gaussian(atom_domain(T="i64"), absolute_distance(T="f64"), scale=scale)
