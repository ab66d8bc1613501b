"""silver.events, identity.decisions, identity.matches → identity.*: which token belongs to whom.

What is new is resolved alone where that gives the same tables (`increment.py`); else everything is (`rebuild.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.identity.area import distinct
from spark_jobs.identity.decisions import build_standing
from spark_jobs.identity.guards import fingerprint
from spark_jobs.identity.increment import News, increment
from spark_jobs.identity.lake_state import LakeState, event_columns, to_polars
from spark_jobs.identity.rebuild import Graph, build_history, build_versions, known_until, resolve
from spark_jobs.lake import tables
from spark_jobs.lake.files import make, read_all, replace_files, scan, written
from spark_jobs.lake.io import Changes, Lake
from spark_jobs.lake.keyed import append, patch, replace_all
from spark_jobs.lake.schemas import Table
from spark_jobs.lake.snapshot import IDENTITY_VERSION

INPUTS = (tables.SILVER_EVENTS, tables.IDENTITY_DECISIONS, tables.IDENTITY_MATCHES)
OUTPUTS = (
    tables.IDENTITY_LINKS,
    tables.IDENTITY_QUARANTINE,
    tables.IDENTITY_HISTORY,
    tables.IDENTITY_VERSIONS,
    tables.IDENTITY_PEOPLE,
)
MOST_NEW = 1_000_000
"""How many new events are resolved alone, in the driver; of more, everything is, in a task."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Reflected = Mapping[str, int | str]


@dataclass(frozen=True, slots=True)
class Run:
    """What an increment starts from: the news, and what the tables reflect after it."""

    news: News
    reflects: dict[str, int | str]
    known_at: datetime


def main(lake: Lake) -> tuple[Changes, ...]:
    """Resolve what is new, or all tokens if it is not known what is new or if the rules are others.

    The people are written last, the history before them: a run that stopped on its way is made good by the next one.
    """
    reflects = reflects_of(lake)
    run = increment_of(lake, reflects) if _made(lake) else None
    return resolve_all(lake) if run is None else _patch(lake, run)


def resolve_all(lake: Lake) -> tuple[Changes, ...]:
    """Resolve all tokens, whatever the tables hold."""
    reflects = reflects_of(lake)
    _made(lake)
    events = lake.read(tables.SILVER_EVENTS)
    graph = resolve(lake, events, lake.read(tables.IDENTITY_DECISIONS), lake.read(tables.IDENTITY_MATCHES))
    known_at = known_until(events)
    return write_all(lake, graph, known_at, {**reflects, "known_at": _micros(known_at)})


def write_all(lake: Lake, graph: Graph, known_at: datetime, reflects: Reflected) -> tuple[Changes, ...]:
    """Let a graph of all tokens be the tables' content.

    Args:
        lake: The lake, with the tables of the graph.
        graph: Its data files.
        known_at: When the newest event that it rests on was received.
        reflects: What the tables reflect then, beside the version of the graph.
    """
    root = lake.root
    history, versions = (scan(root, table).collect() for table in (tables.IDENTITY_HISTORY, tables.IDENTITY_VERSIONS))
    people = written(root, tables.IDENTITY_PEOPLE, graph.people)
    fresh = build_history(history, read_all(tables.IDENTITY_PEOPLE, people, ("token", "person_id")), _newest(history))
    fresh_versions = build_versions(versions, pl.concat([history, fresh]), known_at)
    told = {**reflects, IDENTITY_VERSION: _newest(pl.concat([versions, fresh_versions]))}
    changes = (
        replace_all(root, tables.IDENTITY_LINKS, graph.links, told),
        replace_all(root, tables.IDENTITY_QUARANTINE, graph.quarantine, told),
        append(root, tables.IDENTITY_HISTORY, fresh, told),
        append(root, tables.IDENTITY_VERSIONS, fresh_versions, told),
        replace_all(root, tables.IDENTITY_PEOPLE, graph.people, told),
    )
    # Rules that alter no row must be told all the same, or each run to come would resolve everything.
    for table in OUTPUTS:
        if lake.reflected(table).get("rules") != told["rules"]:
            replace_files(root, table, [], [], told)
    return changes


def _made(lake: Lake) -> bool:
    """Make the tables as declared, and say whether they were so."""
    were = [make(lake.root, table) for table in OUTPUTS]
    return all(were)


def reflects_of(lake: Lake) -> dict[str, int | str]:
    """What the tables reflect after this run: the versions of what is read (-1: not there yet), and the rules."""
    versions = {table.name: lake.version(table) for table in INPUTS}
    return {**{name: -1 if version is None else version for name, version in versions.items()}, "rules": fingerprint()}


