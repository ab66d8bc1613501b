"""Turns a journal's records into rows of the lake's tables, without a Python object for each event."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from pyarrow import json

from services.collector.ports import Record
from spark_jobs.lake import tables
from spark_jobs.lake.schemas import DATE, TIMESTAMP, Table

_JOURNALS_OWN = ("journal_id", "sequence", "position")
# As they stand in the journals' JSON: microseconds since the epoch, and days in ISO form.
_WRITTEN = {TIMESTAMP: pa.int64(), DATE: pa.string()}


def rows_of(table: Table, journal_id: str, records: Sequence[Record]) -> pa.Table:
    """Return the rows of records for `bronze.events` or `quarantine.events`.

    Args:
        table: Which of the two.
        journal_id: The journal that they come from.
        records: Its records, in order.
    """
    parts = [record.events if table is tables.BRONZE_EVENTS else record.refusals for record in records]
    lines = b"".join(parts)
    if not lines:
        return table.schema.empty_table()
    columns = [column for column in table.columns if column.name not in _JOURNALS_OWN]
    schema = pa.schema([pa.field(column.name, _WRITTEN.get(column.type, column.type)) for column in columns])
    parsed = json.read_json(
        pa.BufferReader(lines),
        read_options=json.ReadOptions(use_threads=False, block_size=len(lines)),
        parse_options=json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
    ).select(schema.names)
    counts = np.array([part.count(b"\n") for part in parts], np.int64)
    own = {
        "journal_id": pa.repeat(journal_id, len(parsed)),
        "sequence": pa.array(np.repeat([record.sequence for record in records], counts), pa.int64()),
        "position": pa.array(np.concatenate([np.arange(count) for count in counts]), pa.int64()),
    }
    typed = [parsed[name].cast(table.schema.field(name).type) for name in schema.names]
    return (
        pa.table(typed + list(own.values()), names=[*schema.names, *own]).select(table.schema.names).cast(table.schema)
    )
