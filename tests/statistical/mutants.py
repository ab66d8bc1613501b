"""Defences taken out, one by one. Each mutant names the attack that must find it."""

import functools
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from privacy.dp import aggregates, mechanism, rows, sampler, truncation
from privacy.dp.types import ContributionBounds
from tests.statistical import attacks
from tests.unit.dp import marts

Patch = pytest.MonkeyPatch
Mutant = tuple[Callable[[], None], Callable[[Patch], None]]


def _noise_of(factor: Fraction) -> Callable[[Patch], None]:
    def apply(patch: Patch) -> None:
        honest = mechanism._noise

        def weak(scale: Fraction, sensitivity: float) -> mechanism.Noise:
            weaker = scale * factor
            measurement = mechanism._measurement(float(weaker))
            return mechanism.Noise(weaker, honest(scale, sensitivity).cost, measurement)

        patch.setattr(mechanism, "_noise", weak)

    return apply


def _rounded_gaussian(patch: Patch) -> None:
    generator = np.random.default_rng()
    patch.setattr(
        mechanism,
        "discrete_gaussian",
        lambda scale, size: np.trunc(generator.normal(0, float(scale), size)).astype(np.int64),
    )


def _one_draw_for_all(patch: Patch) -> None:
    patch.setattr(mechanism, "discrete_gaussian", lambda scale, size: np.full(size, int(scale)))


def _seeded_bytes(patch: Patch) -> None:
    """A generator that was seeded when the process began: forked workers go on from the same state."""
    generator = np.random.default_rng(7)
    patch.setattr(sampler.os, "urandom", generator.bytes)


def _same_noise_each_time(patch: Patch) -> None:
    drawn = functools.cache(sampler.discrete_gaussian)
    patch.setattr(mechanism, "discrete_gaussian", drawn)


def _no_noise(patch: Patch) -> None:
    patch.setattr(mechanism.Noise, "on", lambda noise, vector: vector)


def _no_bound_on_groups(patch: Patch) -> None:
    patch.setattr(truncation, "_cut_groups", lambda *_: None)


def _no_bound_on_rows(patch: Patch) -> None:
    def loose(there: Any, keys: Any, bounds: ContributionBounds, key: bytes, *, with_rows: bool) -> Any:
        kept = truncation.truncate(there, keys, replace(bounds, rows=10_000), key, with_rows=with_rows)
        object.__setattr__(kept, "bounds", bounds)
        return kept

    patch.setattr(marts, "truncate", loose)


def _bound_one_too_wide(patch: Patch) -> None:
    def loose(there: Any, keys: Any, bounds: ContributionBounds, key: bytes, *, with_rows: bool) -> Any:
        wider = ContributionBounds(bounds.groups + 1, bounds.rows)
        kept = truncation.truncate(there, keys, wider, key, with_rows=with_rows)
        object.__setattr__(kept, "bounds", bounds)
        return kept

    patch.setattr(marts, "truncate", loose)


def _cap_over_all_people(patch: Patch) -> None:
    """The first rows of the table instead of each person's: one person makes room for others."""

    def capped(there: Any, keys: Any, bounds: ContributionBounds, key: bytes, *, with_rows: bool) -> Any:
        first = there.take(np.arange(min(8, len(there.cells))))
        return truncation.truncate(first, keys, bounds, key, with_rows=with_rows)

    patch.setattr(marts, "truncate", capped)


def _no_clipping(patch: Patch) -> None:
    """Only upwards: a value below the first bin of a histogram would end the attack before it can find anything."""

    class Numbers:
        def __getattr__(self, name: str) -> Any:
            return (lambda values, low, _: np.maximum(values // 2**40, low)) if name == "clip" else getattr(np, name)

    patch.setattr(aggregates, "np", Numbers())


def _rows_in_the_order_of_the_table(patch: Patch) -> None:
    honest = rows.draw

    def in_order(names: Any, key: bytes, kind: bytes) -> Any:
        return np.arange(len(names), dtype=np.uint64) if kind == b"row" else honest(names, key, kind)

    patch.setattr(rows, "draw", in_order)


def _no_threshold(patch: Patch) -> None:
    patch.setattr(mechanism, "finding", lambda share, groups, delta: mechanism.Finding(1.0, -(10**9), delta))


def _threshold_of_opendp(patch: Patch) -> None:
    """The tail of a continuous Gaussian where the noise is of whole numbers."""
    honest = mechanism.finding

    def lower(share: Any, groups: int, delta: float) -> mechanism.Finding:
        found = honest(share, groups, delta)
        return mechanism.Finding(found.scale, found.threshold - 2, delta)

    patch.setattr(mechanism, "finding", lower)


_FLOATS = (
    "def f(a): return a / 2",
    "x = 0.5",
    "def f(v): return v.mean()",
    "import numpy as np\nx = np.zeros(3, np.float64)",
    "def f(v):\n    v /= 3",
)
_SEEDS = (
    "def draw(scale, seed=None): ...",
    "import random",
    "import numpy as np\nx = np.random.default_rng(1)",
    "from numpy import random",
)

MUTANTS: dict[str, Mutant] = {
    "noise of scale 0.9": (attacks.noise_law, _noise_of(Fraction(9, 10))),
    "noise of scale 0.97": (attacks.noise_law, _noise_of(Fraction(97, 100))),
    "a continuous Gaussian, cut off": (attacks.noise_law, _rounded_gaussian),
    "one draw for all groups": (attacks.noise_law, _one_draw_for_all),
    "no bound on groups": (attacks.neighbours, _no_bound_on_groups),
    "a bound on groups one too wide": (attacks.neighbours, _bound_one_too_wide),
    "no bound on rows": (attacks.neighbours, _no_bound_on_rows),
    "a cap over all people": (attacks.neighbours, _cap_over_all_people),
    "no clipping": (attacks.neighbours, _no_clipping),
    "a heavy user not clamped": (attacks.heavy_user, _no_bound_on_rows),
    "rows in the order of the table": (attacks.order_of_rows, _rows_in_the_order_of_the_table),
    "the first rows stay": (attacks.choice_of_rows, _rows_in_the_order_of_the_table),
    "keys without a threshold": (attacks.keys_of_one_person, _no_threshold),
    "the threshold of OpenDP 0.16": (attacks.keys_of_one_person, _threshold_of_opendp),
    "noise that cancels out": (attacks.differencing, _same_noise_each_time),
    "noise that is not there": (attacks.averaging, _no_noise),
    "workers with one state": (attacks.workers, _seeded_bytes),
    **{
        f"floats: {text}": ((lambda text=text: attacks.floats_before_the_noise([("mutant", text)])), lambda _: None)
        for text in _FLOATS
    },
    **{f"seeds: {text}": ((lambda text=text: attacks.seeds([("mutant", text)])), lambda _: None) for text in _SEEDS},
}
