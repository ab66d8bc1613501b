"""The identity graph as rows, and how it is made of what was observed: the same for all tokens or for a few.

Columns are those of identity.links, identity.quarantine and identity.people, see `spark_jobs/lake/tables/identity.py`.
"""

from dataclasses import dataclass

import polars as pl

from spark_jobs.identity.graph import OUTSIDE, PAIRS, TOKENS, Resolved, resolve_graph
from spark_jobs.identity.guards import UNIQUE
from spark_jobs.identity.holdings import HANDED_ON, build_holdings
from spark_jobs.identity.numbering import versions_of
from spark_jobs.identity.sightings import ALIAS, CROWDED, LINK, TOKEN
from spark_jobs.lake import tables

CROWD = "names more tokens than an event may"
MATCHES = pl.Schema({"token_a": pl.String(), "token_b": pl.String(), "weight": pl.Float64()})


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of identity.links, identity.quarantine and identity.people."""

    links: pl.DataFrame
    quarantine: pl.DataFrame
    people: pl.DataFrame


def raw(token: str) -> pl.Expr:
    """The token as events name it, of the name of a holding."""
    return pl.col(token).str.replace(r"#\d+$", "")


def find_versions(observed: pl.DataFrame) -> pl.DataFrame:
    """What is one value under several keys, as events show it: token, same_as."""
    return versions_of(observed.filter(pl.col("kind") == ALIAS))


def find_holdings(observed: pl.DataFrame, versions: pl.DataFrame) -> pl.DataFrame:
    """What changed hands, as events show it when they are looked at without holdings: rows of `HOLDINGS`."""
    return build_holdings(spans(links_of(observed)), versions)


def spans(links: pl.DataFrame) -> pl.DataFrame:
    """From when to when what changes hands was seen with each customer: token, holder, first_at, last_at."""
    at = ["first_seen_at", "last_seen_at"]
    both = [
        links.filter(pl.col(f"type_{one}").is_in(HANDED_ON), pl.col(f"type_{other}") == UNIQUE).select(
            raw(f"token_{one}").alias("token"), raw(f"token_{other}").alias("holder"), *at
        )
        for one, other in (("a", "b"), ("b", "a"))
    ]
    return pl.concat(both).rename({"first_seen_at": "first_at", "last_seen_at": "last_at"}).drop_nulls()


def links_of(observed: pl.DataFrame) -> pl.DataFrame:
    """What was seen together, with columns as in identity.links."""
    called = {"a": "token_a", "b": "token_b", "first_at": "first_seen_at", "last_at": "last_seen_at"}
    return observed.filter(pl.col("kind") == LINK).drop("kind").rename(called)


def with_weights(seen: pl.DataFrame, matches: pl.DataFrame, known: pl.Series) -> pl.DataFrame:
    """Links (all columns of identity.links but `weight` and `used`) and the matches of tokens that are known."""
    if matches.is_empty():
        return seen.with_columns(weight=pl.lit(None, pl.Float64))
    of_known = matches.filter(pl.col("token_a").is_in(known.implode()), pl.col("token_b").is_in(known.implode()))
    kind = {end: pl.col(f"token_{end}").str.extract(r"^([^.]+)\.") for end in ("a", "b")}
    return seen.join(
        of_known.select("token_a", "token_b", "weight"), on=["token_a", "token_b"], how="full", coalesce=True
    ).with_columns(
        pl.col("events").fill_null(0),
        type_a=pl.coalesce("type_a", kind["a"]),
        type_b=pl.coalesce("type_b", kind["b"]),
    )


def build_tokens(observed: pl.DataFrame) -> pl.DataFrame:
    """One row a token: token, type, first_seen_at."""
    seen = observed.filter(pl.col("kind") == TOKEN)
    return seen.select(pl.col("a").alias("token"), type="type_a", first_seen_at="first_at")


def described(tokens: pl.DataFrame, versions: pl.DataFrame, holdings: pl.DataFrame) -> pl.DataFrame:
    """The tokens (token, type, first_seen_at) with what they are versions and holdings of."""
    found = tokens.select("token", "type", "first_seen_at")
    found = _looked_up(found, holdings.rename({"token": "seen_as", "holding": "token"}).drop("number"), "token")
    found = found.with_columns(seen_as=pl.coalesce("seen_as", "token"))
    return _looked_up(found, versions.rename({"token": "seen_as"}), "seen_as")


def _looked_up(rows: pl.DataFrame, found: pl.DataFrame, key: str) -> pl.DataFrame:
    """A left join; with nothing it costs nothing."""
    if found.is_empty():
        return rows.with_columns(pl.lit(None, type_).alias(name) for name, type_ in found.schema.items() if name != key)
    return rows.join(found, on=key, how="left")


def build_crowded(observed: pl.DataFrame) -> pl.DataFrame:
    """Rows of identity.quarantine for events that named too many tokens."""
    crowded = observed.filter(pl.col("kind") == CROWDED)
    return crowded.select(
        pl.col("a").alias("token"), pl.col("type_a").alias("type"), pl.lit(CROWD).alias("reason"), neighbours="events"
    )


def resolved_rows(
    tokens: pl.DataFrame, links: pl.DataFrame, standing: pl.DataFrame, outside: pl.DataFrame | None = None
) -> tuple[Rows, pl.Series]:
    """Run the kernel.

    Args:
        tokens: As `described` gives them.
        links: As `with_weights` gives them.
        standing: The decisions that count.
        outside: Rows of identity.people at the far ends of links.

    Returns:
        The rows, and the tokens outside that would join, see `Resolved`.
    """
    beyond = None
    if outside is not None:
        beyond = _by_unit(outside).with_columns(barred=pl.col("group_id").is_null()).select(OUTSIDE.names())
    found: Resolved = resolve_graph(
        _by_unit(tokens).select(TOKENS.names()), links.select(PAIRS.names()), standing, beyond
    )
    people = pl.concat([tokens, found.people.drop("token")], how="horizontal")
    rows = Rows(
        links.with_columns(found.used).select(tables.IDENTITY_LINKS.schema.names),
        found.quarantine.select(tables.IDENTITY_QUARANTINE.schema.names),
        people.select(tables.IDENTITY_PEOPLE.schema.names),
    )
    return rows, found.reaching


def _by_unit(tokens: pl.DataFrame) -> pl.DataFrame:
    """The tokens by what counts as one: the versions of a value, or of one holding of what changed hands."""
    if tokens["same_as"].null_count() == len(tokens):
        return tokens
    holding = pl.col("token").str.extract(r"(#\d+)$").fill_null("")
    return tokens.with_columns(same_as=pl.concat_str("same_as", holding))


def rows_of_all(observed: pl.DataFrame, holdings: pl.DataFrame, matches: pl.DataFrame, standing: pl.DataFrame) -> Rows:
    """Resolve everything.

    Args:
        observed: Rows of `OBSERVED` of all events, their tokens called by `holdings`.
        holdings: Rows of `HOLDINGS`.
        matches: Rows of `MATCHES`.
        standing: The decisions that count.
    """
    tokens = described(build_tokens(observed), find_versions(observed), holdings)
    links = with_weights(links_of(observed), matches, tokens["token"])
    rows, _ = resolved_rows(tokens, links, standing)
    return Rows(rows.links, pl.concat([rows.quarantine, build_crowded(observed)]), rows.people)


def holdings_of(people: pl.DataFrame) -> pl.DataFrame:
    """What rows of identity.people say of things that changed hands: rows of `HOLDINGS`."""
    number = pl.col("token").str.extract(r"#(\d+)$").cast(pl.Int64).fill_null(1)
    held = people.filter(pl.col("held_from").is_not_null() | pl.col("held_until").is_not_null())
    return held.select(
        pl.col("seen_as").alias("token"),
        number.alias("number"),
        pl.col("token").alias("holding"),
        "held_from",
        "held_until",
    )
