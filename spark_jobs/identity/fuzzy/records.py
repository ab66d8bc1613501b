"""Encoded records as a data frame."""

from collections.abc import Sequence

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from privacy.linkage import EncodedRecord

_ENCODINGS = pa.map_(pa.string(), pa.binary())
SCHEMA = pa.schema([("record_id", pa.string()), ("tokens", _ENCODINGS), ("filters", _ENCODINGS)])
"""What fuzzy matching takes: record_id is unique and not null, the maps are as in `EncodedRecord`."""


def records_frame(spark: SparkSession, ids: Sequence[str], encoded: Sequence[EncodedRecord]) -> DataFrame:
    """One row a record, of `SCHEMA`."""
    tokens, filters = [list(e.tokens.items()) for e in encoded], [list(e.filters.items()) for e in encoded]
    return spark.createDataFrame(pa.table([pa.array(ids), tokens, filters], schema=SCHEMA))
