"""What merged people lost: the bound of earlier answers, recomputed for the people of a later identity graph.

An answer bounds what one person of its own identity version can change. Take a person of a later version: with all
their rows they may have been n persons of the answer's version, and remove all of these. That is n steps from one
mart to its neighbour, and rho-zCDP gives n²·rho for n steps (group privacy; Bun and Steinke 2016, Proposition 1.9).
Where only a part of somebody became this person, as after a split, that somebody is taken out and put in again
without the part: two steps. Over several answers rho adds up, each with its own n.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from privacy.dp.types import NanoRho


@dataclass(frozen=True, slots=True)
class Merged:
    """The person who lost most, as of one version of the identity graph.

    `steps` is the most steps that any person is from any answer, 1 where nobody was merged or split; `rho` is what
    all answers cost that person who lost most by them.
    """

    identity_version: int
    steps: int
    rho: NanoRho


def merged(history: pl.DataFrame, spent: Mapping[int, NanoRho]) -> Merged:
    """Recompute the bound of answers for the people of the newest version.

    Args:
        history: The identity graph's history: version, token, person_id (null where the token is nobody's any more).
        spent: What was spent on answers from each version; 0 is that of answers without a graph.
    """
    newest = int(history["version"].max() or 0)  # type: ignore[arg-type]
    now = _owners(history, newest)
    lost = [_steps(_owners(history, version), now).with_columns(rho=rho) for version, rho in spent.items() if version]
    # Whoever is one of their answers' persons loses what all answers cost.
    least = NanoRho(sum(spent.values()))
    if not lost:
        return Merged(newest, 1, least)
    people = pl.concat(lost)
    total = people.group_by("person").agg((pl.col("steps") ** 2 * pl.col("rho")).sum())
    without_graph = spent.get(0, 0)
    most = int(total["steps"].max() or 0) + without_graph  # type: ignore[arg-type]
    return Merged(newest, max(1, int(people["steps"].max() or 1)), NanoRho(max(least, most)))  # type: ignore[arg-type]


def _owners(history: pl.DataFrame, version: int) -> pl.DataFrame:
    """Say whose each token was at a version, and the token as it stands in events: `t#2` is t's second holder."""
    known = history.filter(pl.col("version") <= version).sort("version")
    last = known.group_by("token").agg(pl.col("person_id").last().alias("person"))
    return last.drop_nulls("person").with_columns(seen_as=pl.col("token").str.replace("#[0-9]+$", ""))


def _steps(then: pl.DataFrame, now: pl.DataFrame) -> pl.DataFrame:
    """Count for each person of now the steps to a mart of then without them."""
    same = then.join(now, on="token", how="inner", suffix="_now")
    # A token that got holders, or lost them, belongs to whoever has it in events.
    others = [
        then.join(now, on="token", how="anti").join(now, on="seen_as", how="left", suffix="_now"),
        now.join(then, on="token", how="anti")
        .join(then, on="seen_as", how="inner", suffix="_then")
        .select(person="person_then", person_now="person"),
    ]
    pairs = pl.concat([part.select("person", "person_now") for part in (same, *others)]).unique()
    parts = pairs.group_by("person").agg(parts=pl.len())
    return (
        pairs.drop_nulls("person_now")
        .join(parts, on="person", how="inner")
        .group_by(pl.col("person_now").alias("person"))
        .agg(steps=pl.when(pl.col("parts") == 1).then(1).otherwise(2).sum().cast(pl.Int64))
    )