def increment_of(lake: Lake, reflects: Reflected) -> Run | None:
    """What is new since the run before; None if that is not known or is too much.

    Args:
        lake: The lake.
        reflects: What the tables are to reflect, see `reflects_of`.
    """
    links, people = (lake.reflected(table) for table in (tables.IDENTITY_LINKS, tables.IDENTITY_PEOPLE))
    if {links.get("rules"), people.get("rules")} != {reflects["rules"]}:
        return None
    since = [int(of[tables.SILVER_EVENTS.name]) for of in (links, people)]
    fresh = _inserted(lake, since[0])
    recent = fresh if since[0] == since[1] else _inserted(lake, since[1])
    touched = _touched(lake, (links, people), reflects)
    if fresh is None or recent is None or touched is None:
        return None
    received = recent["received_at"].max()
    known_at = max(int(people["known_at"]), _micros(received) if isinstance(received, datetime) else 0)
    columns = [name for name in fresh.columns if name != "received_at"]
    news = News(
        recent.join(fresh, on="event_id", how="anti").select(columns),
        fresh.select(columns),
        touched,
        build_standing(to_polars(lake.read(tables.IDENTITY_DECISIONS))),
    )
    return Run(news, {**reflects, "known_at": known_at}, _EPOCH + timedelta(microseconds=known_at))


def _inserted(lake: Lake, after: int) -> pl.DataFrame | None:
    """The events since a version of silver.events; None if any was changed or taken out, or if there are too many."""
    feed = lake.changes(tables.SILVER_EVENTS, after)
    if feed is None:
        return None
    counted = feed.agg(F.count("*").alias("rows"), F.count_if(F.expr("change != 'inserted'")).alias("others")).first()
    if counted is None or counted["others"] or counted["rows"] > MOST_NEW:
        return None
    return to_polars(feed.select(*event_columns(feed), "received_at"))


def _touched(lake: Lake, before: tuple[Reflected, ...], now: Reflected) -> pl.Series | None:
    """Tokens whose decisions or matches changed; None if that is not known."""
    touched = [pl.Series("token", [], dtype=pl.String)]
    if any(of[tables.IDENTITY_DECISIONS.name] != now[tables.IDENTITY_DECISIONS.name] for of in before):
        touched.append(to_polars(lake.read(tables.IDENTITY_DECISIONS).select("token"))["token"])
    for after in {int(of[tables.IDENTITY_MATCHES.name]) for of in before} - {now[tables.IDENTITY_MATCHES.name]}:
        feed = lake.read(tables.IDENTITY_MATCHES) if after < 0 else lake.changes(tables.IDENTITY_MATCHES, after)
        if feed is None:
            return None
        ends = to_polars(feed.select("token_a", "token_b"))
        touched += [ends["token_a"], ends["token_b"]]
    return distinct(*touched)


def _patch(lake: Lake, run: Run) -> tuple[Changes, ...]:
    found = increment(LakeState(lake.root), run.news)
    was = found.old_people.select("token", previous_person_id="person_id")
    now = found.new.people.select("token", "person_id")
    moved = was.join(now, on="token", how="full", coalesce=True).filter(
        ~pl.col("previous_person_id").eq_missing(pl.col("person_id"))
    )
    history, versions, newest = _moves(lake, moved, run.known_at)
    reflects = {**run.reflects, IDENTITY_VERSION: newest}

    def patched(table: Table, rows: pl.DataFrame, old: pl.DataFrame) -> Changes:
        return patch(lake.root, table, rows, old.select(table.key), reflects)

    return (
        patched(tables.IDENTITY_LINKS, found.new.links, found.old_links),
        patched(tables.IDENTITY_QUARANTINE, found.new.quarantine, found.old_people),
        append(lake.root, tables.IDENTITY_HISTORY, history, reflects),
        append(lake.root, tables.IDENTITY_VERSIONS, versions, reflects),
        patched(tables.IDENTITY_PEOPLE, found.new.people, found.old_people),
    )


def _moves(lake: Lake, moved: pl.DataFrame, known_at: datetime) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """The rows to add to the history and to the versions, and the newest version with them.

    If the history may be ahead of the people, who moved is found out from the history itself.
    """
    versions = scan(lake.root, tables.IDENTITY_VERSIONS).collect()
    if lake.reflected(tables.IDENTITY_HISTORY) == lake.reflected(tables.IDENTITY_PEOPLE):
        rows = moved.with_columns(version=pl.lit(_newest(versions) + 1, pl.Int64))
        fresh = rows.select(tables.IDENTITY_HISTORY.schema.names)
        return fresh, build_versions(versions, fresh, known_at), max(_newest(versions), _newest(fresh))
    history = scan(lake.root, tables.IDENTITY_HISTORY).collect()
    theirs = history.join(moved, on="token", how="semi")
    here = moved.select("token", "person_id").filter(pl.col("person_id").is_not_null())
    fresh = build_history(theirs, here, _newest(history))
    both = pl.concat([history, fresh])
    return fresh, build_versions(versions, both, known_at), _newest(both)


def _newest(versions: pl.DataFrame) -> int:
    newest = versions["version"].max()
    return newest if isinstance(newest, int) else 0


def _micros(moment: datetime) -> int:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)


if __name__ == "__main__":
    from spark_jobs.submit import run_as_script

    run_as_script("resolve", main)
