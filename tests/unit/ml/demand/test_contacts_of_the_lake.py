"""What is counted: conversations that may be learned from, on the clock of their people."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from ml.demand.series import read_contacts
from ml.demand.task import Demand
from ml.split import NotEnoughToLearn
from spark_jobs.lake.snapshot import TableMissing
from spark_jobs.lake.tables import GOLD_FEATURES, SILVER_CONVERSATIONS


def _write(root, table, rows):
    filled = [{name: row.get(name) for name in table.schema.names} for row in rows]
    write_deltalake(str(root / table.path), pa.Table.from_pylist(filled, table.schema), mode="overwrite")


def _talk(name, at):
    return {"conversation_id": name, "channel": "chat", "started_at": at}


def test_only_conversations_whose_consent_covers_learning_are_counted(tmp_path):
    at = datetime(2026, 1, 1, 20, 15, tzinfo=UTC)
    _write(tmp_path, SILVER_CONVERSATIONS, [_talk("a", at), _talk("b", at), _talk("silent", at)])
    moments = [("a", 1, True), ("a", 2, True), ("b", 1, True), ("b", 2, False)]
    _write(tmp_path, GOLD_FEATURES, [{"conversation_id": c, "turn": t, "may_learn": m} for c, t, m in moments])
    contacts, versions = read_contacts(str(tmp_path))
    assert contacts.rows() == [("chat", datetime(2026, 1, 2, 4, 15))]
    assert versions == {"gold.features": 0, "silver.conversations": 0}


def test_a_lake_without_tables_or_without_consent_is_told(tmp_path):
    with pytest.raises(TableMissing):
        Demand().rows(str(tmp_path))
    _write(tmp_path, SILVER_CONVERSATIONS, [])
    _write(tmp_path, GOLD_FEATURES, [])
    with pytest.raises(NotEnoughToLearn):
        Demand().rows(str(tmp_path))
