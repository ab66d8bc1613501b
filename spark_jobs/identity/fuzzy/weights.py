"""How much each level speaks for one person or for two: Fellegi and Sunter's weights, estimated without labels.

Fellegi, Sunter: A Theory for Record Linkage, JASA 64, 1969. Winkler: Using the EM Algorithm for Weight Computation
in the Fellegi-Sunter Model of Record Linkage, ASA 1988. Pairs are a mixture of three classes (Larsen, Rubin: Iterative
Automated Record Linkage Using Mixture Models, JASA 96, 2001): one person, two of a household, two strangers. With two
classes only, families are taken for persons, for they share more than strangers do. What a household does not share
(given name, date of birth) its people have in common no more often than strangers, else the third class would only
split the first.

In each class traits are independent but for a tree: a trait is judged given its parent's level (Friedman, Geiger,
Goldszmidt: Bayesian Network Classifiers, Machine Learning 29, 1997), because postcodes and towns agree together among
strangers too. The classes' shares are estimated over *all* pairs, not over those compared only, so that a weight
above zero means: more likely one person than two.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spark_jobs.identity.fuzzy.comparison import LEVELS, MISSING, SAME, Levels
from spark_jobs.identity.fuzzy.layout import Layout

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

_FIRST_GUESS = np.array([0.0, 0.70, 0.10, 0.08, 0.05, 0.03, 0.04, 0.02, 0.02])
_FIRST_SHARE = 1e-3
_LEAST_SHARE = 1e-12
_ROUNDS = 300
_STEADY = 1e-7
_PSEUDO_COUNT = 0.5
_BACK_OFF = 10.0
_RARITY = 0.5
_TINY = 1e-300


_PERSON, _HOUSEHOLD, _STRANGERS = range(3)

_OF_HOUSEHOLDS = frozenset(
    ("surname", "country", "state", "birth_place", "city", "postcode", "street", "street_more", "house_number", "phone")
)
"""Traits that people of one household share."""

Tables = tuple[Floats, ...]


@dataclass(frozen=True, slots=True)
class Weights:
    """What was learned of each class (one person, household, strangers): its share of all pairs, and its levels.

    `tables[c][i][p, l]` is how often pairs of class c whose parent trait has level p have level l in trait i, among
    those where it is there.
    """

    shares: tuple[float, ...]
    tables: tuple[Tables, ...]

    def scores(self, layout: Layout, levels: Levels, log_shares: Floats) -> Floats:
        """The log odds that pairs are one person.

        A value in common counts more where it is rare (Winkler: Frequency-Based Matching in Fellegi-Sunter Model of
        Record Linkage, 2000). It is moved half the way from the mean to its own frequency, because a rare surname
        in common may also be a family's.
        """
        person, household, strangers = self._logs(_places(layout, levels))
        usual = np.zeros(len(levels))
        for at, parent in enumerate(layout.parents):
            if parent < 0:
                frequency = np.log(self.tables[_STRANGERS][at][0, SAME] + _TINY)
                usual += np.where(levels[:, at] == SAME, frequency, 0.0)
        scores: Floats = person - np.logaddexp(household, strangers) + _RARITY * (usual - log_shares)
        return scores

    def chances(self, places: list[Places]) -> Floats:
        """How likely pairs belong to each class: classes first, pairs second."""
        logs = self._logs(places)
        chances = np.exp(logs - logs.max(axis=0))
        normed: Floats = chances / chances.sum(axis=0)
        return normed

    def _logs(self, places: list[Places]) -> Floats:
        logs = np.repeat(np.log(self.shares)[:, None], len(places[0]), axis=1)
        for of_class, tables in enumerate(self.tables):
            for table, place in zip(tables, places, strict=True):
                log_table = np.log(table + _TINY)
                log_table[:, MISSING] = 0.0
                logs[of_class] += log_table.ravel()[place]
        return logs


def estimate(layout: Layout, levels: Levels, counts: Floats) -> Weights:
    """Estimate weights by expectation and maximisation, from the distinct patterns of levels and their counts.

    The order of the patterns must be fixed for the result to be bit by bit the same. Where nothing is known
    (no pairs), what is returned joins nobody.
    """
    places = _places(layout, levels)
    seen = [_seen(levels[:, at]) for at in range(len(layout.traits))]
    weights = _first_guess(layout, places, seen, counts)
    total = counts.sum()
    for _ in range(_ROUNDS if total else 0):
        of_classes = counts * weights.chances(places)
        shares = np.clip(of_classes.sum(axis=1) / total, _LEAST_SHARE, 1.0)
        steady = abs(shares[_PERSON] - weights.shares[_PERSON]) < _STEADY * weights.shares[_PERSON]
        person, household, strangers = (_tables(places, seen, of_class) for of_class in of_classes)
        tied = _tables(places, seen, of_classes[_HOUSEHOLD] + of_classes[_STRANGERS])
        tables = (person, _where_shared(layout, household, tied), _where_shared(layout, strangers, tied))
        weights = Weights(tuple(map(float, shares)), tables)
        if steady:
            break
    return weights


def _first_guess(layout: Layout, places: list[Places], seen: list[NDArray[np.bool_]], counts: Floats) -> Weights:
    """A person's pairs are mostly the same, strangers' are as all pairs are, a household's are each where it fits."""
    strangers = _tables(places, seen, counts)
    person = tuple(_guess(mask) for mask in seen)
    tables = (person, _where_shared(layout, person, strangers), strangers)
    return Weights((_FIRST_SHARE, _FIRST_SHARE, 1 - 2 * _FIRST_SHARE), tables)


def _where_shared(layout: Layout, shared: Tables, other: Tables) -> Tables:
    """Take the tables of traits that households share from one side, those of all other traits from the other."""
    return tuple(
        table if trait in _OF_HOUSEHOLDS else otherwise
        for trait, table, otherwise in zip(layout.traits, shared, other, strict=True)
    )


def _places(layout: Layout, levels: Levels) -> list[Places]:
    """Where each pair is found in each trait's table."""
    return [
        levels[:, at] + (LEVELS * levels[:, parent].astype(np.int64) if parent >= 0 else np.int64(0))
        for at, parent in enumerate(layout.parents)
    ]


def _tables(places: list[Places], seen: list[NDArray[np.bool_]], counts: Floats) -> Tables:
    return tuple(_table(place, mask, counts) for place, mask in zip(places, seen, strict=True))


def _seen(of_trait: Levels) -> NDArray[np.bool_]:
    seen = np.bincount(of_trait, minlength=LEVELS) > 0
    seen[MISSING] = False
    return seen


def _guess(seen: NDArray[np.bool_]) -> Floats:
    row = np.where(seen, _FIRST_GUESS, 0.0)
    return np.tile(row / max(row.sum(), _TINY), (LEVELS, 1))


def _table(place: NDArray[np.int64], seen: NDArray[np.bool_], counts: Floats) -> Floats:
    """How often each level is met given the parent's, drawn towards how often it is met at all where pairs are few."""
    table = np.bincount(place, weights=counts, minlength=LEVELS * LEVELS).reshape(LEVELS, LEVELS)
    table[:, MISSING] = 0.0
    overall = np.where(seen, table.sum(axis=0) + _PSEUDO_COUNT, 0.0)
    overall /= max(overall.sum(), _TINY)
    smoothed: Floats = (table + _BACK_OFF * overall) / (table.sum(axis=1, keepdims=True) + _BACK_OFF)
    return smoothed
