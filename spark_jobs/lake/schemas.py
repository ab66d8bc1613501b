"""What a table and a column are, and the types that several tables share. No Spark in here."""

from dataclasses import dataclass

import pyarrow as pa

STRING = pa.string()
BOOL = pa.bool_()
INT = pa.int64()
FLOAT = pa.float64()
DATE = pa.date32()
TIMESTAMP = pa.timestamp("us", tz="UTC")
STRINGS = pa.list_(pa.string())
TOKENS = pa.list_(pa.struct([("type", pa.string()), ("token", pa.string())]))


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, Arrow type and meaning.

    `pseudonym` marks keyed pseudonyms and person ids: they are kept out of data-skipping statistics,
    because deleted values stay readable in the transaction log.
    """

    name: str
    type: pa.DataType
    meaning: str
    pseudonym: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One Delta table.

    `name` is `layer.table`, `key` the columns that are unique together, `writer` the only job that
    writes it, `partition_by` the columns that its files are split by. `followed` tables tell later jobs which rows
    changed (Delta's change data feed).
    """

    name: str
    meaning: str
    key: tuple[str, ...]
    writer: str
    columns: tuple[Column, ...]
    partition_by: tuple[str, ...] = ()
    followed: bool = False

    @property
    def path(self) -> str:
        """Where the table lies below the lake's root."""
        return self.name.replace(".", "/")

    @property
    def schema(self) -> pa.Schema:
        """The table's columns as an Arrow schema."""
        return pa.schema([pa.field(c.name, c.type) for c in self.columns])

    @property
    def properties(self) -> dict[str, str]:
        """Delta table properties: statistics only on columns that hold no pseudonym and no text."""
        counted = [c.name for c in self.columns if c.type in (TIMESTAMP, DATE, INT, FLOAT) and not c.pseudonym]
        return {
            "delta.dataSkippingStatsColumns": ",".join(counted),
            "delta.enableDeletionVectors": "false",
            **({"delta.enableChangeDataFeed": "true"} if self.followed else {}),
        }
