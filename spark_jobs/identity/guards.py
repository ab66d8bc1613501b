"""How far each identifier type is trusted: one rule for each, declared here and nowhere else.

What the rules do stands in `graph.py` and `groups.py`, and for readers in docs/identity.md.
"""

import hashlib
from dataclasses import dataclass

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.identity.holdings import HANDED_ON, MOST_HOLDERS, QUIET


@dataclass(frozen=True, slots=True)
class Rule:
    """How far one identifier type is trusted.

    `priority` counts from 1, the strongest. `limits` says with how many distinct tokens of its own and of each
    stronger type a token may be seen; one more, and it is shared. `strength` orders the links that a group with two
    customer numbers, or with too many tokens, loses: those with a token of strength 1 go before the others.
    """

    type: str
    priority: int
    limits: dict[str, int]
    strength: int


UNIQUE = "customer"
RULES: tuple[Rule, ...] = (
    Rule(UNIQUE, 1, {}, 4),
    Rule("loyalty_card", 2, {UNIQUE: 1, "loyalty_card": 5}, 3),
    Rule("email", 3, {UNIQUE: 1, "loyalty_card": 3, "email": 5}, 3),
    Rule("phone", 4, {UNIQUE: 1, "loyalty_card": 3, "email": 5, "phone": 5}, 2),
    Rule("social", 5, {UNIQUE: 1, "loyalty_card": 3, "email": 5, "phone": 5, "social": 5}, 2),
    Rule("device", 6, {UNIQUE: 1, "loyalty_card": 3, "email": 5, "phone": 3, "social": 5}, 1),
    Rule("cookie", 7, {UNIQUE: 1, "loyalty_card": 3, "email": 5, "phone": 3, "social": 5, "device": 5}, 1),
)
PERSON_TYPES = tuple(rule.type for rule in RULES)

MATCHED = 0
"""The strength of a link by traits alone: the first to be given up."""
WEAK = 1
"""The strength of what stands in a room and not in a pocket, perhaps: devices and cookies."""
DECIDED = max(rule.strength for rule in RULES) + 1
"""The strength of a link that somebody decided: it is never given up."""
ONE_PERSONS = ("email", "phone")
"""Two of one of these, never seen together, are taken for two people's if only devices and cookies join them."""
MOST_TOKENS = 200
"""How many tokens a person may have: four years of a browser that forgets its cookies every week."""
MOST_NAMED = 50
"""How many tokens an event may name; one with more (an import gone wrong) names nobody."""

_ALGORITHM = 1
"""Counts up when the same rules come to mean something else, so that all is resolved anew."""


def priority(type_: Column) -> Column:
    """The priority of an identifier type, 1 the strongest; null if it names no person."""
    return F.coalesce(*(F.when(type_ == rule.type, rule.priority) for rule in RULES))


def fingerprint() -> str:
    """Name the rules: what was resolved under others must be resolved anew."""
    said = (RULES, ONE_PERSONS, MOST_TOKENS, MOST_NAMED, HANDED_ON, QUIET, MOST_HOLDERS, _ALGORITHM)
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16]
