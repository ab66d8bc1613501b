"""What new events, decisions and matches change in the identity graph: only what they touch is resolved again.

Affected are the groups that hang together before any link is given up (`group_id`) of every token that is touched:
no guard looks beyond its group but the limits, and those look at a token's own links only. Inside, the kernel runs as
it runs for all; so the rows are those of a full run.
"""

from dataclasses import dataclass

import polars as pl

from spark_jobs.identity.area import Area, State, distinct
from spark_jobs.identity.holdings import HANDED_ON, build_holdings
from spark_jobs.identity.numbering import versions_of
from spark_jobs.identity.sightings import ALIAS, CROWDED, LINK, TOKEN, combine, observe
from spark_jobs.identity.state import (
    Rows,
    build_crowded,
    build_tokens,
    described,
    holdings_of,
    links_of,
    raw,
    resolved_rows,
    spans,
    with_weights,
)

_SEEN = ["token_a", "token_b", "type_a", "type_b", "first_seen_at", "last_seen_at", "events"]


@dataclass(frozen=True, slots=True)
class News:
    """What is new since the state.

    Attributes:
        counted: Events that the links hold already, but the people may not.
        fresh: Events that the links do not hold yet.
        touched: Tokens whose decisions or matches changed.
        standing: The decisions that count now.
    """

    counted: pl.DataFrame
    fresh: pl.DataFrame
    touched: pl.Series
    standing: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Patch:
    """The rows of what is affected, and those of identity.links and identity.people in whose place they come.

    Who was affected and is not in the new quarantine, is not quarantined.
    """

    new: Rows
    old_links: pl.DataFrame
    old_people: pl.DataFrame


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the news show inside an area.

    Attributes:
        observed: Rows of `OBSERVED` to add to the state.
        versions: What is one value under several keys.
        holdings: What changed hands.
        again: Tokens, as events name them, whose holdings changed: `observed` is all that is known of them.
        nearby: Tokens, as events name them, around which something changed by that.
    """

    observed: pl.DataFrame
    versions: pl.DataFrame
    holdings: pl.DataFrame
    again: pl.Series
    nearby: pl.Series


def increment(state: State, news: News) -> Patch:
    """Resolve what the news touch."""
    plain = combine([observe(news.counted), observe(news.fresh)])
    area = Area(state, news.standing)
    area.touch(distinct(plain.filter(pl.col("kind") == TOKEN)["a"], _raw(news.touched)))
    while True:
        seen = _see(state, area, news, plain)
        if area.touch(seen.nearby):
            continue
        rows, reaching = _resolve(area, seen, news.standing)
        if not area.touch(_raw(reaching)):
            return Patch(rows, area.links, area.inside)


def _see(state: State, area: Area, news: News, plain: pl.DataFrame) -> _Seen:
    near = pl.concat([area.inside, area.outside])
    known = near.filter(pl.col("same_as").is_not_null()).select(a="seen_as", b="same_as")
    versions = versions_of(pl.concat([known, plain.filter(pl.col("kind") == ALIAS).select("a", "b")]))
    now = near.join(versions.rename({"token": "seen_as", "same_as": "now"}), on="seen_as", how="left")
    renamed = now.filter(pl.coalesce("same_as", "seen_as") != pl.coalesce("now", "seen_as"))["seen_as"]

    shown = plain.filter(pl.col("kind") == LINK).pipe(links_of)
    things = distinct(area.inside["seen_as"], area.touched)
    held = pl.concat([spans(area.links), spans(shown)]).filter(pl.col("token").is_in(things.implode()))
    found = build_holdings(held, versions).filter(pl.col("token").is_in(things.implode()))
    before = holdings_of(area.inside)
    again = distinct(
        *(one.join(other, on=one.columns, how="anti", nulls_equal=True)["token"] for one, other in _both(found, before))
    )
    hot = state.events(again) if len(again) else news.fresh.clear()
    others = _others(state, hot, things)
    observed = _observed(news, pl.concat([found, others]), again, hot)
    nearby = distinct(renamed, area.around(renamed), again, area.around(again), _ends(observed, again))
    return _Seen(observed, versions, pl.concat([found, others]), again, nearby)


def _both(one: pl.DataFrame, other: pl.DataFrame) -> tuple[tuple[pl.DataFrame, pl.DataFrame], ...]:
    return (one, other), (other, one)


def _others(state: State, hot: pl.DataFrame, things: pl.Series) -> pl.DataFrame:
    """What changed hands before among the tokens that events name, and is not looked at now."""
    named = observe(hot).filter(pl.col("kind") == TOKEN, ~pl.col("a").is_in(things.implode()))
    kinds = named.filter(pl.col("type_a").is_in(HANDED_ON))["a"]
    return holdings_of(state.people(kinds, pl.Series("group_id", [], dtype=pl.Int64)))


def _observed(news: News, holdings: pl.DataFrame, again: pl.Series, hot: pl.DataFrame) -> pl.DataFrame:
    """What new events show, and all events of what is looked at again."""
    fresh = observe(news.fresh, holdings)
    counted = observe(news.counted, holdings).filter(pl.col("kind").is_in((TOKEN, CROWDED)))
    of_again = [raw(end).is_in(again.implode()) for end in ("a", "b")]
    about = pl.col("kind").is_in((TOKEN, LINK)) & (of_again[0] | of_again[1])
    return pl.concat([combine([fresh, counted]).filter(~about), observe(hot, holdings, again)])


def _ends(observed: pl.DataFrame, again: pl.Series) -> pl.Series:
    links = observed.filter(pl.col("kind") == LINK).select(raw("a"), raw("b"))
    return distinct(
        *(links.filter(pl.any_horizontal(pl.col("a", "b").is_in(again.implode())))[end] for end in ("a", "b"))
    )


def _resolve(area: Area, seen: _Seen, standing: pl.DataFrame) -> tuple[Rows, pl.Series]:
    known = area.inside.filter(~pl.col("seen_as").is_in(seen.again.implode()))
    tokens = (
        pl.concat([known.select("token", "type", "first_seen_at"), build_tokens(seen.observed)])
        .group_by("token")
        .agg(pl.col("type", "first_seen_at").min())
    )
    of_again = pl.any_horizontal(raw(end).is_in(seen.again.implode()) for end in ("token_a", "token_b"))
    shown = pl.concat(
        [area.links.filter(pl.col("events") > 0, ~of_again).select(_SEEN), links_of(seen.observed).select(_SEEN)]
    )
    links = shown.group_by("token_a", "token_b").agg(
        pl.col("type_a", "type_b", "first_seen_at").min(), pl.col("last_seen_at").max(), pl.col("events").sum()
    )
    links = with_weights(links, area.matches, distinct(tokens["token"], area.outside["token"]))
    here = described(tokens, seen.versions, seen.holdings)
    rows, reaching = resolved_rows(here, links, standing, area.outside)
    return Rows(rows.links, pl.concat([rows.quarantine, build_crowded(seen.observed)]), rows.people), reaching


def _raw(tokens: pl.Series) -> pl.Series:
    return tokens.alias("token").to_frame().select(raw("token"))["token"]
