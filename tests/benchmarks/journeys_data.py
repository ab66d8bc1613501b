"""A lake of generated events for the benchmark of journeys: silver.events, identity.people, silver.conversations.

About 20 events a person over 90 days, a few people with thousands; sessions of some minutes, chats with a bot that
every third leaves for a human, purchases, complaints; one to three tokens an event, pseudonyms as long as real ones.
Files lie in the order of time, as they land.
"""

import json
import os
import shutil
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
from deltalake import CommitProperties, write_deltalake

from spark_jobs.lake import tables
from spark_jobs.lake.schemas import Table

DONE = "complete"
GROWS = (tables.SILVER_EVENTS, tables.SILVER_CONVERSATIONS)
DAYS = 90
EVENTS_A_PERSON, EVENTS_A_SESSION = 20, 5
EVENTS_A_FILE = 500_000
CHANNELS = ("web", "app", "chat", "voice", "email", "social", "store")
SHARES = (0.38, 0.24, 0.18, 0.06, 0.06, 0.04, 0.04)
TALKS = ("chat", "voice", "email")
SHOPPING = ("page_viewed", "clicked", "searched", "cart_changed", "order_placed", "payment_made", "feedback_given")
SHOPPING_SHARES = (0.56, 0.14, 0.12, 0.1, 0.03, 0.03, 0.02)
TYPES = (*SHOPPING, "message_sent", "conversation_ended", "social_posted", "store_visited", "complaint_filed")
START_US = 1_772_409_600_000_000
_DAY_US = 86_400_000_000
_BASE32 = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Drawn:
    """Events by their place in time: numbers into the lists above."""

    person: np.ndarray
    at: np.ndarray
    channel: np.ndarray
    type: np.ndarray
    talk: np.ndarray
    party: np.ndarray
    token_set: np.ndarray


