"""Random streams of events with every guard in play, and a state of the graph in memory."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import polars as pl

from spark_jobs.identity.decisions import STANDING
from spark_jobs.identity.increment import News, increment
from spark_jobs.identity.sightings import combine, observe
from spark_jobs.identity.state import MATCHES, Rows, find_holdings, find_versions, raw, rows_of_all
from spark_jobs.lake import tables

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
_AT = pl.Datetime("us", "UTC")
_IDENTIFIERS = pl.List(pl.Struct({"type": pl.String, "token": pl.String}))
_ALIASES = pl.List(pl.Struct({"token": pl.String, "previous": pl.String}))
EVENTS = pl.Schema({"event_id": pl.String, "event_at": _AT, "identifiers": _IDENTIFIERS, "aliases": _ALIASES})
KEYS = {
    "links": ["token_a", "token_b"],
    "quarantine": ["token"],
    "people": ["token"],
}


def named(*tokens: str | None) -> list[dict]:
    return [{"type": (t or "email").split(".")[0], "token": t} for t in tokens]


def an_event(number: int | str, *tokens: str | None, hours: float = 0, aliases: tuple = ()) -> dict:
    return {
        "event_id": f"event.1.{number}",
        "event_at": START + timedelta(hours=hours),
        "identifiers": named(*tokens),
        "aliases": [{"token": t, "previous": p} for t, p in aliases] or None,
    }


def frame(events: list[dict]) -> pl.DataFrame:
    return pl.DataFrame(events, schema=EVENTS)


def standing(*decisions: tuple[str, ...]) -> pl.DataFrame:
    rows = [(f"{kind}-{'-'.join(tokens)}", kind, token) for kind, *tokens in decisions for token in tokens]
    return pl.DataFrame(rows, schema=STANDING, orient="row")


def matches(*pairs: tuple[str, str]) -> pl.DataFrame:
    return pl.DataFrame([(min(p), max(p), 1.5) for p in set(pairs)], schema=MATCHES, orient="row")


def in_full(events: pl.DataFrame, matched: pl.DataFrame | None = None, decided: pl.DataFrame | None = None) -> Rows:
    """Resolve everything, as the job does it from scratch."""
    plain = observe(events)
    holdings = find_holdings(plain, find_versions(plain))
    again = holdings["token"].unique()
    of_again = pl.any_horizontal(raw(end).is_in(again.implode()) for end in ("a", "b"))
    rest = plain.filter(~((pl.col("kind").is_in(("token", "link"))) & of_again))
    observed = combine([rest, observe(events, holdings, again)]) if len(again) else plain
    return sorted_rows(
        rows_of_all(
            observed, holdings, matches() if matched is None else matched, standing() if decided is None else decided
        )
    )


def sorted_rows(rows: Rows) -> Rows:
    return Rows(*(getattr(rows, name).sort(key).rechunk() for name, key in KEYS.items()))


def differences(one: Rows, other: Rows) -> dict[str, pl.DataFrame]:
    """The rows that only one of two has, by table."""
    found = {}
    for name in KEYS:
        a, b = getattr(one, name), getattr(other, name)
        if not a.equals(b):
            found[name] = pl.concat(
                [
                    a.join(b, on=a.columns, how="anti", nulls_equal=True).with_columns(side=pl.lit("first")),
                    b.join(a, on=a.columns, how="anti", nulls_equal=True).with_columns(side=pl.lit("second")),
                ]
            )
    return found


@dataclass
class MemoryState:
    """The tables in memory; it notes how many rows it was asked for."""

    rows: Rows
    all_events: pl.DataFrame
    all_matches: pl.DataFrame
    asked: list[int] = field(default_factory=list)

    def people(self, tokens: pl.Series, groups: pl.Series) -> pl.DataFrame:
        of = [pl.col(name).is_in(tokens.implode()) for name in ("seen_as", "same_as")]
        return self._told(
            self.rows.people.filter(
                (of[0] | of[1] | pl.col("group_id").is_in(groups.implode())).fill_null(False) | of[0]
            )
        )

    def links(self, tokens: pl.Series) -> pl.DataFrame:
        return self._told(self.rows.links.filter(self._ends(tokens)))

    def matches(self, tokens: pl.Series) -> pl.DataFrame:
        return self._told(self.all_matches.filter(self._ends(tokens)))

    def events(self, tokens: pl.Series) -> pl.DataFrame:
        of = pl.col("identifiers").list.eval(pl.element().struct.field("token").is_in(tokens.to_list())).list.any()
        older = pl.col("aliases").list.eval(pl.element().struct.field("previous").is_in(tokens.to_list())).list.any()
        return self.all_events.filter(of | older.fill_null(False))

    def _ends(self, tokens: pl.Series) -> pl.Expr:
        return pl.any_horizontal(pl.col(end).is_in(tokens.implode()) for end in ("token_a", "token_b"))

    def _told(self, rows: pl.DataFrame) -> pl.DataFrame:
        self.asked.append(len(rows))
        return rows


def nothing_yet() -> Rows:
    return Rows(
        *(
            pl.DataFrame(pl.from_arrow(t.schema.empty_table()))
            for t in (tables.IDENTITY_LINKS, tables.IDENTITY_QUARANTINE, tables.IDENTITY_PEOPLE)
        )
    )


def patched(before: Rows, state: MemoryState, news: News) -> Rows:
    """The tables after an increment, as the job patches them."""
    patch = increment(state, news)
    old = {"links": patch.old_links, "people": patch.old_people, "quarantine": patch.old_people}
    after = []
    for name, key in KEYS.items():
        new = getattr(patch.new, name)
        gone = pl.concat([new.select(key), old[name].select(key)])
        after.append(pl.concat([getattr(before, name).join(gone, on=key, how="anti"), new]))
    return sorted_rows(Rows(*after))


@dataclass
class Chance:
    """A random company: few names, so that everything happens to them."""

    seed: int
    rotated: bool = True

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def token(self) -> str:
        sizes = {"customer": 6, "loyalty_card": 4, "email": 12, "phone": 10, "social": 5, "device": 12, "cookie": 14}
        type_ = self.random.choice(list(sizes))
        version = self.random.choice((1, 1, 1, 2)) if self.rotated else 1
        return f"{type_}.{version}.{self.random.randrange(sizes[type_]):02d}"

    def event(self, number: int) -> dict:
        tokens = [self.token() for _ in range(self.random.choice((0, 1, 2, 2, 2, 3, 4)))]
        if self.random.random() < 0.02:
            tokens = [f"email.1.c{n}" for n in range(60)] + tokens
        newer = [t for t in tokens if ".2." in t and self.random.random() < 0.7]
        aliases = tuple((t, t.replace(".2.", ".1.")) for t in newer)
        return an_event(number, *tokens, hours=self.random.randrange(24 * 90), aliases=aliases)

    def events(self, count: int) -> list[dict]:
        return [self.event(number) for number in range(count)]

    def decisions(self) -> list[tuple[str, ...]]:
        kinds = {"exclude": 1, "include": 1, "merge": 3, "split": 2}
        chosen = [self.random.choice(list(kinds)) for _ in range(self.random.choice((0, 1, 3)))]
        return [(kind, *sorted({self.token() for _ in range(kinds[kind])})) for kind in chosen]

    def pairs(self, count: int) -> list[tuple[str, str]]:
        found = [(self.token(), self.token()) for _ in range(count)]
        return [pair for pair in found if pair[0] != pair[1]]
