"""Sending processes that are killed, interrupted, forked, or just end."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.clients.collector import CollectorClient
from services.clients.spill import Spill
from services.clients.spill_key import new_spill_key
from tests.fakes.collector_server import FakeCollector

CHILD = Path(__file__).with_name("client_process.py")


@pytest.fixture
def away() -> Iterator[FakeCollector]:
    """A collector that is not there yet."""
    fake = FakeCollector()
    yield fake
    fake.stop()


def child(kind: str, address: str, folder: Path | str, key: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, CHILD, kind, address, folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"SPILL_KEY": key, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def ids_in(printed: str) -> set[str]:
    return set(re.findall(r"\b[0-9a-f]{32}\b", printed))


def delivered(away: FakeCollector, folder: Path, key: str, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """What arrives when another client takes over the folder."""
    monkeypatch.setenv("SPILL_KEY", key)
    away.start()
    with CollectorClient(away.address, "key", spill=Spill(folder, key="env:SPILL_KEY")) as client:
        assert client.drain(60)
    return set(away.taken)


def test_what_flush_promised_survives_kills_of_the_client(
    away: FakeCollector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = new_spill_key()
    promised: set[str] = set()
    for n in range(4):
        process = child("flushes", away.address, tmp_path / "spill", key)
        assert process.stdout is not None
        if n % 3 == 2:
            away.start()
        for _ in range(5 + 7 * n):
            promised |= ids_in(process.stdout.readline())
        process.kill()
        promised |= ids_in(process.communicate(timeout=30)[0])
        away.stop()
    assert len(promised) > 400
    assert promised <= delivered(away, tmp_path / "spill", key, monkeypatch)


@pytest.mark.parametrize("is_away", [True, False])
def test_an_interrupted_client_sends_or_spills_what_it_took(
    away: FakeCollector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_away: bool
) -> None:
    if not is_away:
        away.start()
    key = new_spill_key()
    process = child("interrupted", away.address, tmp_path / "spill", key)
    assert process.stdout is not None
    taken = set().union(*(ids_in(process.stdout.readline()) for _ in range(123)))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    taken |= ids_in(out)
    assert process.returncode in (1, -signal.SIGINT, 130)
    assert err.count("Traceback") == 1
    assert "KeyboardInterrupt" in err
    away.stop()
    assert taken <= delivered(away, tmp_path / "spill", key, monkeypatch)


@pytest.mark.parametrize("is_away", [True, False])
def test_a_program_that_never_closes_its_client_loses_nothing_at_its_end(
    away: FakeCollector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_away: bool
) -> None:
    if not is_away:
        away.start()
    key = new_spill_key()
    process = child("runs out", away.address, tmp_path / "spill", key)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    assert is_away or len(away.taken) == 23
    away.stop()
    assert len(ids_in(out)) == 23
    assert ids_in(out) == delivered(away, tmp_path / "spill", key, monkeypatch)


def test_a_forked_process_is_told_to_make_its_own_client(away: FakeCollector) -> None:
    away.start()
    process = child("forks", away.address, "", "")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out.split() == ["ClientUnusable"]
    assert len(away.taken) == 2
