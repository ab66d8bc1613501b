"""Many draws of discrete Gaussian noise at once: exact, from the operating system's random bits, without a seed.

Karney 2016, "Sampling Exactly from the Normal Distribution", Algorithm D with mean 0 and a rational scale, each step
done for a whole array. Only integers are computed with: a probability is a fraction p/q, and an event of that
probability is a uniform integer below q that is below p.
"""

import os
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import numpy.typing as npt

Draws = npt.NDArray[np.int64]
_Naturals = npt.NDArray[np.uint64]
_Truths = npt.NDArray[np.bool_]
_Places = npt.NDArray[np.intp]

_MAX = np.uint64(2**64 - 1)
_MOST_CANDIDATES = 2**17
_LARGEST = 2**56


def discrete_gaussian(scale: Fraction, size: int) -> Draws:
    """Draw integers whose probability of being n is proportional to exp(-n² / (2·scale²)).

    Args:
        scale: Above 0; numerator and denominator at most 2^56.
        size: How many.

    Raises:
        ValueError: if the scale is out of range.
    """
    above, below = scale.numerator, scale.denominator
    if not 0 < above <= _LARGEST or below > _LARGEST:
        raise ValueError("The scale of the noise is out of range.")
    found: list[Draws] = []
    left = size
    while left > 0:
        drawn: Draws = _accepted(above, below, min(_MOST_CANDIDATES, 4 * left + 64))[:left]
        found.append(drawn)
        left -= len(drawn)
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def _accepted(above: int, below: int, tries: int) -> Draws:
    """Run Algorithm D so many times, and give what it accepted."""
    whole = _successes(tries)
    whole = whole[_all_succeed(whole * (whole - 1))]
    negative = _uniform(np.full(len(whole), 2, np.uint64)) == 0
    least = -(-whole * above // below)
    offset = _uniform(np.full(len(whole), -(-above // below), np.uint64)).astype(np.int64)
    rest = below * (least + offset) - whole * above
    stays = (rest < above) & ~((whole == 0) & (rest == 0) & negative)
    whole, rest = whole[stays], rest[stays]
    value: Draws = np.where(negative, -(least + offset), least + offset)[stays]
    return value[_survives(whole, rest, above)]


def _uniform(bounds: _Naturals) -> _Naturals:
    """Draw a uniform integer below each bound, which is 1 or more."""
    drawn = np.frombuffer(os.urandom(8 * len(bounds)), np.uint64)
    found = drawn % bounds
    again = np.flatnonzero(drawn - found > _MAX - (bounds - np.uint64(1)))
    if len(again):
        found[again] = _uniform(bounds[again])
    return found


def _happens(parts: _Naturals, wholes: _Naturals) -> _Truths:
    """Events of probability parts/wholes."""
    return _uniform(wholes) < parts


def _decays(happens: Callable[[_Places], _Truths], size: int) -> _Truths:
    """Events of probability exp(-gamma), given events of probability gamma, at most 1 (von Neumann's trick)."""
    found = np.zeros(size, np.bool_)
    going, turn = np.arange(size), 1
    while len(going):
        goes_on = happens(going) & (_uniform(np.full(len(going), turn, np.uint64)) == 0)
        found[going[~goes_on]] = turn % 2 == 1
        going, turn = going[goes_on], turn + 1
    return found


def _halves(size: int) -> _Truths:
    """Events of probability exp(-1/2)."""
    two = np.uint64(2)
    return _decays(lambda going: _uniform(np.full(len(going), two)) == 0, size)


def _successes(size: int) -> Draws:
    """Count successes of probability exp(-1/2) until the first failure."""
    counts = np.zeros(size, np.int64)
    going = np.arange(size)
    while len(going):
        going = going[_halves(len(going))]
        counts[going] += 1
    return counts


def _all_succeed(trials: Draws) -> _Truths:
    """Say where so many events of probability exp(-1/2) all happen."""
    stays = np.ones(len(trials), np.bool_)
    turn, going = 0, np.flatnonzero(trials > 0)
    while len(going):
        happened = _halves(len(going))
        stays[going[~happened]] = False
        turn += 1
        going = going[happened & (trials[going] > turn)]
    return stays


def _survives(whole: Draws, rest: Draws, above: int) -> _Truths:
    """Events of probability exp(-x(2k + x)/2) with x = rest/above: k + 1 of the (k+1)-th root of it."""
    stays = np.ones(len(whole), np.bool_)
    parts = rest.astype(np.uint64)
    other = (2 * above * whole + rest).astype(np.uint64)
    size = np.uint64(above)
    wholes = (above * (2 * whole + 2)).astype(np.uint64)
    turn, going = 0, np.arange(len(whole))
    while len(going):
        own = going

        def happens(some: _Places, own: _Places = own) -> _Truths:
            places = own[some]
            first = _happens(parts[places], np.full(len(places), size))
            return first & _happens(other[places], wholes[places])

        survived = _decays(happens, len(own))
        stays[own[~survived]] = False
        turn += 1
        going = own[survived & (whole[own] >= turn)]
    return stays
