"""How alike two encoded records are, trait by trait: a few levels, from tokens and filters alone."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from privacy.linkage import FILTER_BYTES
from spark_jobs.identity.fuzzy.layout import Layout, Rows

MISSING, SAME, UNLIKE = 0, 1, 6
CHANGED_OVER, CHANGED_OVER_ALIKE = 7, 8
LEVELS = 9
"""0 a value is missing, 1 the same, 2 to 5 less and less alike, 6 unlike, 7 and 8 given name and surname are changed
over (the same or alike)."""

Levels = NDArray[np.int8]
Places = NDArray[np.int64]

_ALIKE_FROM = (0.8, 0.6, 0.45, 0.3)
_AT_LEAST_SOUNDS = 4
_BITS = 8 * FILTER_BYTES
_CHUNK = 100_000
_TILE = 25_000
_FEWEST_TILES, _MOST_TILES = 2, 64
_DATE = "birth_date"
_DATE_PARTS = tuple(f"{_DATE}.{part}" for part in ("year_month", "month_day", "year_day", "turned"))


def similarity(a: NDArray[np.uint64], b: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Correlate the bits of filters, row by row: 1 the same, about 0 what chance gives, whatever they hold.

    Dice's coefficient, the usual choice, grows with how full two filters are; the correlation does not.
    """
    both = np.bitwise_count(a & b).sum(axis=1, dtype=np.int64).astype(np.float64)
    of_a = np.bitwise_count(a).sum(axis=1, dtype=np.int64).astype(np.float64)
    of_b = np.bitwise_count(b).sum(axis=1, dtype=np.int64).astype(np.float64)
    scale = np.sqrt(of_a * (_BITS - of_a) * of_b * (_BITS - of_b))
    correlation: NDArray[np.float64] = (_BITS * both - of_a * of_b) / np.where(scale > 0, scale, 1)
    return correlation


def compare(layout: Layout, a: Rows, b: Rows) -> Levels:
    """The level of each pair of rows (first axis) in each trait of the layout (second axis)."""
    levels = np.stack([_levels_of(layout, trait, a, b) for trait in layout.traits], axis=1)
    if "full_name" in layout.traits:
        _judge_names_once(layout, levels)
    return levels


def pattern_of(levels: Levels) -> Places:
    """One number for all levels of a pair: base 9, the first trait first."""
    pattern = np.zeros(len(levels), np.int64)
    for of_trait in levels.T:
        pattern = pattern * LEVELS + of_trait
    return pattern


