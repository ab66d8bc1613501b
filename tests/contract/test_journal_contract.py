"""What every journal promises."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from privacy.masking import EventMasker, MaskedEvent, Masker, Refusal
from privacy.pseudonyms import PERSON_TYPES, REFERENCE_TYPES, FileKeyProvider, Pseudonymiser, make_key_file
from services.collector import wire
from services.collector.journal import SqliteJournal
from services.collector.ports import Journal, JournalUnavailable, Overloaded
from tests.fakes.journal import InMemoryJournal
from tests.generated import an_event

NOW = datetime(2026, 1, 5, tzinfo=UTC)
MakeJournal = Callable[..., Journal]


@pytest.fixture(scope="module")
def masker(tmp_path_factory: pytest.TempPathFactory) -> EventMasker:
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    make_key_file(path, (*PERSON_TYPES, *REFERENCE_TYPES))
    return EventMasker(wire.event_plan(), Pseudonymiser(FileKeyProvider(path)), Masker.default())


@pytest.fixture(params=["sqlite", "memory"])
def make_journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeJournal]:
    opened: list[SqliteJournal] = []

    def make(max_records: int = 1000) -> Journal:
        if request.param == "memory":
            return InMemoryJournal(max_records)
        opened.append(SqliteJournal(tmp_path / f"{len(opened)}.sqlite", max_records))
        return opened[-1]

    yield make
    for journal in opened:
        journal.close()


def masked(masker: EventMasker, *ids: str) -> list[MaskedEvent]:
    return masker.mask_batch([an_event(event_id=i) for i in ids], "web", NOW)


async def test_records_come_back_in_order_and_numbered_from_one(make_journal: MakeJournal, masker: EventMasker) -> None:
    journal = make_journal()
    events = masked(masker, "a", "b", "c")
    await journal.append("web", events, [])
    assert [(r.sequence, r.kind, r.payload) for r in journal.read(10)] == [
        (i, "event", e.to_bytes()) for i, e in enumerate(events, 1)
    ]
    assert [r.sequence for r in journal.read(2)] == [1, 2]


async def test_an_event_that_was_taken_before_is_told_and_left_out(
    make_journal: MakeJournal, masker: EventMasker
) -> None:
    journal = make_journal()
    assert (await journal.append("web", masked(masker, "a", "b", "a"), [])).is_new == (True, True, False)
    assert (await journal.append("web", masked(masker, "b", "c"), [])).is_new == (False, True)
    assert (await journal.append("app", masked(masker, "a"), [])).is_new == (True,)
    assert len(journal.read(10)) == 4


async def test_an_event_is_known_also_after_it_landed(make_journal: MakeJournal, masker: EventMasker) -> None:
    journal = make_journal()
    await journal.append("web", masked(masker, "a"), [])
    journal.forget(1)
    assert (await journal.append("web", masked(masker, "a"), [])).is_new == (False,)
    assert journal.read(10) == []


async def test_sequences_are_never_used_twice(make_journal: MakeJournal, masker: EventMasker) -> None:
    journal = make_journal()
    await journal.append("web", masked(masker, "a", "b"), [])
    journal.forget(2)
    await journal.append("web", masked(masker, "c"), [])
    assert [r.sequence for r in journal.read(10)] == [3]


async def test_refusals_are_kept_beside_events(make_journal: MakeJournal, masker: EventMasker) -> None:
    journal = make_journal()
    refusal = Refusal("web", "chat", "message_sent", NOW, ("message_sent.text:MAX_LENGTH",))
    receipt = await journal.append("web", masked(masker, "a"), [refusal])
    assert receipt.is_new == (True,)
    assert [r.kind for r in journal.read(10)] == ["event", "refusal"]


async def test_a_full_journal_takes_nothing_until_some_landed(make_journal: MakeJournal, masker: EventMasker) -> None:
    journal = make_journal(2)
    await journal.append("web", masked(masker, "a", "b"), [])
    with pytest.raises(Overloaded):
        await journal.append("web", masked(masker, "c"), [])
    journal.forget(2)
    assert (await journal.append("web", masked(masker, "c"), [])).is_new == (True,)


async def test_many_batches_at_once_are_all_there(make_journal: MakeJournal, masker: EventMasker) -> None:
    journal = make_journal()
    batches = [masked(masker, f"{i}-a", f"{i}-b") for i in range(40)]
    await asyncio.gather(*(journal.append("web", batch, []) for batch in batches))
    records = journal.read(1000)
    assert [r.sequence for r in records] == list(range(1, 81))
    assert {r.payload for r in records} == {e.to_bytes() for batch in batches for e in batch}


async def test_sqlite_numbers_go_on_after_a_restart_with_an_empty_journal(tmp_path: Path, masker: EventMasker) -> None:
    first = SqliteJournal(tmp_path / "j.sqlite")
    await first.append("web", masked(masker, "a", "b"), [])
    first.forget(2)
    first.close()
    second = SqliteJournal(tmp_path / "j.sqlite")
    receipt = await second.append("web", masked(masker, "b", "c"), [])
    assert (second.journal_id, receipt.is_new) == (first.journal_id, (False, True))
    assert [r.sequence for r in second.read(10)] == [3]
    second.close()


async def test_sqlite_lets_one_process_append(tmp_path: Path, masker: EventMasker) -> None:
    first, second = SqliteJournal(tmp_path / "j.sqlite"), SqliteJournal(tmp_path / "j.sqlite")
    await first.append("web", masked(masker, "a"), [])
    with pytest.raises(JournalUnavailable):
        await second.append("web", masked(masker, "b"), [])
    first.close()
    second.close()


async def test_sqlite_forgets_old_ids_and_keeps_new_ones(tmp_path: Path, masker: EventMasker) -> None:
    journal = SqliteJournal(tmp_path / "j.sqlite", remembered=10)
    for start in range(0, 60, 10):
        await journal.append("web", masked(masker, *(f"e{i}" for i in range(start, start + 10))), [])
    assert (await journal.append("web", masked(masker, "e59"), [])).is_new == (False,)
    assert (await journal.append("web", masked(masker, "e0"), [])).is_new == (True,)
    journal.close()
