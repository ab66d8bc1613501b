"""Mappings and tables for tests: made of parts that a test replaces."""

from pathlib import Path
from typing import Any

from mangrove.event.v1 import event_pb2
from services.adapters.account import Mapped, Outcome, Unmapped
from services.adapters.tables.files import TableFile
from services.adapters.tables.mapping import TableMapping
from services.adapters.tables.rows import RowMapper


def a_mapping(**parts: Any) -> TableMapping:
    """A mapping of chat messages in a CSV with the columns id, at and text; parts given replace its own."""
    whole: dict[str, Any] = {
        "format": {"kind": "csv"},
        "id": {"columns": ["id"]},
        "occurred_at": {"column": "at"},
        "channel": {"fixed": "chat"},
        "event": [{"body": "message_sent"}],
        "consent": {"purposes": ["service", "analytics"]},
        "fields": {"message_sent.party": {"fixed": "customer"}, "message_sent.text": "text"},
        **parts,
    }
    return TableMapping.model_validate(whole)


def outcomes(path: Path, mapping: TableMapping) -> list[Outcome]:
    mapper = RowMapper(mapping)
    with TableFile(path, mapping.format, mapper.columns) as table:
        return [row if isinstance(row, Unmapped) else mapper.map(row) for row in table.rows()]


def outcomes_of(folder: Path, content: str | bytes, mapping: TableMapping) -> list[Outcome]:
    path = folder / "table"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return outcomes(path, mapping)


def one_of(folder: Path, content: str | bytes, mapping: TableMapping) -> event_pb2.Event:
    """The event that the only row of a table becomes."""
    (outcome,) = outcomes_of(folder, content, mapping)
    assert isinstance(outcome, Mapped), outcome
    (event,) = outcome.events
    return event


def reasons(found: list[Outcome]) -> list[tuple[int, str]]:
    return [(one.number, one.reason) for one in found if isinstance(one, Unmapped)]
