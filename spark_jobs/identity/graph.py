"""The kernel: from tokens, links and decisions to people, on one machine, without Spark.

Names become numbers once; all guards are array operations, and the people are the connected components of the links
that are left. Ten million links of 8.3 million tokens take 4.7 GB. A full run holds the graph in one process, an
incremental run only what is affected.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from spark_jobs.identity.decisions import EXCLUDED
from spark_jobs.identity.groups import STRENGTHS, TYPE, Links, Mask, Numbers, settle
from spark_jobs.identity.guards import DECIDED, MATCHED, MOST_TOKENS, PERSON_TYPES, RULES, UNIQUE
from spark_jobs.identity.kinds import EXCLUDE, INCLUDE, MERGE, SPLIT
from spark_jobs.identity.numbering import places, units_of

_AT = pl.Datetime("us", "UTC")
TOKENS = pl.Schema({"token": pl.String(), "type": pl.String(), "first_seen_at": _AT, "same_as": pl.String()})
"""The tokens: since when each is known, and the smallest token of the same value under several keys, null if one."""
OUTSIDE = pl.Schema({"token": pl.String(), "type": pl.String(), "same_as": pl.String(), "barred": pl.Boolean()})
"""Tokens at the far ends of links; `barred` are those that a limit or a decision keeps out of any group."""
PAIRS = pl.Schema({"token_a": pl.String(), "token_b": pl.String(), "events": pl.Int64(), "weight": pl.Float64()})
"""The links: in how many events both ends were seen, and how well their traits match, null if they do not."""
QUARANTINE = pl.Schema({"token": pl.String(), "type": pl.String(), "reason": pl.String(), "neighbours": pl.Int64()})

_LIMITS = [(rule.type, other, limit) for rule in RULES for other, limit in rule.limits.items()]
_REASONS = (
    "",
    *(f"seen with more than {limit} {other}" for _, other, limit in _LIMITS),
    EXCLUDED,
    "seen with e-mails or phones that were never seen together",
    f"of a person with more than {MOST_TOKENS} tokens",
)
_EXCLUDED, _BETWEEN, _TOO_MANY = range(len(_REASONS) - 3, len(_REASONS))


@dataclass(frozen=True, slots=True)
class Resolved:
    """What the kernel found.

    Attributes:
        people: One row a token: token, person_id, shared and group_id, a number of the tokens that hang together
            before anything is given up; null if a limit or a decision keeps the token out of any group.
        quarantine: The tokens that join nobody, and why.
        used: For each link whether it joins people, in the order given.
        reaching: Tokens outside that would join a group here.
    """

    people: pl.DataFrame
    quarantine: pl.DataFrame
    used: pl.Series
    reaching: pl.Series


@dataclass(frozen=True, slots=True)
class _Graph:
    """Numbers for names: the unit and the unit's type of each token, the units of links' and decisions' tokens.

    A unit is what counts as one token; -1 is a token that is not there. `seen` are links that events show.
    """

    unit: Numbers
    types: NDArray[np.uint8]
    a: Numbers
    b: Numbers
    seen: Mask
    standing: pl.DataFrame

    def decided(self, kind: str) -> Mask:
        """The units that decisions of a kind name."""
        named = np.zeros(len(self.types), np.bool_)
        named[self.standing.filter(pl.col("kind") == kind)["unit"].to_numpy()] = True
        return named


def resolve_graph(
    tokens: pl.DataFrame, pairs: pl.DataFrame, standing: pl.DataFrame, outside: pl.DataFrame | None = None
) -> Resolved:
    """Find out which tokens are one person's.

    All versions of a value (`same_as`) count as one token. A person's id comes from the earliest token by
    (first_seen_at, token), so it depends on the events alone.

    Args:
        tokens: Rows of `TOKENS`.
        pairs: Rows of `PAIRS`, each pair once; one with an end that is not there is not used.
        standing: The decisions that count, see `decisions.py`.
        outside: Rows of `OUTSIDE` beyond those to resolve: they count as neighbours and join nobody.
    """
    beyond = OUTSIDE.to_frame() if outside is None else outside
    columns = ["token", "type", "same_as"]
    graph = _number(pl.concat([tokens.select(columns), beyond.select(columns)]), pairs, standing)
    here, there = graph.unit[: len(tokens)], graph.unit[len(tokens) :]
    reasons, neighbours = _limits(graph)
    reasons[graph.decided(INCLUDE)] = 0
    reasons[graph.decided(EXCLUDE)] = _EXCLUDED
    barred = reasons > 0
    barred[there] = beyond["barred"].to_numpy()
    far = np.zeros(len(graph.types), np.bool_)
    far[there] = True
    links, of_pair = _usable(graph, barred)
    near = ~(far[links.a] | far[links.b])
    settled = settle(graph.types, graph.decided(INCLUDE), links.where(near))
    reasons[settled.between], reasons[settled.too_many] = _BETWEEN, _TOO_MANY
    kept = np.zeros(len(near) + 1, np.bool_)
    kept[np.flatnonzero(near)] = settled.kept
    reached = np.zeros(len(graph.types), np.bool_)
    crosses = far[links.a] != far[links.b]
    reached[links.a[crosses]] = reached[links.b[crosses]] = True
    return Resolved(
        _people(tokens, settled.group[here], settled.whole[here], reasons[here] > 0, barred[here]),
        _quarantine(tokens, reasons[here], neighbours[here]),
        pl.Series("used", kept[of_pair] | ((graph.a == graph.b) & (graph.a >= 0))),
        beyond["token"].filter(pl.Series(reached[there])),
    )


def _number(tokens: pl.DataFrame, pairs: pl.DataFrame, standing: pl.DataFrame) -> _Graph:
    unit = units_of(tokens["same_as"])
    types = np.zeros(int(unit.max(initial=-1)) + 1, np.uint8)
    types[unit] = tokens["type"].cast(pl.Enum(PERSON_TYPES)).to_physical().to_numpy()
    of_place = np.append(unit, np.int32(-1))
    a, b, named = (
        of_place[at] for at in places(tokens["token"], pairs["token_a"], pairs["token_b"], standing["token"])
    )
    known = standing.with_columns(unit=named).filter(pl.col("unit") >= 0)
    return _Graph(unit, types, a, b, pairs["events"].to_numpy() > 0, known)


def _limits(graph: _Graph) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The number of the limit that each unit broke, 0 if none, and how many distinct units it was seen with."""
    counted = graph.seen & (graph.a >= 0) & (graph.b >= 0) & (graph.a != graph.b)
    a, b = graph.a[counted], graph.b[counted]
    if len(graph.types) < len(graph.unit):
        keys = np.unique(np.minimum(a, b).astype(np.int64) << 32 | np.maximum(a, b))
        a, b = (keys >> 32).astype(np.int32), (keys & 0xFFFFFFFF).astype(np.int32)
    count = len(graph.types)
    type_a, type_b = graph.types[a], graph.types[b]
    with_type = {
        name: np.bincount(a[type_b == TYPE[name]], minlength=count)
        + np.bincount(b[type_a == TYPE[name]], minlength=count)
        for name in {other for _, other, _ in _LIMITS}
    }
    reasons = np.zeros(count, np.uint8)
    for number, (name, other, limit) in enumerate(_LIMITS, start=1):
        reasons[(reasons == 0) & (graph.types == TYPE[name]) & (with_type[other] > limit)] = number
    return reasons, np.bincount(a, minlength=count) + np.bincount(b, minlength=count)


