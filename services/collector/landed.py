"""Which of the newest events a table of the lake holds, as the table's own log tells it."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable

from services.collector.journals.recent import Keys, RecentKeys, keys_of

_COLUMNS = ["source", "event_id"]
_ROWS_AT_ONCE = 100_000


class LandedKeys:
    """Tells events that a table holds from new ones.

    One event may come through several journals: its sender sends it again to another worker when the first died
    before its answer. What is remembered is read from the table, so a lander that starts anew, or one that others
    land beside, knows the same.

    Args:
        remembered: How many of the newest events are remembered, at least.
    """

    def __init__(self, remembered: int) -> None:
        self._remembered = remembered
        self._keys = RecentKeys(remembered, generations=4)
        self._files: set[str] = set()
        self._version = -1

    def catch_up(self, table: DeltaTable) -> None:
        """Remember the events of files that were added since the last time, the newest if there are too many."""
        if table.version() == self._version:
            return
        actions = pa.table(table.get_add_actions(flatten=True))
        files = dict(zip(actions["path"].to_pylist(), zip(*_details(actions), strict=True), strict=True))
        unread = sorted((at, path, rows) for path, (at, rows) in files.items() if path not in self._files)
        while sum(rows for _, _, rows in unread[1:]) > self._remembered:
            unread.pop(0)
        if unread:
            self._read(table, {path for _, path, _ in unread})
        self._files, self._version = set(files), table.version()

    def appended(self, keys: Keys, table: DeltaTable) -> None:
        """Remember the events that were just appended to a table that was caught up with."""
        self._keys.add(keys)
        if table.version() == self._version + 1:
            self._files = set(pa.table(table.get_add_actions())["path"].to_pylist())
            self._version += 1

    def without_known(self, rows: pa.Table) -> tuple[pa.Table, Keys]:
        """Return the rows whose events are not known, each event once, and their keys."""
        keys = np.empty((len(rows), 2), np.uint64)
        for source in pc.unique(rows["source"]).to_pylist():
            mine = pc.equal(rows["source"], source).to_numpy()
            keys[mine] = keys_of(source, rows["event_id"].filter(pa.array(mine)).to_pylist())
        novel = self._keys.novel(keys)
        return rows.filter(pa.array(novel)), keys[novel]

    def _read(self, table: DeltaTable, paths: set[str]) -> None:
        dataset = table.to_pyarrow_dataset()
        fragments = [f for f in dataset.get_fragments() if any(f.path.endswith(path) for path in paths)]
        chosen = ds.FileSystemDataset(fragments, dataset.schema, dataset.format, dataset.filesystem)
        for batch in chosen.to_batches(columns=_COLUMNS, batch_size=_ROWS_AT_ONCE):
            if batch.num_rows:
                self._keys.add(self.without_known(pa.Table.from_batches([batch]))[1])


def _details(actions: pa.Table) -> tuple[list[datetime], list[int]]:
    at = actions["modification_time"].to_pylist()
    rows = actions["num_records"].to_pylist()
    return [moment or datetime.min.replace(tzinfo=UTC) for moment in at], [count or 0 for count in rows]
