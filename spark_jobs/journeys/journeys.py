"""silver.events → gold.sessions, gold.journeys, gold.journey_steps, gold.transitions."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from spark_jobs.journeys import increment
from spark_jobs.journeys.increment import Affected
from spark_jobs.journeys.kernel import BEGINS, ENDS, OUTPUTS
from spark_jobs.journeys.tasks import (
    SLICE,
    Bucket,
    Dealing,
    Finding,
    Lists,
    Rewriting,
    Rewritten,
    build_bucket,
    deal,
    find,
    rewrite,
)
from spark_jobs.journeys.whose import PEOPLE_COLUMNS
from spark_jobs.lake import tables
from spark_jobs.lake.files import (
    Part,
    Rows,
    difference,
    make,
    read_all,
    remove_parts,
    replace_files,
    rows_at,
    share_out,
    written,
)
from spark_jobs.lake.io import Changes, Lake
from spark_jobs.lake.keyed import counted
from spark_jobs.lake.schemas import Table
from spark_jobs.lake.snapshot import rows_of
from spark_jobs.lake.work import in_tasks, work_folder

INPUTS = (tables.SILVER_EVENTS, tables.IDENTITY_PEOPLE, tables.SILVER_CONVERSATIONS)

STRETCH = 500_000
"""Events that a task reads at once."""
BUCKET = 5_000_000
"""Events of a bucket of people, about: what a task holds at once."""
SHARE_CHANGED = 0.2
"""If more of a source changed, or more of the people are concerned, everything is built again."""

_KNEW = {
    table: f"{table.name} of {tables.SILVER_EVENTS.name}"
    for table in (tables.IDENTITY_PEOPLE, tables.SILVER_CONVERSATIONS)
}
"""What says which events the people and the conversations that were read knew."""
_Versions = dict[str, int | None]


@dataclass(frozen=True, slots=True)
class _Run:
    """What a run reads and says of it."""

    lake: Lake
    versions: _Versions
    reflects: dict[str, int | str]

    def files(self, table: Table, since: tuple[str, int] | None = None) -> list[Rows]:
        return rows_at(self.lake.root, table, self.versions[table.name], since)


def main(lake: Lake) -> tuple[Changes, ...]:
    """Build sessions, journeys, steps and changes of channel: of those concerned, or of all where that is not known."""
    versions = {table.name: lake.version(table) for table in INPUTS}
    reflects: dict[str, int | str] = {name: version for name, version in versions.items() if version is not None}
    for table, name in _KNEW.items():
        if (knew := lake.reflected(table).get(tables.SILVER_EVENTS.name)) is not None:
            reflects[name] = knew
    run = _Run(lake, versions, reflects)
    were_whole = [make(lake.root, table) for table in OUTPUTS]
    said = [lake.reflected(table) for table in OUTPUTS]
    if all(were_whole) and all(one == reflects for one in said):
        return tuple(_unchanged(lake, table) for table in OUTPUTS)
    # A run that was killed between two tables left them saying different things.
    if not all(were_whole) or any(one != said[0] for one in said) or not said[0]:
        return _rebuilt(run)
    concerned = _affected(run, said[0])
    return _rebuilt(run) if concerned is None else _patched(run, concerned)


def _rebuilt(run: _Run) -> tuple[Changes, ...]:
    """Build everything."""
    built = _built(run, run.files(tables.SILVER_EVENTS), None)
    changes = []
    for table, parts in zip(OUTPUTS, built, strict=True):
        gone = rows_at(run.lake.root, table, run.lake.version(table))
        rows, before = sum(part.rows for part in parts), sum(file.count for file in gone)
        replace_files(run.lake.root, table, gone, parts, run.reflects)
        changes.append(Changes(table.name, rows, 0, before, rows))
    return tuple(changes)


def _affected(run: _Run, said: dict[str, int | str]) -> Affected | None:
    """Whose journeys must be built again, None if that is not known or too many changed."""
    root, changed = run.lake.root, {}
    for table in INPUTS:
        before = said.get(table.name)
        versions = (None if before is None else int(before), run.versions[table.name])
        most = int(SHARE_CHANGED * sum(file.count for file in run.files(table)))
        seen = difference(root, table, versions, increment.COLUMNS[table.name], most)
        if seen is None:
            return None
        changed[table] = seen
    events, people, talks = (changed[table] for table in INPUTS)
    tokens_known, talks_known = (said.get(name) == said.get(tables.SILVER_EVENTS.name) for name in _KNEW.values())
    looked_for = increment.search(people, talks, tokens_known=tokens_known, talks_known=talks_known)
    sides = [events.new, events.gone]
    if looked_for is not None:
        files = run.files(tables.SILVER_EVENTS, ("event_at", looked_for.since))
        shares = share_out(files, run.lake.spark.sparkContext.defaultParallelism, STRETCH)
        met = in_tasks(run.lake, find, [Finding(share, looked_for) for share in shares])
        sides = [pl.concat([side.select(increment.FOUND_COLUMNS), *met]) for side in sides]
    now = read_all(tables.IDENTITY_PEOPLE, run.files(tables.IDENTITY_PEOPLE), PEOPLE_COLUMNS)
    graphs = (now, _people_at(root, said) if len(people.gone) + len(people.new) else now)
    owned = [increment.owners(side, graph) for side, graph in zip(sides, graphs, strict=True)]
    concerned = increment.affected(owned, lambda ids: _journeys_of(run.lake, ids), now)
    most_people = SHARE_CHANGED * now["person_id"].n_unique()
    return None if len(concerned.wanted.people) > most_people else concerned


def _people_at(root: str, said: dict[str, int | str]) -> pl.DataFrame:
    version = said.get(tables.IDENTITY_PEOPLE.name)
    files = rows_at(root, tables.IDENTITY_PEOPLE, None if version is None else int(version))
    return read_all(tables.IDENTITY_PEOPLE, files, PEOPLE_COLUMNS)


def _journeys_of(lake: Lake, person_ids: pl.Series) -> pl.DataFrame:
    files = rows_at(lake.root, tables.GOLD_JOURNEYS, lake.version(tables.GOLD_JOURNEYS))
    rows = read_all(tables.GOLD_JOURNEYS, files, increment.JOURNEY_COLUMNS)
    return rows.join(person_ids.to_frame("person_id"), on="person_id", how="semi")


def _patched(run: _Run, concerned: Affected) -> tuple[Changes, ...]:
    """Build again what is concerned, and put it in the place of what there was."""
    lake, people = run.lake, concerned.wanted.people
    if people.is_empty():
        return tuple(_unchanged(lake, table) for table in OUTPUTS)
    since, settled = (int(people[name].min()) for name in ("since", "settled"))  # type: ignore[arg-type]
    built = _built(run, run.files(tables.SILVER_EVENTS, ("event_at", since)), concerned)
    tasks = [
        Rewriting(lake.root, table, begins, files, people)
        for table, begins in zip(OUTPUTS, BEGINS, strict=True)
        for files in _together(rows_at(lake.root, table, lake.version(table), (ENDS, settled)))
    ]
    rewritten = list(zip(tasks, in_tasks(lake, rewrite, tasks), strict=True))
    replacements = [_replacement(lake, table, parts, rewritten) for table, parts in zip(OUTPUTS, built, strict=True)]
    any_change = any(one.changes.any for one in replacements)
    for table, one in zip(OUTPUTS, replacements, strict=True):
        if one.changes.any:
            replace_files(lake.root, table, one.gone, one.parts, run.reflects)
            continue
        remove_parts(lake.root, table, one.parts)
        if any_change:
            replace_files(lake.root, table, [], [], run.reflects)
    return tuple(one.changes for one in replacements)


@dataclass(frozen=True, slots=True)
class _Replacement:
    """Files of a table that go, files that come for them, and what that changes."""

    gone: list[Rows]
    parts: list[Part]
    changes: Changes


def _replacement(
    lake: Lake, table: Table, parts: list[Part], rewritten: Sequence[tuple[Rewriting, Rewritten | None]]
) -> _Replacement:
    of_table = [(task.files, done) for task, done in rewritten if task.table is table and done is not None]
    gone = pl.concat([pl.DataFrame(table.schema.empty_table()), *(done.gone for _, done in of_table)])
    new = read_all(table, written(lake.root, table, parts), table.schema.names)
    rests = [part for _, done in of_table for part in done.rest]
    replaced = [file for files, _ in of_table for file in files]
    return _Replacement(replaced, [*rests, *parts], counted(table, new, gone, rows_of(lake.root, table)))


def _together(files: list[Rows]) -> list[list[Rows]]:
    """Put small files together, that each increment leaves some of."""
    groups: list[list[Rows]] = []
    room = 0
    for file in sorted(files, key=lambda file: file.count):
        if file.count > room:
            groups.append([])
            room = SLICE
        groups[-1].append(file)
        room -= file.count
    return groups


def _unchanged(lake: Lake, table: Table) -> Changes:
    return Changes(table.name, 0, 0, 0, rows_of(lake.root, table))


def _built(run: _Run, events: Sequence[Rows], concerned: Affected | None) -> list[list[Part]]:
    """Deal events out and build them: the data files of each table of `OUTPUTS`."""
    lake = run.lake
    tasks = lake.spark.sparkContext.defaultParallelism
    buckets = max(tasks, -(-sum(rows.count for rows in events) // BUCKET))
    lists = Lists(run.files(tables.IDENTITY_PEOPLE), run.files(tables.SILVER_CONVERSATIONS))
    wanted = None if concerned is None else concerned.wanted
    people = None if wanted is None else wanted.people
    paid_before = {} if concerned is None else concerned.paid_before
    with work_folder(lake, "journeys") as folder:
        shares = share_out(events, tasks, STRETCH)
        dealt = in_tasks(lake, deal, [Dealing(share, lists, wanted, buckets, folder) for share in shares])
        files: dict[int, list[str]] = {}
        for number, path in (one for of_task in dealt for one in of_task):
            files.setdefault(number, []).append(path)
        built = in_tasks(
            lake,
            build_bucket,
            [Bucket(paths, buckets, lists.people, paid_before, people, lake.root) for paths in files.values()],
        )
    return [[part for of_bucket in built for part in of_bucket[place]] for place in range(len(OUTPUTS))]


if __name__ == "__main__":
    from spark_jobs.submit import run_as_script

    run_as_script("journeys", main)
