"""A journal in memory."""

import uuid
from collections.abc import Sequence

from privacy.masking import MaskedEvent, Refusal
from services.collector.ports import Journal, Overloaded, Receipt, Record


class InMemoryJournal(Journal):
    """Keeps records in a list; durable for as long as the test runs."""

    def __init__(self, max_records: int = 1_000_000) -> None:
        self._id = uuid.uuid4().hex
        self._max_records = max_records
        self._records: list[Record] = []
        self._seen: set[tuple[str, str]] = set()
        self._last = 0

    @property
    def journal_id(self) -> str:
        return self._id

    async def append(self, source: str, events: Sequence[MaskedEvent], refusals: Sequence[Refusal]) -> Receipt:
        if len(self._records) >= self._max_records:
            raise Overloaded
        is_new = []
        for event in events:
            key = (source, event.event_id)
            is_new.append(key not in self._seen)
            if key not in self._seen:
                self._seen.add(key)
                self._put("event", event.to_bytes())
        for refusal in refusals:
            self._put("refusal", refusal.to_bytes())
        return Receipt(tuple(is_new))

    def read(self, limit: int) -> list[Record]:
        return self._records[:limit]

    def forget(self, through: int) -> None:
        self._records = [r for r in self._records if r.sequence > through]

    def _put(self, kind: str, payload: bytes) -> None:
        self._last += 1
        self._records.append(Record(self._last, kind, payload))  # type: ignore[arg-type]