def _usable(graph: _Graph, barred: Mask) -> tuple[Links, NDArray[np.int64]]:
    """The links that may join: of tokens that are not barred, not two customers, nor apart by a decision.

    Two matched tokens make the weakest link, one with a customer number the strongest, any other is as strong as its
    weaker token. Decisions go before the rules: what they merge is added.

    Returns:
        The links, and which of them each pair is; -1 for none.
    """
    there = (graph.a >= 0) & (graph.b >= 0) & (graph.a != graph.b)
    there &= ~(barred[graph.a] | barred[graph.b]) if len(barred) else False
    at = np.flatnonzero(there)
    a, b = graph.a[at], graph.b[at]
    merged_a, merged_b = _merged(graph.standing, barred)
    merged = np.isin(_keys(a, b), _keys(merged_a, merged_b)) if len(merged_a) else np.zeros(len(a), np.bool_)
    of_a, of_b = STRENGTHS[graph.types[a]], STRENGTHS[graph.types[b]]
    customer = STRENGTHS[TYPE[UNIQUE]]
    strength = np.where((of_a == customer) | (of_b == customer), customer, np.minimum(of_a, of_b))
    strength = np.where(merged, DECIDED, np.where(graph.seen[at], strength, MATCHED)).astype(np.int8)
    apart = _splits(graph)
    may = merged | (((of_a != customer) | (of_b != customer)) & (apart[a] == apart[b]))
    of_pair = np.full(len(graph.a), -1, np.int64)
    of_pair[at[may]] = np.arange(int(may.sum()))
    return (
        Links(
            np.concatenate([a[may], merged_a]),
            np.concatenate([b[may], merged_b]),
            np.concatenate([strength[may], np.full(len(merged_a), DECIDED, np.int8)]),
        ),
        of_pair,
    )


