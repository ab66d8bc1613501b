"""The part of the identity graph that news touch, loaded as far as it is needed."""

from typing import Protocol

import polars as pl

from spark_jobs.identity.kinds import MERGE
from spark_jobs.identity.state import MATCHES, raw

_NO_GROUPS = pl.Series("group_id", [], dtype=pl.Int64)
_ENDS = ("token_a", "token_b")


class State(Protocol):
    """What is known from the run before; each answer holds only what was asked for."""

    def people(self, tokens: pl.Series, groups: pl.Series) -> pl.DataFrame:
        """Rows of identity.people whose `seen_as` or `same_as` is one of `tokens`, or `group_id` one of `groups`."""
        ...

    def links(self, tokens: pl.Series) -> pl.DataFrame:
        """Rows of identity.links of which an end is one of `tokens`."""
        ...

    def matches(self, tokens: pl.Series) -> pl.DataFrame:
        """Rows of `MATCHES` as they are now of which an end is one of `tokens`."""
        ...

    def events(self, tokens: pl.Series) -> pl.DataFrame:
        """All events, as `observe` takes them, that name one of `tokens`."""
        ...


class Area:
    """Whole groups of tokens with all their links, and the tokens at the far ends of these.

    Attributes:
        inside: Rows of identity.people: every token that was touched, and all of its group.
        outside: Rows of identity.people at the far ends of links.
        links: Rows of identity.links with an end inside.
        matches: Rows of `MATCHES` with an end inside, or among tokens that are not known yet.
        touched: Every token that was ever touched, as events name it, known or not.
    """

    def __init__(self, state: State, standing: pl.DataFrame) -> None:
        self._state = state
        self._merges = standing.filter(pl.col("kind") == MERGE).with_columns(seen_as=raw("token"))
        nothing = pl.Series("token", [], dtype=pl.String)
        self.touched = nothing
        self.inside = state.people(nothing, _NO_GROUPS)
        self.outside = self.inside
        self.links = state.links(nothing)
        self.matches = MATCHES.to_frame()

    def touch(self, tokens: pl.Series) -> bool:
        """Make tokens, as events name them, part of the inside; whether any was not."""
        fresh = self._new(tokens)
        if fresh.is_empty():
            return False
        self.touched = distinct(self.touched, fresh)
        found = self._state.people(fresh, _NO_GROUPS)
        versions = self._new(found["same_as"])
        found = pl.concat([found, self._state.people(versions, _NO_GROUPS)])
        self.touched = distinct(self.touched, versions, found["seen_as"])
        groups = found["group_id"].drop_nulls().unique()
        members = self._state.people(_NO_GROUPS.cast(pl.String), self._unloaded(groups))
        found = pl.concat([found, members]).unique("token").join(self.inside, on="token", how="anti")
        self.inside = pl.concat([self.inside, found])
        self._load_links(distinct(fresh, found["token"]))
        named = self._merges.filter(pl.col("seen_as").is_in(distinct(fresh, found["seen_as"]).implode()))
        self.touch(self._merges.join(named, on="decision_id", how="semi")["seen_as"])
        return True

    def around(self, tokens: pl.Series) -> pl.Series:
        """The far ends of links of tokens inside, as events name them."""
        ends = [raw(end).is_in(tokens.implode()) for end in _ENDS]
        near = self.links.filter(ends[0] | ends[1])
        return distinct(*(near.select(raw(end))[end] for end in _ENDS))

    def _new(self, tokens: pl.Series) -> pl.Series:
        named = distinct(tokens)
        return named.filter(~named.is_in(self.touched.implode()))

    def _unloaded(self, groups: pl.Series) -> pl.Series:
        return groups.filter(~groups.is_in(self.inside["group_id"].drop_nulls().implode()))

    def _load_links(self, tokens: pl.Series) -> None:
        self.links = pl.concat([self.links, self._state.links(tokens)]).unique(_ENDS)
        self.matches = pl.concat([self.matches, self._state.matches(tokens)]).unique(_ENDS)
        ends = distinct(*(frame.select(raw(end))[end] for frame in (self.links, self.matches) for end in _ENDS))
        known = distinct(self.inside["seen_as"], self.outside["seen_as"])
        far = self._state.people(ends.filter(~ends.is_in(known.implode())), _NO_GROUPS)
        self.outside = pl.concat([self.outside, far]).unique("token").join(self.inside, on="token", how="anti")


def distinct(*tokens: pl.Series) -> pl.Series:
    """All tokens of several columns once, less nulls."""
    return pl.concat([one.cast(pl.String).alias("token") for one in tokens]).drop_nulls().unique()
