"""kill -9 of the collector under load and of the lander between its steps: every accepted event lands exactly once."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable

from mangrove.event.v1 import event_pb2
from services.collector.bootstrap import lander_at
from services.keys import key_provider
from services.settings import Home
from tests.chaos.run import Chaos
from tests.generated import an_event
from tests.servers import new_home, start

KILLS = 12
LANDER_KILLED = "tests.integration.lander_killed"


def in_bronze(home: Home) -> list[str]:
    return DeltaTable(f"{home.lake_root}/bronze/events").to_pyarrow_table(columns=["event_id"])["event_id"].to_pylist()


@pytest.mark.slow
def test_kills_under_load_over_a_bad_network_lose_and_double_nothing(tmp_path: Path) -> None:
    chaos = Chaos(new_home(tmp_path, "\n[lander]\npoll_s = 0.05\n"), seed=5)
    try:
        counts = chaos.run(KILLS, seed=5)
    finally:
        chaos.stop()
    assert counts.sound, counts
    assert sum(counts.kills.values()) == KILLS
    assert counts.accepted > KILLS * 50


@pytest.mark.parametrize(
    "step",
    [
        "before_events",
        "after_events",
        "before_refusals",
        "after_refusals",
        "before_forget",
        "after_forget",
        "mid_forget",
    ],
)
def test_a_lander_killed_between_any_two_steps_neither_loses_nor_doubles(step: str, tmp_path: Path) -> None:
    home = new_home(tmp_path)
    ids = fill_journal(home, events=120, refusals=5)
    killed = subprocess.run(
        [sys.executable, "-m", LANDER_KILLED, str(home.folder), step], check=False, capture_output=True, env=os.environ
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    lander_at(home).drain()
    landed = in_bronze(home)
    assert sorted(landed) == sorted(ids)
    assert DeltaTable(f"{home.lake_root}/quarantine/events").to_pyarrow_table().num_rows == 5


def test_two_landers_at_once_neither_lose_nor_double(tmp_path: Path) -> None:
    home = new_home(tmp_path, "\n[lander]\nmax_bytes = 1024\npoll_s = 0.01\n")
    ids = fill_journal(home, events=400, refusals=0)
    landers = [start(home, "lander", "run", "--once") for _ in range(2)]
    for lander in landers:
        lander.wait(120)
    lander_at(home).drain()
    assert sorted(in_bronze(home)) == sorted(ids)


def test_small_files_are_joined(tmp_path: Path) -> None:
    home = new_home(tmp_path, "\n[lander]\nmax_bytes = 1024\ncompact_every = 20\n")
    ids = fill_journal(home, events=400, refusals=0)
    lander_at(home).drain()
    table = DeltaTable(f"{home.lake_root}/bronze/events")
    assert sorted(in_bronze(home)) == sorted(ids)
    assert len(table.file_uris()) < 20


def test_emotions_are_let_go_after_their_time_and_nothing_else_is(tmp_path: Path) -> None:
    home = new_home(tmp_path)
    sad = event_pb2.MessageSent(party=1, text="hi", emotion=event_pb2.Emotion(sentiment=-1))
    ids = fill_journal(home, events=3, refusals=0, message_sent=sad)
    lander = lander_at(home)
    lander.drain()
    today = datetime.now(UTC).date()
    table = f"{home.lake_root}/bronze/events"
    lander.maintain(today)
    assert DeltaTable(table).to_pyarrow_table()["emotion"].null_count == 0
    lander.maintain(today + timedelta(days=31))
    version = DeltaTable(table).version()
    assert DeltaTable(table).to_pyarrow_table()["emotion"].null_count == 3
    assert sorted(in_bronze(home)) == sorted(ids)
    lander.maintain(today + timedelta(days=31))
    assert DeltaTable(table).version() == version
    fill_journal(home, events=2, refusals=0)
    assert lander.drain().events == 2


def fill_journal(home: Home, *, events: int, refusals: int, **fields: object) -> list[str]:
    """Put masked events into the journal as a collector does; return their pseudonyms."""
    import asyncio

    from services.collector.bootstrap import event_masker
    from services.collector.journals.chosen import journal_at

    masker, journal = event_masker(key_provider(home)), journal_at(home)
    masked = masker.mask_batch([an_event(**fields) for _ in range(events)], "web", datetime.now(UTC))
    bad = an_event(channel=0)
    refused = [masker.refusal(bad, "web", datetime.now(UTC), masker.violations(bad)) for _ in range(refusals)]

    async def append() -> None:
        # One record for ten events, so that a lander has many rounds to make.
        for first in range(0, len(masked), 10):
            await journal.append("web", masked[first : first + 10], refused if first == 0 else [])

    asyncio.run(append())
    journal.close()
    return [e.event_id for e in masked]
