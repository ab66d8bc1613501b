"""What is promised of records and tables that an older version wrote."""

import json
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from mangrove.event.v1 import event_pb2
from services.collector.landed import LandedKeys
from services.collector.ports import Record
from services.collector.rows import rows_of
from services.collector.tables import DeltaLandedTable
from spark_jobs.lake.tables import BRONZE_EVENTS
from tests.generated import an_event, identifier
from tests.unit.masking.build import NOW, event_masker

SINCE = ("aliases", "traits")


def lines_of(*events: event_pb2.Event) -> bytes:
    return b"".join(event.to_bytes() + b"\n" for event in event_masker().mask_batch(events, "web", NOW))


def older(lines: bytes) -> bytes:
    """Records as they were before the newest columns."""
    told = [json.loads(line) for line in lines.splitlines()]
    return b"".join(json.dumps({k: v for k, v in one.items() if k not in SINCE}).encode() + b"\n" for one in told)


def a_record(lines: bytes, sequence: int) -> Record:
    return Record(sequence=sequence, count=lines.count(b"\n"), events=lines, refusals=b"")


def test_a_journals_records_of_an_older_version_still_land() -> None:
    lines = lines_of(an_event(event_id="a"), an_event(event_id="b"))
    rows = rows_of(BRONZE_EVENTS, "j", [a_record(older(lines), 1), a_record(lines_of(an_event(event_id="c")), 2)])
    assert rows.schema == BRONZE_EVENTS.schema
    assert [rows[name].null_count for name in SINCE] == [3, 3]


def test_a_profile_lands_with_its_traits() -> None:
    profile = event_pb2.ProfileUpdated(given_name="Robert", city="Hull")
    lines = lines_of(an_event(profile_updated=profile, identifiers=[identifier("customer", "c")]))
    [row] = rows_of(BRONZE_EVENTS, "j", [a_record(lines, 1)]).to_pylist()
    assert row["traits"] == json.loads(lines)["traits"]
    assert {entry["name"] for entry in row["traits"]} == {"city", "city.sound", "given_name", "given_name.sound"}


def test_a_table_of_an_older_version_takes_new_rows_and_keeps_its_own(tmp_path: Path) -> None:
    before = rows_of(BRONZE_EVENTS, "j", [a_record(older(lines_of(an_event(event_id="a"))), 1)])
    write_deltalake(
        f"{tmp_path}/{BRONZE_EVENTS.path}",
        before.drop_columns(list(SINCE)),
        partition_by=list(BRONZE_EVENTS.partition_by),
        configuration=BRONZE_EVENTS.properties,
    )
    profile = event_pb2.ProfileUpdated(given_name="Robert")
    after = rows_of(BRONZE_EVENTS, "j", [a_record(lines_of(an_event(event_id="b", profile_updated=profile)), 2)])
    table = DeltaLandedTable(BRONZE_EVENTS, str(tmp_path), LandedKeys(1_000))
    assert table.append(after, "j", after=0, through=2) == 1
    landed: pa.Table = DeltaTable(f"{tmp_path}/{BRONZE_EVENTS.path}").to_pyarrow_table().sort_by("sequence")
    assert set(landed.schema.names) == set(BRONZE_EVENTS.schema.names)
    assert [value is None for value in landed["traits"].to_pylist()] == [True, False]
