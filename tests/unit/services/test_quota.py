"""What is promised of quotas: never more than burst and rate, over all processes, whatever clocks and kills do."""

import os
import signal
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from services.collector.quota import DAY_S, QuotaExceeded, Quotas, QuotaUnavailable
from services.settings import SourceLimits

MIDNIGHT = 20_000 * DAY_S
NOTHING = SourceLimits()


class Clocks:
    """Both clocks, moved by hand."""

    def __init__(self) -> None:
        self.uptime_s = 1000.0
        self.utc_s = float(MIDNIGHT + 100)

    def wait(self, seconds: float) -> None:
        self.uptime_s += seconds
        self.utc_s += seconds


def quotas(folder: Path, clocks: Clocks, limits: SourceLimits) -> Quotas:
    return Quotas(folder, NOTHING, {"shop": limits}, uptime=lambda: clocks.uptime_s, utc=lambda: clocks.utc_s)


def taken(quota: Quotas, events: int, size: int = 0, source: str = "shop") -> bool:
    try:
        quota.take(source, events, size)
    except QuotaExceeded:
        return False
    return True


def test_a_burst_is_taken_and_then_the_steady_rate(tmp_path: Path) -> None:
    clocks = Clocks()
    quota = quotas(tmp_path, clocks, SourceLimits(events_per_s=10, burst_s=5))
    assert [taken(quota, 10) for _ in range(7)] == [True] * 5 + [False] * 2
    clocks.wait(1)
    assert [taken(quota, 10) for _ in range(2)] == [True, False]


def test_bytes_are_limited_like_events(tmp_path: Path) -> None:
    quota = quotas(tmp_path, Clocks(), SourceLimits(bytes_per_s=1000, burst_s=2))
    assert [taken(quota, 1, 1000) for _ in range(3)] == [True, True, False]


def test_a_refusal_says_which_limit_it_is_and_coming_back_then_helps(tmp_path: Path) -> None:
    clocks = Clocks()
    quota = quotas(tmp_path, clocks, SourceLimits(events_per_s=10, bytes_per_s=1000, burst_s=1))
    quota.take("shop", 10, 0)
    with pytest.raises(QuotaExceeded, match="10 events a second, in bursts of 10") as refused:
        quota.take("shop", 5, 0)
    assert refused.value.retry_after_s == pytest.approx(0.5, abs=0.01)
    clocks.wait(refused.value.retry_after_s)
    quota.take("shop", 5, 1000)
    with pytest.raises(QuotaExceeded, match="1000 bytes a second"):
        quota.take("shop", 0, 1000)


def test_a_batch_larger_than_the_burst_is_taken_from_a_full_bucket_and_paid_back(tmp_path: Path) -> None:
    clocks = Clocks()
    quota = quotas(tmp_path, clocks, SourceLimits(events_per_s=10, burst_s=1))
    assert taken(quota, 100)
    clocks.wait(9)
    assert not taken(quota, 1)
    clocks.wait(0.5)
    assert not taken(quota, 100)
    clocks.wait(0.5)
    assert [taken(quota, 100), taken(quota, 1)] == [True, False]


@settings(deadline=None, max_examples=150)
@given(
    rate=st.floats(0.1, 1000),
    burst_s=st.floats(0.1, 20),
    steps=st.lists(st.tuples(st.floats(0, 5), st.integers(0, 500), st.booleans()), max_size=60),
)
def test_never_more_than_burst_and_rate_in_any_time(
    rate: float, burst_s: float, steps: list[tuple[float, int, bool]]
) -> None:
    with TemporaryDirectory() as folder:
        clocks = Clocks()
        limits = SourceLimits(events_per_s=rate, burst_s=burst_s)
        workers = [quotas(Path(folder), clocks, limits), quotas(Path(folder), clocks, limits)]
        sent: list[tuple[float, int]] = []
        for wait, events, worker in steps:
            clocks.wait(wait)
            if taken(workers[worker], events):
                sent.append((clocks.uptime_s, events))
        for first in range(len(sent)):
            total = 0
            for last in range(first, len(sent)):
                total += sent[last][1]
                largest = max(rate * burst_s, sent[last][1])
                assert total <= largest + rate * (sent[last][0] - sent[first][0]) + 1e-6
        for worker in workers:
            worker.close()


