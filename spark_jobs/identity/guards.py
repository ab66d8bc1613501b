"""Which links may join people: one rule for each identifier type, declared here and nowhere else.

Three guards: a token seen with too many stronger tokens is quarantined (a shared device, a call-centre
phone); two customer numbers never join directly; a group that still holds two customer numbers loses its
weakest links until it holds one.
"""

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.identity.components import build_components
from spark_jobs.identity.decisions import EXCLUDED, build_decided, build_merges, without_split
from spark_jobs.identity.kinds import EXCLUDE, INCLUDE, MERGE


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


DECIDED = max(rule.strength for rule in RULES) + 1
"""The strength of a link that somebody decided: it is never given up."""


def build_quarantine(links: DataFrame, tokens: DataFrame, standing: DataFrame) -> DataFrame:
    """Tokens over a limit or excluded: token, type, reason, neighbours (distinct tokens seen with it).

    `tokens` (token, type) are all that were seen; `standing` are the decisions that count, see `decisions.py`.
    """
    over = _build_over(links).join(build_decided(standing, INCLUDE), on="token", how="left_anti")
    excluded = tokens.join(build_decided(standing, EXCLUDE), on="token", how="left_semi").select(
        "token", "type", F.lit(EXCLUDED).alias("reason")
    )
    neighbours = (
        links.selectExpr("token_a AS token").unionAll(links.selectExpr("token_b")).groupBy("token").count()
    ).withColumnRenamed("count", "neighbours")
    return (
        over.join(excluded, on="token", how="left_anti")
        .unionByName(excluded)
        .join(neighbours, on="token", how="left")
        .select("token", "type", "reason", F.coalesce("neighbours", F.lit(0)).alias("neighbours"))
    )


def _build_over(links: DataFrame) -> DataFrame:
    seen = links.selectExpr("token_a AS token", "type_a AS type", "type_b AS other").unionAll(
        links.selectExpr("token_b", "type_b", "type_a")
    )
    counts = seen.groupBy("token", "type").agg(
        *(F.count_if(F.col("other") == t).alias(f"n_{t}") for t in PERSON_TYPES),
    )
    broken = [
        F.when((F.col("type") == rule.type) & (F.col(f"n_{t}") > limit), f"seen with more than {limit} {t}")
        for rule in RULES
        for t, limit in rule.limits.items()
    ]
    return counts.select("token", "type", F.coalesce(*broken).alias("reason")).where("reason IS NOT NULL")


def build_usable_links(links: DataFrame, quarantine: DataFrame, standing: DataFrame) -> DataFrame:
    """The links between tokens that are not quarantined, less those between two customer numbers.

    Adds `strength`: a link to a customer number is the last to be given up, any other is as strong as its
    weaker token. Decisions go before the rules: what they split is left out, what they merge is added.
    """
    seen = _build_seen(links, quarantine).transform(lambda seen: without_split(seen, standing))
    merged = build_merges(standing).transform(lambda merged: _without(merged, quarantine))
    merged = merged.select(
        "token_a",
        "token_b",
        *(F.substring_index(f"token_{end}", ".", 1).alias(f"type_{end}") for end in ("a", "b")),
        F.lit(DECIDED).alias("strength"),
    )
    return seen.join(merged, on=["token_a", "token_b"], how="left_anti").unionByName(merged)


def _build_seen(links: DataFrame, quarantine: DataFrame) -> DataFrame:
    touches_customer = (F.col("type_a") == UNIQUE) | (F.col("type_b") == UNIQUE)
    weaker = F.least(_strength(F.col("type_a")), _strength(F.col("type_b")))
    return (
        _without(links, quarantine)
        .where((F.col("type_a") != UNIQUE) | (F.col("type_b") != UNIQUE))
        .withColumn("strength", F.when(touches_customer, max(r.strength for r in RULES)).otherwise(weaker))
        .select("token_a", "token_b", "type_a", "type_b", "strength")
    )


def _without(links: DataFrame, quarantine: DataFrame) -> DataFrame:
    """The links of which no end is quarantined."""
    for end in ("token_a", "token_b"):
        links = links.join(quarantine.select(F.col("token").alias(end)), on=end, how="left_anti")
    return links


def enforce_uniqueness(usable: DataFrame, standing: DataFrame) -> tuple[DataFrame, DataFrame]:
    """Give up the weakest links of groups with two customer numbers, and return links and components.

    Strength by strength, all links of that strength inside the groups that still hold two customer numbers
    go: cookie and device first, then phone and social handle, then e-mail and loyalty card. What is left in
    the end are direct sightings with a customer number, of which each token has at most one; so each group
    holds at most one. Whole strengths go at once, hence no order of rows can matter. Customer numbers that a
    decision joined, by a merge or by trusting a token of both, count as one.

    Returns:
        The links that may join (token_a, token_b) and the components they make (token, component).
    """
    links = usable
    customers = _build_customers(usable, standing).localCheckpoint()
    components = build_components(links.select("token_a", "token_b"))
    for strength in sorted({rule.strength for rule in RULES})[:-1]:
        crowded = _build_crowded(customers, components).localCheckpoint()
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


def _build_customers(links: DataFrame, standing: DataFrame) -> DataFrame:
    """The customer numbers (token) of links, and the customer that each of them is."""
    ends = links.selectExpr("token_a AS token", "type_a AS type").unionAll(links.selectExpr("token_b", "type_b"))
    numbers = ends.where(F.col("type") == UNIQUE).select("token").distinct()
    if standing.where(F.col("kind").isin(MERGE, INCLUDE)).isEmpty():
        return numbers.withColumn("customer", F.col("token"))
    firm = build_components(links.where(F.col("strength") > RULES[1].strength).select("token_a", "token_b"))
    return numbers.join(firm, on="token", how="left").select(
        "token", F.coalesce("component", "token").alias("customer")
    )


def _build_crowded(customers: DataFrame, components: DataFrame) -> DataFrame:
    """The components (component) that hold two customers."""
    return (
        components.join(customers, on="token")
        .groupBy("component")
        .agg(F.count_distinct("customer").alias("customers"))
        .where("customers > 1")
        .select("component")
    )


def _strength(type_: Column) -> Column:
    return F.coalesce(*(F.when(type_ == rule.type, rule.strength) for rule in RULES))
