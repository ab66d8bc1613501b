"""The embedded engine: marts read with delta-rs and decoded once a version, aggregates computed in memory."""

import threading
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from privacy.dp.aggregates import ExactAggregates
from privacy.dp.rows import PERSON, ROW_TOKEN, PersonRows, decode
from services.private_query.catalogue import DAY, Dataset
from services.private_query.planning import Plan
from services.private_query.ports import DatasetUnavailable, ExactEngine, Snapshot
from services.private_query.selecting import columns_for, columns_of, exact_of
from spark_jobs.lake import tables
from spark_jobs.lake.schemas import Table
from spark_jobs.lake.snapshot import IDENTITY_VERSION, reflected_by

CACHE_BYTES = 2 * 1024**3
_BYTES_A_CELL = 9

_BROKEN = (DeltaError, OSError, pa.ArrowException, KeyError)


class DeltaEngine(ExactEngine):
    """The marts below one lake root: a local folder, or a URL that delta-rs knows.

    The newest version of each dataset is held decoded, about 40 bytes a row, up to `cache_bytes` together; while
    one is decoded it takes three times as much. A dataset that does not fit is read anew for each question, the
    window and the columns it needs.

    Args:
        lake_root: `s3a://` is read as `s3://`.
        cache_bytes: How much decoded rows may take.
    """

    def __init__(self, lake_root: str, cache_bytes: int = CACHE_BYTES) -> None:
        self._root = lake_root.replace("s3a://", "s3://", 1).rstrip("/")
        self._versions = _Versions(self._root)
        self._cache_bytes = cache_bytes
        self._held: dict[tuple[str, str], tuple[int, PersonRows]] = {}
        self._decoding = threading.Lock()

    def pin(self, dataset: Dataset) -> Snapshot:
        """Fix the newest version of a mart, and the version of the identity graph that its people are of."""
        return self._versions.pin(tables.BY_NAME[dataset.table])

    def aggregate(self, snapshot: Snapshot, plan: Plan, secret: bytes) -> ExactAggregates:
        """Select, truncate and aggregate in memory."""
        try:
            return exact_of(self._rows(snapshot, plan, secret), plan, secret)
        except _BROKEN:
            raise DatasetUnavailable from None

    def close(self) -> None:
        """Forget the decoded rows."""
        self._held.clear()

    def _rows(self, snapshot: Snapshot, plan: Plan, secret: bytes) -> PersonRows:
        key = (plan.dataset.name, plan.dataset.digest)
        held = self._held.get(key)
        if held is not None and held[0] == snapshot.table_version:
            return held[1]
        labels, numbers = columns_of(plan.dataset)
        table = self._versions.open(tables.BY_NAME[plan.dataset.table], snapshot.table_version)
        with self._decoding:
            held = self._held.get(key)
            if held is not None and held[0] == snapshot.table_version:
                return held[1]
            if table.count() * (len(labels) + len(numbers) + 1) * _BYTES_A_CELL > self._cache_bytes:
                return self._window(table, plan, secret)
            rows = decode(_read(table, [*labels, *numbers]), secret, labels=labels, numbers=numbers)
            self._hold(key, snapshot.table_version, rows)
        return rows

    def _window(self, table: DeltaTable, plan: Plan, secret: bytes) -> PersonRows:
        labels, numbers = columns_for(plan)
        day = pc.field(DAY)
        window = (day >= pa.scalar(plan.from_day)) & (day < pa.scalar(plan.until_day))
        return decode(_read(table, [*labels, *numbers], window), secret, labels=labels, numbers=numbers)

    def _hold(self, key: tuple[str, str], version: int, rows: PersonRows) -> None:
        self._held.pop(key, None)
        self._held[key] = (version, rows)
        while sum(held.nbytes for _, held in self._held.values()) > self._cache_bytes and len(self._held) > 1:
            del self._held[next(iter(self._held))]


class _Versions:
    """Knows the newest versions of marts, and whose people they hold, without reading their whole logs each time."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._tables: dict[str, DeltaTable] = {}
        self._identity: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def pin(self, table: Table) -> Snapshot:
        """Fix the newest version.

        Raises:
            DatasetUnavailable: if there is no such table, or it cannot be read.
        """
        try:
            with self._lock:
                version = self._newest(table)
                return Snapshot(version, self._identity_version(table, version))
        except (DeltaError, OSError, pa.ArrowException):
            raise DatasetUnavailable from None

    def open(self, table: Table, version: int) -> DeltaTable:
        """Open a table at a version."""
        return DeltaTable(f"{self._root}/{table.path}", version=version)

    def _newest(self, table: Table) -> int:
        known = self._tables.get(table.name)
        if known is None:
            known = self._tables[table.name] = DeltaTable(f"{self._root}/{table.path}")
        else:
            known.update_incremental()
        return known.version()

    def _identity_version(self, table: Table, version: int) -> int:
        known = self._identity.get(table.name)
        if known is None or known[0] != version:
            said = reflected_by(self._root, table, version)
            known = self._identity[table.name] = (version, int(said.get(IDENTITY_VERSION, 0)))
        return known[1]


def _read(table: DeltaTable, columns: Sequence[str], window: pc.Expression | None = None) -> pa.Table:
    names = [PERSON, ROW_TOKEN, *columns]
    return table.to_pyarrow_dataset().to_table(columns=names, filter=window)