def levels_of(patterns: Places, traits: int) -> Levels:
    """The levels that `pattern_of` made numbers of."""
    powers = LEVELS ** np.arange(traits - 1, -1, -1, dtype=np.int64)
    return (patterns[:, None] // powers % LEVELS).astype(np.int8)


def log_share(layout: Layout, levels: Levels, a: Rows) -> NDArray[np.float64]:
    """How rare what a pair has in common is: the sum of the log shares of the same values, of traits without parent."""
    alone = np.array(layout.parents) < 0
    shares = a["log_shares"].astype(np.float64)
    total = np.zeros(len(levels))
    for place in np.nonzero(alone)[0]:
        total += np.where(levels[:, place] == SAME, shares[:, place], 0.0)
    return total


def build_compared(pairs: DataFrame, rows: DataFrame, layout: Layout) -> DataFrame:
    """Each pair with pattern (see `pattern_of`) and log_share (see there).

    Records are dealt into tiles, and each two tiles are met by one task with all pairs between them: a record is sent
    once a tile instead of once a pair.
    """
    tiles = min(_MOST_TILES, max(_FEWEST_TILES, rows.count() // _TILE))
    of_low, of_high = _tile_of("low", tiles), _tile_of("high", tiles)
    met = pairs.select(F.least(of_low, of_high).alias("tile_a"), F.greatest(of_low, of_high).alias("tile_b"), "*")
    other, own = F.explode(F.array(*map(F.lit, range(tiles)))).alias("other"), _tile_of("number", tiles)
    sent = rows.select("number", "packed", other).select(
        F.least(own, "other").alias("tile_a"), F.greatest(own, "other").alias("tile_b"), "number", "packed"
    )

    def compare_tile(of_pairs: pa.Table, of_rows: pa.Table) -> pa.Table:
        return compared(layout, of_pairs.drop_columns(["tile_a", "tile_b"]), of_rows)

    return (
        met.groupBy("tile_a", "tile_b").cogroup(sent.groupBy("tile_a", "tile_b")).applyInArrow(compare_tile, _COMPARED)
    )


_COMPARED = "low BIGINT, high BIGINT, blocked BOOLEAN, pattern BIGINT, log_share DOUBLE"


def compared(layout: Layout, of_pairs: pa.Table, of_rows: pa.Table) -> pa.Table:
    """The pairs (low, high, and whatever else) with pattern and log_share; `of_rows` has number and packed of all."""
    numbers = of_rows["number"].to_numpy()
    order = np.argsort(numbers)
    rows = layout.rows(of_rows["packed"])
    low, high = of_pairs["low"].to_numpy(), of_pairs["high"].to_numpy()
    at_low, at_high = (order[np.searchsorted(numbers, side, sorter=order)] for side in (low, high))
    patterns, shares = np.zeros(len(low), np.int64), np.zeros(len(low))
    for chunk in chunks(len(low)):
        levels = compare(layout, rows[at_low[chunk]], rows[at_high[chunk]])
        patterns[chunk], shares[chunk] = pattern_of(levels), log_share(layout, levels, rows[at_low[chunk]])
    return of_pairs.append_column("pattern", pa.array(patterns)).append_column("log_share", pa.array(shares))


def chunks(size: int) -> Iterator[slice]:
    """Cut so many pairs into pieces that fit the processor's memory."""
    return (slice(start, start + _CHUNK) for start in range(0, size, _CHUNK))


def _tile_of(number: str, tiles: int) -> Column:
    return F.pmod(F.xxhash64(number), F.lit(tiles)).cast("int")


def _levels_of(layout: Layout, trait: str, a: Rows, b: Rows) -> Levels:
    at = layout.traits.index(trait)
    whole_a, whole_b = (rows["tokens"][:, layout.tokens.index(trait)] for rows in (a, b))
    alike = similarity(a["filters"][:, at], b["filters"][:, at])
    levels = np.full(len(a), UNLIKE, np.int8)
    for level, least in reversed(list(enumerate(_ALIKE_FROM, start=SAME + 1))):
        levels[alike >= least] = level
    if trait == _DATE:
        levels = _levels_of_dates(layout, levels, a, b)
    else:
        sounds = _same(layout, f"{trait}.sound", a, b)
        levels[sounds & (levels > _AT_LEAST_SOUNDS)] = _AT_LEAST_SOUNDS
    levels[whole_a == whole_b] = SAME
    levels[(whole_a == 0) | (whole_b == 0)] = MISSING
    return levels


def _levels_of_dates(layout: Layout, levels: Levels, a: Rows, b: Rows) -> Levels:
    """A date with two of three parts the same, or day and month changed over, is as alike as one a digit off."""
    of_parts = np.zeros(len(levels), bool)
    for part in _DATE_PARTS:
        of_parts |= _same(layout, part, a, b)
    near, far = 3, 4
    return np.select([of_parts | (levels <= near), levels == far], [near, far], UNLIKE).astype(np.int8)


def _same(layout: Layout, token: str, a: Rows, b: Rows) -> NDArray[np.bool_]:
    if token not in layout.tokens:
        return np.zeros(len(a), bool)
    at = layout.tokens.index(token)
    same: NDArray[np.bool_] = (a["tokens"][:, at] == b["tokens"][:, at]) & (a["tokens"][:, at] != 0)
    return same


def _judge_names_once(layout: Layout, levels: Levels) -> None:
    """Use the whole name only where given name and surname say nothing, or where they may be changed over."""
    whole = levels[:, layout.traits.index("full_name")]
    if "given_name" not in layout.traits or "surname" not in layout.traits:
        return
    given, surname = (levels[:, layout.traits.index(trait)] for trait in ("given_name", "surname"))
    unlike = _AT_LEAST_SOUNDS + 1
    changed = (whole != MISSING) & (whole <= 3) & (given >= unlike) & (surname >= unlike)
    given[changed] = np.where(whole[changed] == SAME, CHANGED_OVER, CHANGED_OVER_ALIKE)
    surname[changed] = MISSING
    whole[(given != MISSING) | (surname != MISSING)] = MISSING
