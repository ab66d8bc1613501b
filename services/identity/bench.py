"""`mangrove bench identity`: how well records of people are told apart from encodings alone, on your labelled file."""

import csv
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from privacy.errors import MangroveError
from privacy.pseudonyms import KeyProvider, VersionedKey

Resolver = Callable[[], Sequence[str]]
"""Resolves the records of a file, and gives the group of each."""


class Peer(StrEnum):
    """What can be run beside Mangrove."""

    SPLINK = "splink"


class RecordsUnreadable(MangroveError):
    """The file of records cannot be measured on."""

    reason = "RECORDS_UNREADABLE"


@dataclass(frozen=True, slots=True)
class LabelledRecords:
    """Records of a file: ids, the true group of each, and the values of the other columns."""

    ids: list[str]
    truth: list[str]
    columns: dict[str, list[str]]


class _BenchKeys(KeyProvider):
    """A secret that the same file gives the same figures with. Nothing that it encodes is kept."""

    def current(self, purpose: str) -> VersionedKey:
        """Return the key of a purpose."""
        return VersionedKey(1, hashlib.sha256(f"mangrove bench {purpose}".encode()).digest())

    def secret(self, name: str) -> bytes:
        """Return the secret of a name."""
        return self.current(name).value


def identity(
    records: Annotated[Path, typer.Option(help="A CSV file with a header, one record of a person a row.")],
    truth: Annotated[str, typer.Option(help="The column that says who it is; for scoring only.")],
    id_column: Annotated[
        str | None, typer.Option("--id", help="The column of ids; never compared. By default rows are numbered.")
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option(help="column=trait where the guess is wrong; column= leaves it out.")
    ] = None,
    against: Annotated[Peer | None, typer.Option(help="Also run this on the plain values of the same file.")] = None,
) -> None:
    """Encode, resolve and score records as one JSON line for each engine.

    Seconds are from the first encoding to the last group, in a Spark session that runs already.
    """
    labelled = read_records(records, truth, id_column)
    from services.identity.columns import traits_of_columns

    traits = traits_of_columns(labelled.columns, column or ())
    if not traits:
        raise RecordsUnreadable("No column's trait could be guessed. Name them: --column COLUMN=TRAIT.")
    left_out = [name for name in labelled.columns if name not in traits.values()]
    said = ", ".join(f"{name} as {trait}" for trait, name in traits.items())
    typer.echo(f"compared: {said}; left out: {', '.join(left_out) or 'nothing'}", err=True)
    peers: dict[str, Resolver] = {}
    if against is Peer.SPLINK:
        from services.identity.against_splink import splink_resolver

        peers["splink"] = splink_resolver(labelled.columns, traits)
    for engine, resolve in {"mangrove": _mangrove(labelled, traits), **peers}.items():
        typer.echo(json.dumps(_measured(engine, records.name, labelled, resolve)))


def read_records(path: Path, truth: str, id_column: str | None) -> LabelledRecords:
    """Read a CSV file of labelled records.

    Raises:
        RecordsUnreadable: if it is none, is empty, lacks a column that was named, or has an id twice.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, restval=""))
    except (OSError, UnicodeDecodeError, csv.Error):
        raise RecordsUnreadable("The file cannot be read as CSV in UTF-8. Check --records.") from None
    wanted = [name for name in (truth, id_column) if name]
    if not rows or any(name not in rows[0] for name in wanted):
        raise RecordsUnreadable("The file has no rows, or no column of the name given by --truth or --id.")
    ids = [row[id_column] for row in rows] if id_column else [f"{number:012d}" for number in range(len(rows))]
    if len(set(ids)) < len(ids):
        raise RecordsUnreadable("An id stands in two rows. Give --id another column, or leave it out.")
    names = [name for name in rows[0] if name is not None and name not in wanted]
    return LabelledRecords(ids, [row[truth] for row in rows], {name: [row[name] for row in rows] for name in names})


def _measured(engine: str, file: str, labelled: LabelledRecords, resolve: Resolver) -> dict[str, object]:
    from spark_jobs.identity.evaluation import score

    started = time.perf_counter()
    found = resolve()
    seconds = round(time.perf_counter() - started, 1)
    scores = asdict(score(found, labelled.truth))
    return {"engine": engine, "file": file, "records": len(found), **scores, "seconds": seconds}


def _mangrove(labelled: LabelledRecords, traits: dict[str, str]) -> Resolver:
    from privacy.linkage import Encoder
    from spark_jobs.identity.fuzzy.records import records_frame
    from spark_jobs.identity.fuzzy.resolve import resolve_records
    from spark_jobs.session import spark_session

    spark = spark_session("mangrove-bench-identity")
    columns = [labelled.columns[name] for name in traits.values()]

    def resolve() -> Sequence[str]:
        encoder = Encoder(_BenchKeys())
        encoded = [encoder.encode(dict(zip(traits, row, strict=True))) for row in zip(*columns, strict=True)]
        clusters = resolve_records(records_frame(spark, labelled.ids, encoded).localCheckpoint()).toArrow()
        of_record = dict(zip(clusters["record_id"].to_pylist(), clusters["cluster"].to_pylist(), strict=True))
        return [of_record[record] for record in labelled.ids]

    return resolve
