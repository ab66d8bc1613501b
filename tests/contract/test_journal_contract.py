"""What every journal promises, from the collector's end to the lander's."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from privacy.linkage import LINKAGE_KEY, Encoder
from privacy.masking import EventMasker, MaskedEvent, Masker, Refusal
from privacy.pseudonyms import PERSON_TYPES, REFERENCE_TYPES, FileKeyProvider, Pseudonymiser, make_key_file
from services.collector import wire
from services.collector.journals.sqlite import SqliteJournal
from services.collector.journals.sqlite_feed import SqliteFeed, SqliteFeeds
from services.collector.journals.sqlite_file import JournalInUse, connect
from services.collector.journals.sqlite_writer import Bounds
from services.collector.ports import DiskLow, Feed, Journal, JournalDamaged, Overloaded
from tests.fakes.journal import InMemoryJournal
from tests.generated import an_event
from tests.kafka import Broker, both_ends, running_broker

NOW = datetime(2026, 1, 5, tzinfo=UTC)
MUCH = 1 << 30
MakeJournal = Callable[..., tuple[Journal, Feed]]


@pytest.fixture(scope="module")
def masker(tmp_path_factory: pytest.TempPathFactory) -> EventMasker:
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    make_key_file(path, (*PERSON_TYPES, *REFERENCE_TYPES, LINKAGE_KEY))
    keys = FileKeyProvider(path)
    return EventMasker(wire.event_plan(), Pseudonymiser(keys), Masker.default(), encoder=Encoder(keys))


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with running_broker(tmp_path_factory.mktemp("kafka")) as running:
        yield running


@pytest.fixture(params=["sqlite", "memory", "kafka"])
def make_journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeJournal]:
    with ExitStack() as opened:

        def make(max_waiting_events: int = 1000) -> tuple[Journal, Feed]:
            if request.param == "memory":
                journal = InMemoryJournal(max_waiting_events)
                return journal, journal
            if request.param == "kafka":
                return opened.enter_context(both_ends(request.getfixturevalue("broker").topic()))
            path = tmp_path / "journal.sqlite"
            written = SqliteJournal(path, Bounds(max_waiting_events))
            opened.callback(written.close)
            return written, opened.enter_context(closing(SqliteFeed(path)))

        yield make


def masked(masker: EventMasker, *ids: str) -> list[MaskedEvent]:
    return masker.mask_batch([an_event(event_id=i) for i in ids], "web", NOW)


def refusal() -> Refusal:
    return Refusal("web", "chat", "message_sent", NOW, ("message_sent.text:MAX_LENGTH",))


def lines(feed: Feed) -> list[bytes]:
    return [line for record in feed.read(0, MUCH) for line in record.events.splitlines()]


async def test_records_come_back_in_order_with_growing_numbers(make_journal: MakeJournal, masker: EventMasker) -> None:
    journal, feed = make_journal()
    events = masked(masker, "a", "b", "c", "d")
    for event in events:
        await journal.append("web", [event], [])
    records = feed.read(0, MUCH)
    assert [r.events for r in records] == [e.to_bytes() + b"\n" for e in events]
    numbers = [r.sequence for r in records]
    assert numbers[0] >= 1 and numbers == sorted(set(numbers))
    assert feed.read(numbers[1], MUCH) == records[2:]
    assert feed.read(0, 1) == records[:1]
    assert feed.read(numbers[-1], MUCH) == []


async def test_an_event_that_was_taken_before_is_told_and_left_out(
    make_journal: MakeJournal, masker: EventMasker
) -> None:
    journal, feed = make_journal()
    assert (await journal.append("web", masked(masker, "a", "b", "a"), [])).is_new == (True, True, False)
    assert (await journal.append("web", masked(masker, "b", "c"), [])).is_new == (False, True)
    assert (await journal.append("app", masked(masker, "a"), [])).is_new == (True,)
    assert (await journal.append("web", masked(masker, "a"), [])).is_new == (False,)
    assert len(lines(feed)) == 4


async def test_an_event_is_known_also_after_it_landed(make_journal: MakeJournal, masker: EventMasker) -> None:
    journal, feed = make_journal()
    await journal.append("web", masked(masker, "a"), [])
    last = feed.read(0, MUCH)[-1].sequence
    feed.forget(last)
    assert (await journal.append("web", masked(masker, "a"), [])).is_new == (False,)
    assert feed.read(last, MUCH) == []


async def test_sequences_are_never_used_twice(make_journal: MakeJournal, masker: EventMasker) -> None:
    journal, feed = make_journal()
    await journal.append("web", masked(masker, "a", "b"), [])
    last = feed.read(0, MUCH)[-1].sequence
    feed.forget(last)
    await journal.append("web", masked(masker, "c"), [])
    assert feed.read(last, MUCH)[0].sequence > last


async def test_refusals_are_kept_beside_events(make_journal: MakeJournal, masker: EventMasker) -> None:
    journal, feed = make_journal()
    receipt = await journal.append("web", masked(masker, "a"), [refusal()])
    assert receipt.is_new == (True,)
    assert (await journal.append("web", [], [refusal()])).is_new == ()
    records = feed.read(0, MUCH)
    assert sum(r.count for r in records) == 3
    assert b"".join(r.refusals for r in records) == (refusal().to_bytes() + b"\n") * 2


async def test_what_waits_is_counted_until_it_is_forgotten(make_journal: MakeJournal, masker: EventMasker) -> None:
    journal, feed = make_journal()
    assert feed.waiting() == (0, 0.0) or feed.waiting()[0] == 0
    await journal.append("web", masked(masker, "a", "b"), [refusal()])
    waiting, age_s = feed.waiting()
    assert waiting > 0 and age_s >= 0
    feed.forget(feed.read(0, MUCH)[-1].sequence)
    assert feed.waiting()[0] == 0


async def test_many_batches_at_once_are_all_there_once(make_journal: MakeJournal, masker: EventMasker) -> None:
    journal, feed = make_journal()
    batches = [masked(masker, f"{i}-a", f"{i}-b") for i in range(40)]
    receipts = await asyncio.gather(*(journal.append("web", batch, []) for batch in batches))
    assert all(receipt.is_new == (True, True) for receipt in receipts)
    assert sorted(lines(feed)) == sorted(e.to_bytes() for batch in batches for e in batch)


async def test_a_full_journal_takes_nothing_until_some_landed(tmp_path: Path, masker: EventMasker) -> None:
    with closing(SqliteJournal(tmp_path / "j.sqlite", Bounds(2))) as journal:
        feed = SqliteFeed(tmp_path / "j.sqlite")
        await journal.append("web", masked(masker, "a", "b"), [])
        with pytest.raises(Overloaded):
            await journal.append("web", masked(masker, "c"), [])
        feed.forget(feed.read(0, MUCH)[-1].sequence)
        assert (await journal.append("web", masked(masker, "c"), [])).is_new == (True,)
        feed.close()


async def test_sqlite_goes_on_after_a_restart_with_an_empty_journal(tmp_path: Path, masker: EventMasker) -> None:
    path = tmp_path / "j.sqlite"
    first = SqliteJournal(path)
    await first.append("web", masked(masker, "a", "b"), [])
    first.close()
    feed = SqliteFeed(path)
    last = feed.read(0, MUCH)[-1].sequence
    feed.forget(last)
    second = SqliteJournal(path)
    assert (await second.append("web", masked(masker, "b", "c"), [])).is_new == (False, True)
    again = SqliteFeed(path)
    assert again.journal_id == feed.journal_id
    assert again.read(0, MUCH)[0].sequence > last
    for each in (second, feed, again):
        each.close()


async def test_sqlite_lets_one_process_append(tmp_path: Path) -> None:
    with closing(SqliteJournal(tmp_path / "j.sqlite")), pytest.raises(JournalInUse):
        SqliteJournal(tmp_path / "j.sqlite")


async def test_sqlite_forgets_old_ids_and_keeps_new_ones(tmp_path: Path, masker: EventMasker) -> None:
    bounds = Bounds(remembered=20)
    journal = SqliteJournal(tmp_path / "j.sqlite", bounds)
    for start in range(0, 200, 10):
        await journal.append("web", masked(masker, *(f"e{i}" for i in range(start, start + 10))), [])
    assert (await journal.append("web", masked(masker, "e199"), [])).is_new == (False,)
    assert (await journal.append("web", masked(masker, "e0"), [])).is_new == (True,)
    journal.close()
    with closing(connect(tmp_path / "j.sqlite")) as db:
        assert db.execute("SELECT sum(count) FROM seen").fetchone()[0] <= 40
    with closing(SqliteJournal(tmp_path / "j.sqlite", bounds)) as again:
        assert (await again.append("web", masked(masker, "e199"), [])).is_new == (False,)


async def test_sqlite_takes_nothing_when_the_disk_runs_low(tmp_path: Path, masker: EventMasker) -> None:
    bounds = Bounds(min_free_bytes=1 << 62)
    with closing(SqliteJournal(tmp_path / "j.sqlite", bounds)) as journal, pytest.raises(DiskLow):
        await journal.append("web", masked(masker, "a"), [])


async def test_sqlite_sets_a_file_aside_that_is_no_journal_and_begins_a_new_one(
    tmp_path: Path, masker: EventMasker
) -> None:
    path = tmp_path / "j.sqlite"
    path.write_bytes(b"not a database" * 1000)
    with closing(SqliteJournal(path)) as journal:
        assert (await journal.append("web", masked(masker, "a"), [])).is_new == (True,)
    (aside,) = tmp_path.glob("*.damaged")
    assert aside.read_bytes() == b"not a database" * 1000
    feeds = SqliteFeeds(tmp_path)
    assert len(feeds.assigned()) == 1
    feeds.close()


async def test_sqlite_tells_a_record_whose_bytes_changed(tmp_path: Path, masker: EventMasker) -> None:
    path = tmp_path / "j.sqlite"
    with closing(SqliteJournal(path)) as journal:
        await journal.append("web", masked(masker, "a"), [])
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE records SET events = CAST(replace(events, 'web', 'wbe') AS BLOB)")
    with closing(SqliteFeed(path)) as feed, pytest.raises(JournalDamaged):
        feed.read(0, MUCH)


async def test_feeds_of_workers_that_start_later_join(tmp_path: Path, masker: EventMasker) -> None:
    feeds = SqliteFeeds(tmp_path)
    assert feeds.assigned() == []
    with closing(SqliteJournal(tmp_path / "a.sqlite")), closing(SqliteJournal(tmp_path / "b.sqlite")):
        assert [feed.name for feed in feeds.assigned()] == ["a", "b"]
    feeds.close()