def make_lake(root: Path, events: int, seed: int = 1) -> Path:
    """Write a lake of so many events, once: one that is there is taken as it is.

    The newest 1 % of the events, and the conversations that begin in them, are commits of their own, the last.
    """
    done = root / DONE
    if not done.exists():
        rng = np.random.default_rng(seed)
        drawn = _draw(rng, events)
        people = max(1, events // EVENTS_A_PERSON)
        tokens = {kind: _tokens(rng, kind, people) for kind in ("customer", "cookie", "device")}
        newest = events - events // 100
        edges = [*range(0, newest, EVENTS_A_FILE), newest, events]
        before = len(edges) - 3
        _write(root, tables.IDENTITY_PEOPLE, _people(rng, tokens), before)
        talks = _conversations(rng, drawn)
        begins = pl.col("started_at").to_physical() >= int(drawn.at[newest])
        for knew, rows in enumerate((talks.filter(~begins), talks.filter(begins)), before):
            _write(root, tables.SILVER_CONVERSATIONS, rows, knew)
        for start, end in pairwise(edges):
            _write(root, tables.SILVER_EVENTS, _events(rng, drawn, tokens, slice(start, end)))
        done.touch()
    return root


def link_lake(lake: Path, other: Path) -> None:
    """Make another lake of the same files, as it was before its newest events came."""
    shutil.copytree(lake, other, copy_function=os.link, ignore=shutil.ignore_patterns("gold", "_work"))
    for table in GROWS:
        max((other / table.path / "_delta_log").glob("*.json")).unlink()


def add_newest(lake: Path, other: Path) -> None:
    """Let the newest events come to a lake of `link_lake`."""
    for table in GROWS:
        newest = max((lake / table.path / "_delta_log").glob("*.json"))
        os.link(newest, other / table.path / "_delta_log" / newest.name)


def _draw(rng: np.random.Generator, events: int) -> Drawn:
    people = max(1, events // EVENTS_A_PERSON)
    weights = rng.lognormal(0, 1.1, people)
    lengths = rng.geometric(1 / EVENTS_A_SESSION, int(events / EVENTS_A_SESSION * 1.1) + 100)
    lengths = lengths[: np.searchsorted(np.cumsum(lengths), events) + 1]
    session = np.repeat(np.arange(len(lengths)), lengths)[:events]
    who = rng.choice(people, len(lengths), p=weights / weights.sum())
    started = rng.integers(0, DAYS * _DAY_US, len(lengths))
    pauses = rng.exponential(75e6, events)
    opens = np.r_[True, session[1:] != session[:-1]]
    pauses[opens] = 0
    walked = np.cumsum(pauses)
    at = START_US + started[session] + (walked - walked[opens][session]).astype(np.int64)
    first = rng.choice(len(CHANNELS), len(lengths), p=SHARES)
    channel = np.where(rng.random(events) < 0.88, first[session], rng.choice(len(CHANNELS), events, p=SHARES))
    in_talk = np.isin(channel, [CHANNELS.index(c) for c in TALKS])
    talk = np.where(in_talk, session, -1)
    kind = _kinds(rng, channel, in_talk)
    order = np.argsort(at, kind="stable")
    party = np.where(kind == TYPES.index("message_sent"), rng.integers(0, 3, events), -1)
    drawn = (who[session], at, channel, kind, talk, party, rng.integers(0, 6, events))
    return Drawn(*(column[order] for column in drawn))


def _kinds(rng: np.random.Generator, channel: np.ndarray, in_talk: np.ndarray) -> np.ndarray:
    kind = rng.choice(len(SHOPPING), len(channel), p=SHOPPING_SHARES)
    kind[channel == CHANNELS.index("social")] = TYPES.index("social_posted")
    kind[(channel == CHANNELS.index("store")) & (kind < 3)] = TYPES.index("store_visited")
    ends = rng.random(len(channel)) < 0.15
    kind[in_talk] = np.where(ends[in_talk], TYPES.index("conversation_ended"), TYPES.index("message_sent"))
    kind[rng.random(len(channel)) < 0.003] = TYPES.index("complaint_filed")
    return kind


def _events(rng: np.random.Generator, drawn: Drawn, tokens: dict[str, pl.Series], part: slice) -> pl.DataFrame:
    kind = drawn.type[part]
    count, at = len(kind), pl.Series(drawn.at[part]).cast(pl.Datetime("us", "UTC"))
    ends = kind == TYPES.index("conversation_ended")
    pays = kind == TYPES.index("payment_made")
    return pl.DataFrame(
        {
            "event_id": _tokens(rng, "event", count),
            "source": pl.repeat("shop", count, eager=True),
            "channel": _named(CHANNELS, drawn.channel[part]),
            "event_type": _named(TYPES, kind),
            "event_at": at,
            "received_at": at + timedelta(seconds=1),
            "identifiers": _identifiers(tokens, drawn.person[part], drawn.token_set[part]),
            "conversation_id": _talk_ids(drawn.talk[part]),
            "party": _named(("customer", "bot", "agent"), drawn.party[part]),
            "end_reason": _named(
                ("resolved", "abandoned", "escalated"), np.where(ends, rng.choice(3, count, p=(0.7, 0.25, 0.05)), -1)
            ),
            "payment_status": _named(("succeeded", "failed"), np.where(pays, rng.choice(2, count, p=(0.9, 0.1)), -1)),
            "amount_minor": pl.Series(np.where(pays, rng.integers(100, 50_000, count), -1)).replace(-1, None),
        }
    )


def _identifiers(tokens: dict[str, pl.Series], person: np.ndarray, token_set: np.ndarray) -> pl.Series:
    """One to three of a person's tokens, as `token_set` says: cookie, device and customer number in turn."""
    kinds = sorted(tokens)
    shown = {"cookie": token_set != 1, "customer": token_set >= 3, "device": (token_set == 1) | (token_set == 5)}
    rows = np.concatenate([np.flatnonzero(shown[kind]) for kind in kinds])
    named = pl.concat([tokens[kind].gather(person[shown[kind]]) for kind in kinds])
    types = pl.concat([pl.repeat(kind, int(shown[kind].sum()), eager=True) for kind in kinds])
    long = pl.DataFrame({"row": rows, "type": types, "token": named}).sort("row", maintain_order=True)
    return long.group_by("row", maintain_order=True).agg(pl.struct("type", "token"))["type"]


def _people(rng: np.random.Generator, tokens: dict[str, pl.Series]) -> pl.DataFrame:
    """Every token with its person; one device in two hundred is shared, one in two hundred has changed hands."""
    count = len(tokens["customer"])
    person = "person." + pl.Series(rng.integers(0, 2**63, (count, 2))[:, 0]).cast(pl.String).str.zfill(32)
    frames = [
        pl.DataFrame({"token": named, "type": kind, "person_id": person, "shared": False, "seen_as": named})
        for kind, named in tokens.items()
    ]
    rows = pl.concat(frames).with_row_index("n")
    is_device = pl.col("type") == "device"
    middle = pl.lit(START_US + DAYS * _DAY_US // 2).cast(pl.Datetime("us", "UTC"))
    handed = is_device & (pl.col("n") % 200 == 1)
    rows = rows.with_columns(
        shared=is_device & (pl.col("n") % 200 == 0),
        held_from=pl.lit(None, pl.Datetime("us", "UTC")),
        held_until=pl.when(handed).then(middle),
    )
    later = rows.filter(handed).with_columns(
        token=pl.col("token") + "#2", person_id=pl.lit(person[0]), held_from=middle, held_until=pl.col("held_from")
    )
    return pl.concat([rows, later]).drop("n")


def _conversations(rng: np.random.Generator, drawn: Drawn) -> pl.DataFrame:
    talks = drawn.talk >= 0
    rows = (
        pl.DataFrame({"talk": drawn.talk[talks], "at": drawn.at[talks], "channel": drawn.channel[talks]})
        .group_by("talk")
        .agg(pl.col("at").min(), pl.col("channel").first())
        .sort("talk")
    )
    count = len(rows)
    handed = rng.random(count) < 0.3
    after = rows["at"] + pl.Series(rng.integers(0, 300_000_000, count))
    return pl.DataFrame(
        {
            "conversation_id": _talk_ids(rows["talk"].to_numpy()),
            "channel": _named(CHANNELS, rows["channel"].to_numpy()),
            "started_at": rows["at"].cast(pl.Datetime("us", "UTC")),
            "bot_turns": rng.integers(0, 5, count),
            "agent_turns": np.where(handed, 2, 0),
            "handed_over_at": after.cast(pl.Datetime("us", "UTC")).set(pl.Series(~handed), None),
            "outcome": _named(("resolved", "abandoned", "escalated", "open"), rng.integers(0, 4, count)),
        }
    )


def _named(names: tuple[str, ...], numbers: np.ndarray) -> pl.Series:
    """The names by number, null for -1."""
    return pl.Series(names).gather(pl.Series(numbers, dtype=pl.Int64).replace(-1, None))


def _talk_ids(talk: np.ndarray) -> pl.Series:
    numbers = pl.Series(talk).replace(-1, None).cast(pl.String)
    return "conversation.1." + numbers.str.zfill(52)


def _tokens(rng: np.random.Generator, kind: str, count: int) -> pl.Series:
    """Pseudonyms of a type, as long as real ones."""
    letters = _BASE32[rng.integers(0, 32, (count, 52), dtype=np.uint8)]
    return f"{kind}.1." + pl.Series(letters.view("S52").ravel().astype("U52"))


def _write(root: Path, table: Table, rows: pl.DataFrame, knew: int | None = None) -> None:
    """Write rows as a commit that says, as jobs do, which version of the events they know."""
    said = {} if knew is None else {tables.SILVER_EVENTS.name: knew}
    blank = {name: pl.lit(None) for name in table.schema.names if name not in rows.columns}
    declared = rows.with_columns(**blank).select(table.schema.names).to_arrow().cast(table.schema)
    write_deltalake(
        f"{root}/{table.path}",
        declared,
        mode="append",
        configuration=table.properties,
        commit_properties=CommitProperties(custom_metadata={"userMetadata": json.dumps(said)}),
    )
