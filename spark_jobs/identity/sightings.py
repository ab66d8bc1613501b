"""What events say of tokens: which were seen, which together, and which are one value under two keys.

Functions over polars frames, for a batch of events at a time. The rows that they give (`OBSERVED`) are aggregates, so
that those of any two sets of events, put together by `combine`, are those of all.
"""

from collections.abc import Iterable

import polars as pl

from spark_jobs.identity.guards import MOST_NAMED, PERSON_TYPES

TOKEN, LINK, ALIAS, CROWDED = "token", "link", "alias", "crowded"
_AT = pl.Datetime("us", "UTC")
OBSERVED = pl.Schema(
    {
        "kind": pl.String(),
        "a": pl.String(),
        "b": pl.String(),
        "type_a": pl.String(),
        "type_b": pl.String(),
        "first_at": _AT,
        "last_at": _AT,
        "events": pl.Int64(),
    }
)
"""One row a kind, `a` and `b`: a token (`a`), a link (`a` < `b`), an alias (`a` < `b`), or an event (`a`) that named
too many tokens, with their number in `events`. What has no second token has the empty string there."""
EVENTS = pl.Schema(
    {
        "event_id": pl.String(),
        "event_at": _AT,
        "identifiers": pl.List(pl.Struct({"type": pl.String(), "token": pl.String()})),
        "aliases": pl.List(pl.Struct({"token": pl.String(), "previous": pl.String()})),
    }
)
"""What is looked at of events."""
HOLDINGS = pl.Schema(
    {"token": pl.String(), "number": pl.Int64(), "holding": pl.String(), "held_from": _AT, "held_until": _AT}
)
"""One row a holding of a token that changed hands, see `holdings.py`."""

_AGGREGATES = (
    pl.col("type_a", "type_b", "first_at").min(),
    pl.col("last_at").max(),
    pl.col("events").sum(),
)


def observe(events: pl.DataFrame, holdings: pl.DataFrame | None = None, only: pl.Series | None = None) -> pl.DataFrame:
    """Say what events show, as rows of `OBSERVED`.

    Null and empty tokens, and types that name no person, are left out: they must never join people. An event that
    names more than 50 tokens names nobody: it is told of as crowded, and nothing else is taken from it.

    Args:
        events: event_id, event_at, identifiers and, where there are any, aliases.
        holdings: Tokens that changed hands; each is called by the holding of the event's time.
        only: Tokens, as events name them: nothing is told but what is about one of them, and no aliases.
    """
    numbered = events.with_row_index("event")
    named = _named(numbered)
    crowded = named.group_by("event").len().filter(pl.col("len") > MOST_NAMED)
    named = named.join(crowded, on="event", how="anti")
    aliases = _aliases(numbered.join(crowded, on="event", how="anti"))
    older = aliases.select("event", "event_at", pl.col("previous").alias("token"), "type")
    sightings = _in_focus(_as_held(named, holdings), only)
    older = _in_focus(_as_held(older, holdings), only)
    found = [_links(sightings), _tokens(pl.concat([sightings, older]))]
    if only is None:
        too_many = numbered.join(crowded, on="event").select(
            "event_id", "event_at", events=pl.col("len").cast(pl.Int64)
        )
        found += [_alias_rows(aliases), _crowded_rows(too_many)]
    return pl.concat(found)


