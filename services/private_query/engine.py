"""Reads the marts with delta-rs, pinned to one version, the window and filters pushed down."""

import operator
from datetime import date
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from privacy.dp.truncation import PERSON, ROW_TOKEN
from services.private_query.catalogue import CALENDAR, DAY, TRUTH, WEEK, Dataset
from services.private_query.planning import Plan, days_of, week_of
from services.private_query.ports import DatasetUnavailable, ExactEngine, Snapshot
from services.private_query.question import Between, Equals, Filter, OneOf
from spark_jobs.lake import tables
from spark_jobs.lake.schemas import Table


class DeltaEngine(ExactEngine):
    """The marts below one lake root: a local folder, or a URL that delta-rs knows.

    Args:
        lake_root: `s3a://` is read as `s3://`.
    """

    def __init__(self, lake_root: str) -> None:
        self._root = lake_root.replace("s3a://", "s3://", 1).rstrip("/")
        self._identity: tuple[int, int] | None = None

    def pin(self, dataset: Dataset) -> Snapshot:
        """Fix the newest version of a mart, and note the newest version of the identity graph."""
        try:
            table = self._open(tables.BY_NAME[dataset.table])
            return Snapshot(table.version(), self._identity_version(), table)
        except (DeltaError, OSError, pa.ArrowException):
            raise DatasetUnavailable from None

    def read(self, snapshot: Snapshot, plan: Plan) -> pa.Table:
        """Read the rows inside the window that fit the filters."""
        keys = [DAY if name in CALENDAR else name for name in plan.keys.names]
        measured = [measure.column for measure in plan.measures if measure.column]
        columns = list(dict.fromkeys([PERSON, ROW_TOKEN, *keys, *measured]))
        try:
            rows = snapshot.table.to_pyarrow_table(columns=columns, filters=_condition(plan))
        except (DeltaError, OSError, pa.ArrowException, KeyError):
            raise DatasetUnavailable from None
        out = {name: rows[name] for name in [PERSON, ROW_TOKEN, *measured]}
        return pa.table(out | {name: _key(rows, name, plan) for name in plan.keys.names})

    def _open(self, table: Table) -> DeltaTable:
        return DeltaTable(f"{self._root}/{table.path}")

    def _identity_version(self) -> int:
        try:
            history = self._open(tables.IDENTITY_HISTORY)
        except TableNotFoundError:
            return 0
        known = self._identity
        if known is None or known[0] != history.version():
            newest = pc.max(history.to_pyarrow_table(columns=["version"])["version"]).as_py()
            known = self._identity = (history.version(), newest or 0)
        return known[1]


def _condition(plan: Plan) -> pc.Expression:
    day = pc.field(DAY)
    window = (day >= pa.scalar(plan.from_day)) & (day < pa.scalar(plan.until_day))
    return reduce(operator.and_, (_fits(asked) for asked in plan.filters), window)


def _fits(asked: Filter) -> pc.Expression:
    column = pc.field(asked.column)
    match asked.condition:
        case OneOf(values):
            return column.isin(values)
        case Equals(value):
            return column == pa.scalar(value)
        case Between(None, int(high)):
            return column <= pa.scalar(high, pa.int64())
        case Between(int(low), None):
            return column >= pa.scalar(low, pa.int64())
        case Between(int(low), int(high)):
            return (column >= pa.scalar(low, pa.int64())) & (column <= pa.scalar(high, pa.int64()))
    raise TypeError("A plan holds no filter without a condition.")


def _key(rows: pa.Table, name: str, plan: Plan) -> pa.ChunkedArray:
    if name in CALENDAR:
        days = days_of(plan.from_day, plan.until_day)
        names = [week_of(day) if name == WEEK else day.isoformat() for day in days]
        places = pc.subtract(rows[DAY].cast(pa.int32()), (plan.from_day - date(1970, 1, 1)).days)
        return pc.take(pa.chunked_array([pa.array(names)]), places)
    column = rows[name]
    if pa.types.is_boolean(column.type):
        no, yes = TRUTH
        return pc.if_else(column, yes, no)
    return column
