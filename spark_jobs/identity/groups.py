"""Which links a group of tokens must give up: over whole arrays of numbered tokens, without their names.

Every step takes all links of a kind out of a group at once, so that no order of rows can matter.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from spark_jobs.identity.guards import DECIDED, MATCHED, MOST_TOKENS, ONE_PERSONS, PERSON_TYPES, RULES, UNIQUE, WEAK

Numbers = NDArray[np.int32]
Mask = NDArray[np.bool_]

TYPE = {name: code for code, name in enumerate(PERSON_TYPES)}
STRENGTHS = np.array([rule.strength for rule in RULES], dtype=np.int8)
"""By the type's code."""
_FIRM = max(rule.strength for rule in RULES)


@dataclass(frozen=True, slots=True)
class Links:
    """Links between numbered tokens: the ends and the strength of each, 0 (by traits alone) to 5 (decided)."""

    a: Numbers
    b: Numbers
    strength: NDArray[np.int8]

    def where(self, which: Mask | NDArray[np.intp]) -> "Links":
        """Some of the links."""
        return Links(self.a[which], self.b[which], self.strength[which])


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of groups.

    Attributes:
        kept: Which links join.
        group: The group of each token.
        whole: The group that it was in before anything was given up.
        between, too_many: The tokens that were left alone, for one reason or the other.
    """

    kept: Mask
    group: Numbers
    whole: Numbers
    between: Mask
    too_many: Mask


def components(count: int, a: Numbers, b: Numbers) -> Numbers:
    """Number the connected component of each of `count` vertices."""
    joined = coo_array((np.ones(len(a), dtype=np.bool_), (a, b)), shape=(count, count))
    labels: Numbers = connected_components(joined, directed=False)[1]
    return labels


def settle(types: NDArray[np.uint8], trusted: Mask, links: Links) -> Settled:
    """Take the groups that hold together apart where the guards want it.

    Only groups that may break a rule are looked at; what they give up stands in `_part`.

    Args:
        types: The type's code of each token.
        trusted: Tokens that join whatever the guards say.
        links: Those that may be used.
    """
    whole = components(len(types), links.a, links.b)
    suspect = _suspect_groups(types, whole)
    inside = np.flatnonzero(suspect[whole])
    kept, group = np.ones(len(links.a), np.bool_), whole.copy()
    between, too_many = np.zeros(len(types), np.bool_), np.zeros(len(types), np.bool_)
    if not len(inside):
        return Settled(kept, group, whole, between, too_many)
    place = np.full(len(types), -1, np.int32)
    place[inside] = np.arange(len(inside), dtype=np.int32)
    theirs = np.flatnonzero(place[links.a] >= 0)
    part = _part(
        types[inside],
        trusted[inside],
        Links(place[links.a[theirs]], place[links.b[theirs]], links.strength[theirs]),
    )
    group[inside] = part.group + (int(whole.max()) + 1)
    kept[theirs], between[inside], too_many[inside] = part.kept, part.between, part.too_many
    return Settled(kept, group, whole, between, too_many)


def _suspect_groups(types: NDArray[np.uint8], group: Numbers) -> Mask:
    """Whether each group is too large, or holds two of what a person has one of."""
    suspect: Mask = np.bincount(group) > MOST_TOKENS
    for one in (UNIQUE, *ONE_PERSONS):
        suspect |= np.bincount(group[types == TYPE[one]], minlength=len(suspect)) > 1
    return suspect


def _part(types: NDArray[np.uint8], trusted: Mask, links: Links) -> Settled:
    """Take groups apart: first what stands between people, then the weakest links of what still breaks a rule.

    In a group with two customer numbers or too many tokens all links of a strength go: those by traits, cookie and
    device, phone and social handle, e-mail and loyalty card. What is left are sightings with a customer number, of
    which each token has at most one, and decisions. Customer numbers that a decision joined, by a merge or by
    trusting a token of both, count as one. Who is still too many then is left alone.
    """
    kept, between = _without_between(types, trusted, links)
    firm = components(len(types), *_ends(links, kept & (links.strength >= _FIRM)))
    customers = np.where(types == TYPE[UNIQUE], firm, -1)
    group = components(len(types), *_ends(links, kept))
    for strength in (MATCHED, *sorted({rule.strength for rule in RULES})[:-1]):
        broken = (np.bincount(group) > MOST_TOKENS) | (_distinct(group, customers) > 1)
        if not broken.any():
            break
        kept = kept & ~(broken[group[links.a]] & (links.strength == strength))
        group = components(len(types), *_ends(links, kept))
    too_many = (np.bincount(group) > MOST_TOKENS)[group]
    kept = kept & ~too_many[links.a]
    return Settled(kept, components(len(types), *_ends(links, kept)), group, between, too_many)


def _without_between(types: NDArray[np.uint8], trusted: Mask, links: Links) -> tuple[Mask, Mask]:
    """Find the devices and cookies that stand between people, such as a public computer, and leave them alone.

    What tokens make without devices and cookies are cores. A group in which two cores have an e-mail address each (or
    a phone number each) would be one person only because people used one thing. It gives up, as long as it is so: the
    devices and cookies that were seen with two such cores; links of devices with cookies; then the devices and
    cookies seen with any two cores. Each cookie or device is with one core at most in the end, so no chain of them
    joins two e-mail addresses.

    Returns:
        The links that are kept, and the tokens that were left alone.
    """
    weak = STRENGTHS[types] == WEAK
    loose = (weak[links.a] | weak[links.b]) & (links.strength < DECIDED)
    core = components(len(types), *_ends(links, ~loose))
    marks = [_holds(core, types == TYPE[one]) for one in ONE_PERSONS]
    strong_core = _holds(core, ~weak)
    both_weak = weak[links.a] & weak[links.b] & loose
    between = np.zeros(len(types), np.bool_)
    kept = np.ones(len(links.a), np.bool_)

    def broken() -> Mask:
        group = components(len(types), *_ends(links, kept))
        crowded = np.zeros(int(group.max()) + 1, np.bool_)
        for mark in marks:
            crowded |= _distinct(group, np.where(mark[core], core, -1)) > 1
        return crowded[group]

    for marked in (marks, None, [strong_core]):
        wrong = broken()
        if not wrong.any():
            break
        if marked is None:
            kept &= ~(both_weak & wrong[links.a])
            continue
        met = _cores_met(core, weak, links.where(np.flatnonzero(kept & loose)))
        seen_between = np.zeros(len(types), np.bool_)
        for mark in marked:
            seen_between |= _distinct(met.a, np.where(mark[met.b], met.b, -1), len(types)) > 1
        between |= seen_between & wrong & weak & ~trusted
        kept &= ~(between[links.a] | between[links.b])
    return kept, between


def _cores_met(core: Numbers, weak: Mask, loose: Links) -> Links:
    """Each device and cookie (a) with the cores (b) that it was seen with, its own among them."""
    ends = [
        (one[weak[one] & ~weak[other]], core[other[weak[one] & ~weak[other]]])
        for one, other in ((loose.a, loose.b), (loose.b, loose.a))
    ]
    own = np.flatnonzero(weak).astype(np.int32)
    things = np.concatenate([*(thing for thing, _ in ends), own])
    cores = np.concatenate([*(met for _, met in ends), core[own]])
    return Links(things, cores, np.zeros(len(things), np.int8))


def _holds(group: Numbers, members: Mask) -> Mask:
    """Whether each group has one of the members."""
    holds = np.zeros(int(group.max()) + 1, np.bool_)
    holds[group[members]] = True
    return holds


def _distinct(group: Numbers, values: Numbers, count: int | None = None) -> NDArray[np.intp]:
    """How many distinct values each group has; -1 is none."""
    there = values >= 0
    pairs = np.unique(group[there].astype(np.int64) << 32 | values[there])
    return np.bincount(pairs >> 32, minlength=count or int(group.max()) + 1)


def _ends(links: Links, which: Mask) -> tuple[Numbers, Numbers]:
    return links.a[which], links.b[which]
