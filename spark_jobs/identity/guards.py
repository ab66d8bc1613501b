"""Which links may join people: one rule for each identifier type, declared here and nowhere else.

Three guards: a token seen with too many stronger tokens is quarantined (a shared device, a call-centre
phone); two customer numbers never join directly; a group that still holds two customer numbers loses its
weakest links until it holds one.
"""

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.identity.components import build_components


@dataclass(frozen=True, slots=True)
class Rule:
    """How far one identifier type is trusted.

    `priority` counts from 1, the strongest. `limits` says with how many distinct tokens of each stronger
    type a token may be seen; one more, and it is shared. `strength` orders the links that a group with two
    customer numbers loses: those with a token of strength 1 go first.
    """

    type: str
    priority: int
    limits: dict[str, int]
    strength: int


UNIQUE = "customer"
RULES: tuple[Rule, ...] = (
    Rule(UNIQUE, 1, {}, 4),
    Rule("loyalty_card", 2, {UNIQUE: 1}, 3),
    Rule("email", 3, {UNIQUE: 1, "loyalty_card": 3}, 3),
    Rule("phone", 4, {UNIQUE: 1, "loyalty_card": 3, "email": 5}, 2),
    Rule("social", 5, {UNIQUE: 1, "loyalty_card": 3, "email": 5, "phone": 5}, 2),
    Rule("device", 6, {UNIQUE: 1, "loyalty_card": 3, "email": 5, "phone": 3, "social": 5}, 1),
    Rule("cookie", 7, {UNIQUE: 1, "loyalty_card": 3, "email": 5, "phone": 3, "social": 5, "device": 5}, 1),
)
PERSON_TYPES = tuple(rule.type for rule in RULES)


def priority(type_: Column) -> Column:
    """The priority of an identifier type, 1 the strongest; null if it names no person."""
    return F.coalesce(*(F.when(type_ == rule.type, rule.priority) for rule in RULES))


def build_quarantine(links: DataFrame) -> DataFrame:
    """Tokens over a limit: token, type, reason (the limit), neighbours (distinct tokens seen with it)."""
    seen = links.selectExpr("token_a AS token", "type_a AS type", "type_b AS other").unionAll(
        links.selectExpr("token_b", "type_b", "type_a")
    )
    counts = seen.groupBy("token", "type").agg(
        F.count("*").alias("neighbours"),
        *(F.count_if(F.col("other") == t).alias(f"n_{t}") for t in PERSON_TYPES),
    )
    broken = [
        F.when((F.col("type") == rule.type) & (F.col(f"n_{t}") > limit), f"seen with more than {limit} {t}")
        for rule in RULES
        for t, limit in rule.limits.items()
    ]
    return (
        counts.withColumn("reason", F.coalesce(*broken))
        .where("reason IS NOT NULL")
        .select("token", "type", "reason", "neighbours")
    )


def build_usable_links(links: DataFrame, quarantine: DataFrame) -> DataFrame:
    """The links between tokens that are not quarantined, less those between two customer numbers.

    Adds `strength`: a link to a customer number is the last to be given up, any other is as strong as its
    weaker token.
    """
    shared = quarantine.select("token")
    touches_customer = (F.col("type_a") == UNIQUE) | (F.col("type_b") == UNIQUE)
    weaker = F.least(_strength(F.col("type_a")), _strength(F.col("type_b")))
    return (
        links.join(shared.withColumnRenamed("token", "token_a"), on="token_a", how="left_anti")
        .join(shared.withColumnRenamed("token", "token_b"), on="token_b", how="left_anti")
        .where((F.col("type_a") != UNIQUE) | (F.col("type_b") != UNIQUE))
        .withColumn("strength", F.when(touches_customer, max(r.strength for r in RULES)).otherwise(weaker))
        .select("token_a", "token_b", "type_a", "type_b", "strength")
    )


def enforce_uniqueness(usable: DataFrame) -> tuple[DataFrame, DataFrame]:
    """Give up the weakest links of groups with two customer numbers, and return links and components.

    Strength by strength, all links of that strength inside the groups that still hold two customer numbers
    go: cookie and device first, then phone and social handle, then e-mail and loyalty card. What is left in
    the end are direct sightings with a customer number, of which each token has at most one; so each group
    holds at most one. Whole strengths go at once, hence no order of rows can matter.

    Returns:
        The links that may join (token_a, token_b) and the components they make (token, component).
    """
    links = usable
    components = build_components(links.select("token_a", "token_b"))
    for strength in sorted({rule.strength for rule in RULES})[:-1]:
        crowded = _components_with_two(links, components).localCheckpoint()
        if crowded.isEmpty():
            break
        # Links of groups that are whole stay as they are; only the crowded ones are taken apart again.
        in_crowded = components.join(crowded, on="component", how="left_semi").withColumnRenamed("token", "token_a")
        given_up = links.where(F.col("strength") == strength).join(in_crowded, on="token_a", how="left_semi")
        links = links.join(given_up, on=["token_a", "token_b"], how="left_anti").localCheckpoint()
        again = links.join(in_crowded, on="token_a", how="left_semi")
        whole = components.join(crowded, on="component", how="left_anti")
        components = whole.unionByName(build_components(again.select("token_a", "token_b"))).localCheckpoint()
    return links.select("token_a", "token_b"), components


def _components_with_two(links: DataFrame, components: DataFrame) -> DataFrame:
    ends = links.selectExpr("token_a AS token", "type_a AS type").unionAll(links.selectExpr("token_b", "type_b"))
    customers = ends.where(F.col("type") == UNIQUE).select("token").distinct()
    return (
        components.join(customers, on="token", how="left_semi")
        .groupBy("component")
        .count()
        .where("count > 1")
        .select("component")
    )


def _strength(type_: Column) -> Column:
    return F.coalesce(*(F.when(type_ == rule.type, rule.strength) for rule in RULES))