@settings(deadline=None, max_examples=100)
@given(steps=st.lists(st.tuples(st.floats(0, 3), st.integers(1, 300)), max_size=40))
def test_whoever_comes_back_when_told_is_taken(steps: list[tuple[float, int]]) -> None:
    with TemporaryDirectory() as folder:
        clocks = Clocks()
        quota = quotas(Path(folder), clocks, SourceLimits(events_per_s=7.3, bytes_per_s=911.1, burst_s=3.7))
        for wait, events in steps:
            clocks.wait(wait)
            try:
                quota.take("shop", events, events * 10)
            except QuotaExceeded as refused:
                clocks.wait(refused.retry_after_s)
                quota.take("shop", events, events * 10)
        quota.close()


def test_what_is_given_back_can_be_taken_again_and_makes_no_more_than_there_was(tmp_path: Path) -> None:
    quota = quotas(tmp_path, Clocks(), SourceLimits(events_per_s=10, bytes_per_s=100, burst_s=1, events_per_day=10))
    quota.take("shop", 10, 100)
    quota.give_back("shop", 10, 100)
    quota.give_back("shop", 10, 100)
    assert [taken(quota, 10, 100), taken(quota, 1, 1)] == [True, False]


def test_a_day_has_its_number_of_events_also_over_a_restart(tmp_path: Path) -> None:
    clocks = Clocks()
    limits = SourceLimits(events_per_day=100)
    first = quotas(tmp_path, clocks, limits)
    first.take("shop", 90, 0)
    first.close()
    again = quotas(tmp_path, clocks, limits)
    with pytest.raises(QuotaExceeded, match="of which 10 are left") as refused:
        again.take("shop", 11, 0)
    assert refused.value.retry_after_s == pytest.approx(DAY_S - 100, abs=1)
    assert taken(again, 10)
    clocks.wait(refused.value.retry_after_s)
    assert taken(again, 100)


@given(steps=st.lists(st.floats(-3 * DAY_S, 0), max_size=20))
@settings(deadline=None, max_examples=50)
def test_a_day_that_steps_back_gives_nothing_anew(steps: list[float]) -> None:
    with TemporaryDirectory() as folder:
        clocks = Clocks()
        quota = quotas(Path(folder), clocks, SourceLimits(events_per_day=100))
        quota.take("shop", 100, 0)
        highest = clocks.utc_s
        for back in steps:
            clocks.utc_s = highest + back
            assert not taken(quota, 1)
        quota.close()


def test_a_clock_that_was_far_ahead_once_stops_nobody_for_longer_than_a_day(tmp_path: Path) -> None:
    clocks = Clocks()
    quota = quotas(tmp_path, clocks, SourceLimits(events_per_day=100))
    clocks.utc_s += 1000 * DAY_S
    quota.take("shop", 100, 0)
    clocks.utc_s -= 1000 * DAY_S
    assert not taken(quota, 1)
    clocks.wait(DAY_S)
    assert taken(quota, 100)


def test_the_rate_does_not_depend_on_the_time_of_day(tmp_path: Path) -> None:
    clocks = Clocks()
    quota = quotas(tmp_path, clocks, SourceLimits(events_per_s=10, burst_s=1))
    assert taken(quota, 10)
    clocks.utc_s += 10_000
    assert not taken(quota, 1)
    clocks.utc_s -= 20_000
    clocks.uptime_s += 1
    assert taken(quota, 10)


def test_an_uptime_that_steps_back_neither_gives_nor_stops(tmp_path: Path) -> None:
    clocks = Clocks()
    quota = quotas(tmp_path, clocks, SourceLimits(events_per_s=10, burst_s=1))
    assert taken(quota, 10)
    clocks.uptime_s -= 500
    assert not taken(quota, 1)
    clocks.wait(1)
    assert [taken(quota, 10), taken(quota, 1)] == [True, False]


def test_a_limit_that_is_set_later_does_not_ask_for_what_was_sent_without_it(tmp_path: Path) -> None:
    clocks = Clocks()
    quotas(tmp_path, clocks, SourceLimits(bytes_per_s=1e9)).take("shop", 1_000_000, 0)
    assert taken(quotas(tmp_path, clocks, SourceLimits(events_per_s=10)), 100)