def _merged(standing: pl.DataFrame, barred: Mask) -> tuple[Numbers, Numbers]:
    """Join the tokens of each decision to merge with the smallest of them; those that are barred join nobody."""
    merges = standing.filter(pl.col("kind") == MERGE)
    free = merges.filter(~pl.Series(barred[merges["unit"].to_numpy()], dtype=pl.Boolean))
    joined = free.select(pl.col("unit").sort_by("token").first().over("decision_id").alias("a"), b="unit")
    joined = joined.filter(pl.col("a") != pl.col("b"))
    return joined["a"].to_numpy(), joined["b"].to_numpy()


def _splits(graph: _Graph) -> Numbers:
    """Number the set of decisions to split that name each unit: what is split off stays joined in itself."""
    named = graph.standing.filter(pl.col("kind") == SPLIT).group_by("unit").agg(pl.col("decision_id").unique().sort())
    sets = named.with_columns(number=pl.col("decision_id").list.join(" ").rank("dense").cast(pl.Int32))
    numbers = np.zeros(len(graph.types), np.int32)
    numbers[sets["unit"].to_numpy()] = sets["number"].to_numpy()
    return numbers


def _people(tokens: pl.DataFrame, group: Numbers, whole: Numbers, shared: Mask, barred: Mask) -> pl.DataFrame:
    at, names = tokens["first_seen_at"].to_physical().to_numpy(), tokens["token"]
    of_group = _earliest(at, names, group)
    earliest = names.gather(of_group)
    digests = b"".join([hashlib.sha256(name.encode()).digest() for name in earliest.to_list()])
    words = np.frombuffer(digests, ">i8").reshape(-1, 4)
    hexes = pl.Series(np.ascontiguousarray(words[:, :2]).view("S16").ravel().tolist(), dtype=pl.Binary)
    persons = pl.concat_str(pl.lit("person."), hexes.bin.encode("hex"))
    numbers = (words[:, 0] & np.int64(2**62 - 1)).astype(np.int64)
    # A group's earliest token is that of its whole, or of another part of it.
    of_whole = _earliest(at[of_group], earliest, whole[of_group])
    return pl.DataFrame(
        {
            "token": names,
            "person_id": pl.select(persons).to_series().gather(group),
            "shared": shared,
            "group_id": pl.Series(numbers[of_whole][whole]).set(pl.Series(barred), None),
        }
    )


def _earliest(at: NDArray[np.int64], names: pl.Series, group: Numbers) -> NDArray[np.int64]:
    """Where the earliest token of each group stands, by (first_seen_at, token); anywhere for an empty one."""
    places = np.zeros(int(group.max(initial=-1)) + 1, np.int64)
    candidates = _least(at, group)
    places[group[candidates]] = candidates
    tied = _tied(group, candidates)
    # Most ties are told apart by how the names begin, without comparing names.
    begin = names.gather(tied).str.pad_end(8, "\0").cast(pl.Binary).bin.slice(0, 8)
    begin = begin.bin.reinterpret(dtype=pl.UInt64, endianness="big")
    candidates = tied[_least(begin.to_numpy(), group[tied])]
    places[group[candidates]] = candidates
    tied = _tied(group, candidates)
    ties = pl.DataFrame({"group": group[tied], "name": names.gather(tied), "place": tied})
    least = ties.filter(pl.col("name") == pl.col("name").min().over("group"))
    places[least["group"].to_numpy()] = least["place"].to_numpy()
    return places


def _least(values: NDArray[np.int64] | NDArray[np.uint64], group: Numbers) -> NDArray[np.int64]:
    """Where the smallest value of each group stands, all places of it."""
    least = np.full(int(group.max(initial=-1)) + 1, np.iinfo(values.dtype).max, values.dtype)
    np.minimum.at(least, group, values)
    return np.flatnonzero(values == least[group])


def _tied(group: Numbers, candidates: NDArray[np.int64]) -> NDArray[np.int64]:
    """The candidates that are not the only one of their group."""
    return candidates[np.bincount(group[candidates])[group[candidates]] > 1]


def _quarantine(tokens: pl.DataFrame, reasons: NDArray[np.uint8], neighbours: NDArray[np.int64]) -> pl.DataFrame:
    found = np.flatnonzero(reasons)
    of_reason = pl.Series("reason", _REASONS)
    return tokens[found].select("token", "type", reason=of_reason.gather(reasons[found]), neighbours=neighbours[found])


def _keys(a: Numbers, b: Numbers) -> NDArray[np.int64]:
    keys: NDArray[np.int64] = np.minimum(a, b).astype(np.int64) << 32 | np.maximum(a, b)
    return keys
