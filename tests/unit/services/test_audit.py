"""What is promised of the audit: whole lines, durable, for its owner only, and no flood can fill the disk."""

import json
import resource
import signal
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from services.audit import AuditLog, AuditUnavailable

NEVER_S = 3600.0


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_note_is_one_line_with_its_time_in_utc(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    audit = AuditLog(path)
    audit.note("access.add", caller="shop", channels=["web"], old_until=None)
    audit.note("access.revoke", caller="shop\nforged")
    first, second = lines(path)
    assert {k: first[k] for k in first if k not in ("at", "uid")} == {
        "action": "access.add",
        "caller": "shop",
        "channels": ["web"],
        "old_until": None,
    }
    assert datetime.fromisoformat(str(first["at"])).utcoffset() == timedelta()
    assert second["caller"] == "shop\nforged"
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_there_stays_and_a_line_that_was_cut_off_swallows_no_other(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_text('{"action": "first"}\n{"action": "cut o')
    AuditLog(path).note("third")
    first, cut, third = path.read_text().splitlines()
    assert (first, cut) == ('{"action": "first"}', '{"action": "cut o')
    assert json.loads(third)["action"] == "third"


def test_a_file_that_was_moved_away_is_begun_anew(tmp_path: Path) -> None:
    audit = AuditLog(tmp_path / "audit.jsonl")
    audit.note("one")
    (tmp_path / "audit.jsonl").rename(tmp_path / "audit.jsonl.1")
    audit.note("two")
    assert [line["action"] for line in lines(tmp_path / "audit.jsonl")] == ["two"]


def test_refusals_that_are_alike_are_one_line_with_a_count(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    audit = AuditLog(path, every_s=NEVER_S)
    for _ in range(100_000):
        audit.refused("UNAUTHENTICATED", "", "", "Collect")
    audit.refused("PERMISSION_DENIED", "shop", "k1", "Collect")
    assert not path.exists()
    audit.flush()
    told = [(line["reason"], line["caller"], line["key_id"], line["method"], line["count"]) for line in lines(path)]
    assert told == [("UNAUTHENTICATED", "", "", "Collect", 100_000), ("PERMISSION_DENIED", "shop", "k1", "Collect", 1)]
    audit.flush()
    assert len(lines(path)) == 2


def test_refusals_are_written_by_themselves_after_a_while_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    audit = AuditLog(path, every_s=0.05)
    end = time.monotonic() + 20
    for expected in (1, 2):
        audit.refused("UNAUTHENTICATED", "", "", "Collect")
        while not path.exists() or len(lines(path)) < expected:
            assert time.monotonic() < end
            time.sleep(0.01)


def test_refusals_of_many_kinds_take_bounded_memory_and_are_all_counted(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    audit = AuditLog(path, every_s=NEVER_S, max_distinct=10)
    for number in range(1000):
        audit.refused("UNAUTHENTICATED", f"caller-{number}", "", "Collect")
    audit.flush()
    assert len(lines(path)) == 11
    assert sum(int(str(line["count"])) for line in lines(path)) == 1000
    assert lines(path)[-1]["reason"] == "OTHERS"


def test_refusals_from_many_threads_are_all_counted(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    audit = AuditLog(path, every_s=0.001)
    threads = [
        threading.Thread(target=lambda: [audit.refused("QUOTA_EXCEEDED", "shop", "k", "Collect") for _ in range(2000)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    audit.flush()
    end = time.monotonic() + 20
    while sum(int(str(line["count"])) for line in lines(path)) < 8000:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert sum(int(str(line["count"])) for line in lines(path)) == 8000


def _note_many(path: Path, process: int) -> None:
    audit = AuditLog(path)
    for number in range(50):
        audit.note("test", process=process, number=number, padding="x" * 5000)


def test_lines_of_several_processes_stay_whole(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    with ProcessPoolExecutor(4, get_context("spawn")) as pool:
        list(pool.map(_note_many, [path] * 4, range(4)))
    seen = [(line["process"], line["number"]) for line in lines(path)]
    assert sorted(seen) == [(process, number) for process in range(4) for number in range(50)]


def test_an_audit_that_cannot_be_written_is_an_error_for_administration_and_a_warning_for_refusals(
    tmp_path: Path,
) -> None:
    audit = AuditLog(tmp_path / "missing" / "audit.jsonl", every_s=NEVER_S)
    with pytest.raises(AuditUnavailable):
        audit.note("access.add", caller="shop")
    audit.refused("UNAUTHENTICATED", "shop", "", "Collect")
    with capture_logs() as logs:
        audit.flush()
    assert [entry["event"] for entry in logs] == ["audit_unwritable"]
    assert "shop" not in str(logs)


def test_a_line_that_does_not_fit_is_an_error_and_the_next_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    audit = AuditLog(path)
    audit.note("first")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 10, before[1]))
        with pytest.raises(AuditUnavailable):
            audit.note("cut")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert not path.read_bytes().endswith(b"\n")
    audit.note("last")
    assert json.loads(path.read_text().splitlines()[-1])["action"] == "last"