def combine(observed: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Put together what several sets of events show."""
    every = pl.concat([OBSERVED.to_frame(), *observed])
    return every.group_by("kind", "a", "b").agg(*_AGGREGATES).select(OBSERVED.names())


def _named(events: pl.DataFrame) -> pl.DataFrame:
    """One row a distinct person token of an event: event, event_at, token, type."""
    return (
        events.select("event", "event_at", "identifiers")
        .explode("identifiers")
        .unnest("identifiers")
        .filter(pl.col("type").is_in(PERSON_TYPES), pl.col("token") != "")
        .group_by("event", "token")
        .agg(pl.col("event_at").first(), pl.col("type").min())
        .select("event", "event_at", "token", "type")
    )


def _aliases(events: pl.DataFrame) -> pl.DataFrame:
    """One row an alias of an event: event, event_at, type, token, previous. Only like is an alias of like."""
    if "aliases" not in events.columns or events["aliases"].dtype == pl.Null:
        return pl.DataFrame(
            schema={"event": pl.UInt32, "event_at": _AT, "type": pl.String, "token": pl.String, "previous": pl.String}
        )
    kind = {end: pl.col(end).str.extract(r"^([^.]+)\.") for end in ("token", "previous")}
    return (
        events.select("event", "event_at", "aliases")
        .explode("aliases")
        .unnest("aliases")
        .with_columns(type=kind["token"])
        .filter(pl.col("type").is_in(PERSON_TYPES), pl.col("type") == kind["previous"])
        .filter(pl.col("token") != pl.col("previous"))
        .select("event", "event_at", "type", "token", "previous")
    )


def _as_held(named: pl.DataFrame, holdings: pl.DataFrame | None) -> pl.DataFrame:
    """The tokens called by their holdings; `seen_as` is what the event calls them."""
    named = named.with_columns(seen_as="token")
    if holdings is None or holdings.is_empty():
        return named
    begun = pl.col("held_from").is_null() | (pl.col("event_at") >= pl.col("held_from"))
    lasts = pl.col("held_until").is_null() | (pl.col("event_at") < pl.col("held_until"))
    return (
        named.join(holdings, on="token", how="left")
        .filter(begun & lasts)
        .with_columns(token=pl.coalesce("holding", "token"))
        .select("event", "event_at", "type", "token", "seen_as")
        .select(named.columns)
    )


def _in_focus(named: pl.DataFrame, only: pl.Series | None) -> pl.DataFrame:
    """The tokens of events that name one of `only`; `asked` says which of them that are."""
    if only is None:
        return named.with_columns(asked=True)
    marked = named.with_columns(asked=pl.col("seen_as").is_in(only.implode()))
    return marked.filter(pl.col("asked").any().over("event"))


def _tokens(sightings: pl.DataFrame) -> pl.DataFrame:
    tokens = sightings.filter("asked").select("event_at", a="token", type_a="type")
    return _observed(TOKEN, tokens)


def _links(sightings: pl.DataFrame) -> pl.DataFrame:
    several = sightings.filter(pl.len().over("event") > 1)
    ends = {
        end: several.select("event", "event_at", f"asked_{end}", end, f"type_{end}")
        for end, several in (
            (end, several.rename({"token": end, "type": f"type_{end}", "asked": f"asked_{end}"})) for end in ("a", "b")
        )
    }
    pairs = ends["a"].join(ends["b"].drop("event_at"), on="event")
    return _observed(LINK, pairs.filter(pl.col("a") < pl.col("b"), pl.col("asked_a") | pl.col("asked_b")))


def _alias_rows(aliases: pl.DataFrame) -> pl.DataFrame:
    smaller, larger = pl.min_horizontal("token", "previous"), pl.max_horizontal("token", "previous")
    return _observed(ALIAS, aliases.select("event_at", a=smaller, b=larger, type_a="type", type_b="type"))


def _crowded_rows(crowded: pl.DataFrame) -> pl.DataFrame:
    return _observed(CROWDED, crowded.select("event_at", "events", a="event_id", type_a=pl.lit("event")))


def _observed(kind: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Aggregate rows (event_at, a and what else there is) of one kind to rows of `OBSERVED`."""
    blank = {"b": pl.lit(""), "type_b": pl.lit(""), "events": pl.lit(1, pl.Int64)}
    rows = rows.with_columns(
        kind=pl.lit(kind),
        first_at="event_at",
        last_at="event_at",
        **{name: value for name, value in blank.items() if name not in rows.columns},
    )
    return combine([rows.select(OBSERVED.names())])
