"""Attacks on the guarantee. Each raises `Leak` when it learns what it must not; chance alone once in 10^6 runs.

The short form is quick; with MANGROVE_AUDIT=long each takes the numbers that are worth publishing.
"""

import ast
import math
import os
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import stats

from privacy.dp import mechanism
from privacy.dp.accounting import Share, sensitivities
from privacy.dp.keys import CandidateKeys
from privacy.dp.types import ContributionBounds, NanoRho
from tests.unit.dp import marts
from tests.unit.dp.reservations import a_reservation

LONG = os.environ.get("MANGROVE_AUDIT") == "long"
CHANCE = 1e-7
DP = Path(mechanism.__file__).parent
BEFORE_THE_NOISE = ("aggregates", "keys", "lots", "rows", "sampler", "truncation")

Draws = npt.NDArray[np.int64]


class Leak(AssertionError):
    """An attack learned what it must not."""


def size(short: int, long: int) -> int:
    return long if LONG else short


def noise_law(scale: float = 12.0) -> None:
    """The noise must follow the discrete Gaussian that its privacy map speaks of: 10^6 draws in the long form."""
    noise = mechanism.calibrate(Share(1.0, NanoRho(math.ceil(1e9 / (2 * scale**2)))))
    few, many = size(8_000, 100_000), size(200_000, 1_000_000)
    short_vectors = [noise.on(np.zeros(mechanism.SHORT, np.int64)) for _ in range(few // mechanism.SHORT)]
    for draws in (np.concatenate(short_vectors), noise.on(np.zeros(many, np.int64))):
        if not fits_discrete_gaussian(draws, scale):
            raise Leak("The noise does not follow its law.")
        if abs(float(np.corrcoef(draws[:-1], draws[1:])[0, 1])) * math.sqrt(len(draws)) > stats.norm.isf(CHANCE / 2):
            raise Leak("The noise is correlated.")


def fits_discrete_gaussian(draws: Draws, scale: float) -> bool:
    """Chi-square of the counts in every integer against the exact probabilities, tails pooled."""
    reach = math.ceil(3 * scale)
    support = np.arange(-40 * reach, 40 * reach + 1)
    weights = np.exp(-(support**2) / (2 * scale**2))
    probability = weights / weights.sum()
    inside = np.abs(support) <= reach
    expected = np.append(probability[inside], probability[~inside].sum()) * len(draws)
    counted = np.bincount(draws[np.abs(draws) <= reach] + reach, minlength=2 * reach + 1)
    seen = np.append(counted, (np.abs(draws) > reach).sum())
    statistic = float(((seen - expected) ** 2 / expected).sum())
    return statistic < float(stats.chi2.isf(CHANCE, len(expected) - 1))


def some_rows(rng: np.random.Generator) -> list[marts.RowWithToken]:
    """A mart of four people, of whom one is greedy, with extreme values and rows without them."""
    rows: list[marts.RowWithToken] = []
    for n in range(rng.integers(1, 40)):
        person = ("p0", "p0", "p0", "p1", "p2", "p3")[rng.integers(0, 6)]
        channel = ("web", "app", "chat", "fax", None)[rng.integers(0, 5)]
        language = ("zh", "en", None)[rng.integers(0, 3)]
        value = (None, -(2**63), 2**63 - 1, int(rng.integers(-99, 300)))[rng.integers(0, 4)]
        rows.append((person, channel, language, value, f"t{n}"))
    return rows


def neighbours() -> None:
    """No vector may differ between neighbours by more than its sensitivity: 10,000 pairs in the long form."""
    rng = np.random.default_rng()
    for _ in range(size(400, 10_000)):
        rows = some_rows(rng)
        bounds = ContributionBounds(int(rng.integers(1, 5)), int(rng.integers(1, 4)))
        without = [rows[place] for place in rng.permutation(len(rows)) if rows[place][0] != "p0"]
        left, right = (marts.exact(marts.with_tokens(mart), bounds, marts.ALL_MEASURES) for mart in (rows, without))
        for measure, one, other in zip(marts.ALL_MEASURES, left.vectors, right.vectors, strict=True):
            for here, there, most in zip(one, other, sensitivities(measure, bounds), strict=True):
                if sum(int(step) ** 2 for step in here - there) > Fraction(most) ** 2:
                    raise Leak("One person moved a vector by more than its sensitivity.")


def order_of_rows() -> None:
    """The order of rows and how files are cut must not show in anything."""
    rng = np.random.default_rng()
    for _ in range(size(100, 2_000)):
        rows = some_rows(rng)
        shuffled = [rows[place] for place in rng.permutation(len(rows))]
        bounds = ContributionBounds(2, 1)
        whole, parts = (marts.with_tokens(mart) for mart in (rows, shuffled))
        parts = parts.combine_chunks() if len(rows) % 2 else _in_pieces(parts, rng)
        left, right = (marts.exact(mart, bounds, marts.ALL_MEASURES) for mart in (whole, parts))
        for one, other in zip(left.vectors, right.vectors, strict=True):
            if not all(np.array_equal(here, there) for here, there in zip(one, other, strict=True)):
                raise Leak("The order of rows shows in an aggregate.")


def _in_pieces(mart: marts.pa.Table, rng: np.random.Generator) -> marts.pa.Table:
    cut = int(rng.integers(0, mart.num_rows + 1))
    return marts.pa.concat_tables([mart.slice(cut), mart.slice(0, cut)])


def choice_of_rows() -> None:
    """Which rows stay must have nothing to do with their value, nor with when they came."""
    people = size(1_000, 20_000)
    rows = [(f"p{person}", "web", "zh", value) for person in range(people) for value in range(10)]
    kept = marts.bounded(marts.table(rows), ContributionBounds(1, 3)).rows
    assert kept is not None
    spread = stats.norm.isf(CHANCE / 2) * 2.88 / math.sqrt(3 * people)
    if abs(float(kept.columns["wait_s"].values.mean()) - 4.5) > spread:
        raise Leak("Which rows stay depends on their value or their time.")


def heavy_user() -> None:
    """One person with 5,000 rows of the largest value in every group reaches the sensitivity and no more."""
    bounds = ContributionBounds(2, 3)
    groups = [(channel, language) for channel in marts.KEYS.values[0] for language in marts.KEYS.values[1]]
    rows = [("heavy", *groups[n % len(groups)], 10**6) for n in range(5_000)]
    found = marts.exact(marts.table(rows), bounds, marts.ALL_MEASURES)
    for measure, vectors in zip(marts.ALL_MEASURES, found.vectors, strict=True):
        for vector, most in zip(vectors, sensitivities(measure, bounds), strict=True):
            if sum(int(step) ** 2 for step in vector) > Fraction(most) ** 2:
                raise Leak("A heavy user was not clamped.")


def keys_of_one_person(delta: float = 0.02, groups: int = 4) -> None:
    """A group that one person alone holds may be shown at a rate of at most delta/K: 20,000 such groups at once."""
    trials = size(20_000, 400_000)
    mart = marts.pa.table(
        {
            "person_id": [f"p{n // groups}" for n in range(trials)],
            "row_token": [f"t{n}" for n in range(trials)],
            "channel": [f"c{n}" for n in range(trials)],
            "language": ["zh"] * trials,
            "wait_s": marts.pa.array([1] * trials, marts.pa.int64()),
        }
    )
    found = marts.exact_candidates(mart, ContributionBounds(groups, 1), (marts.MEASURES[1],))
    assert isinstance(found.keys, CandidateKeys) and found.keys.size == trials
    noisy = mechanism.release(found, a_reservation(1_000_000_000), threshold_delta=delta)
    most = stats.binom.isf(CHANCE, trials, delta / groups)
    if noisy.keys.size > most:
        raise Leak("Groups of one person are shown too often.")


def differencing() -> None:
    """Two answers subtracted must carry the noise of both: none of it is shared."""
    noise = mechanism.calibrate(Share(1.0, NanoRho(5_000_000)))
    cells = size(2_000, 100_000)
    one, other = (noise.on(np.zeros(cells, np.int64)) for _ in range(2))
    spread = math.sqrt(2 / cells) * float(stats.norm.isf(CHANCE))
    if float((one - other).var()) < 2 * noise.scale**2 * (1 - spread):
        raise Leak("The noise of two answers cancels out.")


def averaging(repeats: int = 200) -> None:
    """The mean of many answers that were paid for comes no closer to the truth than their noise allows."""
    noise = mechanism.calibrate(Share(1.0, NanoRho(5_000_000)))
    means = [float(noise.on(np.zeros(64, np.int64)).mean()) for _ in range(repeats)]
    expected = noise.scale**2 / 64
    if not 0.5 * expected < float(np.var(means)) < 2 * expected:
        raise Leak("Repeated answers average out faster than their noise allows.")


def floats_before_the_noise(sources: Sequence[tuple[str, str]] | None = None) -> None:
    """No floating-point number may come near exact aggregates and noise. Only `rows._whole`, which makes whole
    numbers of a column of floats before anything else, knows of them."""
    own = [(name, (DP / f"{name}.py").read_text()) for name in BEFORE_THE_NOISE] if sources is None else sources
    for name, text in own:
        for line in _floats(ast.parse(text)):
            raise Leak(f"A floating-point number before the noise, {name}.py line {line}.")


_FLOAT_NAMES = {"float", "float16", "float32", "float64", "double", "mean", "std", "var", "sqrt", "exp", "average"}


def _floats(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == "_whole":
            node.body = []
    for node in ast.walk(tree):
        match node:
            case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()) | ast.Constant(value=float()):
                yield node.lineno
            case ast.Attribute(attr=name) | ast.Name(id=name) if name in _FLOAT_NAMES:
                yield node.lineno


def seeds(sources: Sequence[tuple[str, str]] | None = None) -> None:
    """Nothing that draws noise or lots may take a seed, or random numbers from anywhere but the operating system."""
    own = [(path.name, path.read_text()) for path in sorted(DP.glob("*.py"))] if sources is None else sources
    for name, text in own:
        for node in ast.walk(ast.parse(text)):
            match node:
                case ast.arg(arg=word) | ast.keyword(arg=word) | ast.Name(id=word) | ast.Attribute(attr=word):
                    if word and any(bad in word.lower() for bad in ("seed", "random_state", "rng", "mersenne")):
                        raise Leak(f"A seed in {name}.")
                case ast.Import(names=names) | ast.ImportFrom(names=names):
                    if any(alias.name.split(".")[0] == "random" for alias in names):
                        raise Leak(f"Random numbers that can be seeded in {name}.")
                case _:
                    pass


def workers() -> None:
    """Processes forked from one must not share noise, neither OpenDP's nor the sampler's."""
    noise = mechanism.calibrate(Share(1.0, NanoRho(1_000)))
    drawn = [_forked(noise, length) for length in (32, mechanism.SHORT + 1) for _ in range(3)]
    drawn += [noise.on(np.zeros(length, np.int64))[:32].tolist() for length in (32, mechanism.SHORT + 1)]
    if len({tuple(numbers) for numbers in drawn}) < len(drawn):
        raise Leak("Two workers drew the same noise.")


def _forked(noise: mechanism.Noise, length: int) -> list[int]:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, noise.on(np.zeros(length, np.int64))[:32].tobytes())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        numbers: list[int] = np.frombuffer(pipe.read(), np.int64).tolist()
    os.waitpid(child, 0)
    return numbers