def test_sources_have_their_own_limits_and_those_without_leave_nothing_behind(tmp_path: Path) -> None:
    quota = Quotas(
        tmp_path / "quota",
        SourceLimits(events_per_s=1, burst_s=1),
        {"free": NOTHING, "big": SourceLimits(events_per_s=100, burst_s=1)},
    )
    assert taken(quota, 1_000_000_000, source="free")
    assert [taken(quota, 1, source="a"), taken(quota, 1, source="b"), taken(quota, 1, source="a")] == [
        True,
        True,
        False,
    ]
    assert taken(quota, 100, source="big")
    assert sorted(path.name for path in (tmp_path / "quota").iterdir()) == ["a.quota", "b.quota", "big.quota"]


def test_a_source_of_any_name_stays_inside_its_folder(tmp_path: Path) -> None:
    quota = Quotas(tmp_path / "quota", SourceLimits(events_per_s=1), {})
    for name in ("../up", "..", "/etc/passwd", "店"):
        quota.take(name, 1, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["quota"]
    assert len(list((tmp_path / "quota").iterdir())) == 4


@pytest.mark.parametrize("content", [b"x", b"\xff" * 64, b"\x00" * 1000])
def test_a_damaged_state_is_begun_anew_with_a_warning(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "shop.quota").write_bytes(content)
    quota = quotas(tmp_path, Clocks(), SourceLimits(events_per_s=10, burst_s=1))
    with capture_logs() as logs:
        assert [taken(quota, 10), taken(quota, 1)] == [True, False]
    assert [entry["event"] for entry in logs] == ["quota_state_damaged"]


def test_a_state_that_cannot_be_kept_takes_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(QuotaUnavailable):
        Quotas(tmp_path / "file", NOTHING, {})
    (tmp_path / "quota" / "shop.quota").mkdir(parents=True)
    quota = quotas(tmp_path / "quota", Clocks(), SourceLimits(events_per_s=1))
    with capture_logs() as logs:
        with pytest.raises(QuotaUnavailable):
            quota.take("shop", 1, 1)
        quota.give_back("shop", 1, 1)
    assert [entry["event"] for entry in logs] == ["quota_unavailable"] * 2


def _send_for(folder: Path, seconds: float) -> int:
    quota = Quotas(folder, SourceLimits(events_per_s=200, burst_s=1), {})
    sent, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        sent += 10 * taken(quota, 10)
    return sent


def test_several_processes_together_send_no_more_than_one_may(tmp_path: Path) -> None:
    began = time.monotonic()
    with ProcessPoolExecutor(3, get_context("spawn")) as pool:
        sent = sum(pool.map(_send_for, [tmp_path] * 3, [0.5] * 3))
    assert 200 <= sent <= 200 + 200 * (time.monotonic() - began)


def _take_as_fork(quota: Quotas, pipe: Connection) -> None:
    pipe.send(sum(taken(quota, 1) for _ in range(1000)))


def test_a_forked_process_counts_with_its_parent(tmp_path: Path) -> None:
    quota = Quotas(tmp_path, SourceLimits(events_per_day=1500), {})
    quota.take("shop", 1, 1)
    context = get_context("fork")
    pipes = [context.Pipe() for _ in range(3)]
    children = [context.Process(target=_take_as_fork, args=(quota, end)) for _, end in pipes]
    for child in children:
        child.start()
    sent = 1 + sum(taken(quota, 1) for _ in range(1000)) + sum(end.recv() for end, _ in pipes)
    for child in children:
        child.join(20)
    assert sent == 1500


def _take_for_ever(folder: Path) -> None:
    quota = Quotas(folder, SourceLimits(events_per_s=1e9), {})
    while True:
        quota.take("shop", 1, 1)


def test_a_worker_that_is_killed_at_any_moment_holds_nobody_up(tmp_path: Path) -> None:
    quota = Quotas(tmp_path, SourceLimits(events_per_s=1e9), {})
    context = get_context("fork")
    with capture_logs() as logs:
        for round_ in range(30):
            child = context.Process(target=_take_for_ever, args=(tmp_path,))
            child.start()
            for _ in range(50 + 13 * round_):
                quota.take("shop", 1, 1)
            assert child.pid is not None
            os.kill(child.pid, signal.SIGKILL)
            child.join(20)
            quota.take("shop", 1, 1)
    assert logs == []
