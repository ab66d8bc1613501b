"""Keeps processes running: forks them, starts dead ones anew, and lets all of them drain when told to stop.

The supervisor has one thread and no connections, so that forking is safe at any time, and children share what it
loaded before. Each child holds the reading end of a pipe whose writing end only the supervisor has: when the
supervisor is gone, however it died, they notice and drain.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

import structlog

from privacy.errors import MangroveError
from services.errors import retry_after_of

log = structlog.get_logger()

_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)
_LOOK_S = 1.0
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.05, 5.0
_STEADY_S = 10.0
_GIVE_UP = os.EX_CONFIG


@dataclass(frozen=True, slots=True)
class Child:
    """A process to keep running.

    Attributes:
        name: What the log calls it.
        run: Its work; gets the file descriptor that ends when the supervisor does. It returns after it was told to
            stop and has drained. A `MangroveError` that trying again does not help against, before it ran steadily
            once, stops everything: the configuration is wrong.
    """

    name: str
    run: Callable[[int], None]


@dataclass(slots=True)
class _Running:
    child: Child
    pid: int = 0
    started: float = 0.0
    wait_s: float = 0.0
    start_at: float = 0.0
    steady: bool = False


class Supervisor:
    """Runs children until SIGTERM or SIGINT.

    Args:
        children: What to keep running.
        drain_s: How long children may take to end after they were told to, in seconds; then they are killed.
        on_end: Called with the pid of a child that ended by itself and a word for the cause: killed or failed.
    """

    def __init__(
        self,
        children: Sequence[Child],
        *,
        drain_s: float,
        on_end: Callable[[int, str], None] = lambda _pid, _cause: None,
    ) -> None:
        self._running = [_Running(child) for child in children]
        self._drain_s = drain_s
        self._on_end = on_end
        self._lifeline: tuple[int, int] = (-1, -1)

    def run(self) -> int:
        """Keep the children running until told to stop; return the exit code for this process."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        self._lifeline = os.pipe()
        code = 0
        try:
            while True:
                self._start_due()
                told = signal.sigtimedwait(_SIGNALS, self._patience())
                if told is not None and told.si_signo != signal.SIGCHLD:
                    break
                if self._reap():
                    code = 1
                    break
        finally:
            self._stop()
        return code

    @property
    def alive(self) -> int:
        """How many children run now."""
        return sum(1 for one in self._running if one.pid)

    def _start_due(self) -> None:
        now = time.monotonic()
        for one in self._running:
            if not one.pid and now >= one.start_at:
                one.pid = self._fork(one.child)
                one.started = now
                log.info("started", child=one.child.name, pid=one.pid)

    def _patience(self) -> float:
        due = [one.start_at for one in self._running if not one.pid]
        return max(min([*due, time.monotonic() + _LOOK_S]) - time.monotonic(), 0.0)

    def _fork(self, child: Child) -> int:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            _become(child, self._lifeline)
        return pid

    def _reap(self) -> bool:
        """Take note of children that ended; return whether to give up."""
        hopeless = False
        for one in self._running:
            if one.pid:
                pid, status = os.waitpid(one.pid, os.WNOHANG)
                if pid:
                    hopeless |= self._ended(one, status)
        return hopeless

    def _ended(self, one: _Running, status: int) -> bool:
        cause = "killed" if os.WIFSIGNALED(status) else "failed"
        lasted = time.monotonic() - one.started
        one.steady = one.steady or lasted > _STEADY_S
        hopeless = os.waitstatus_to_exitcode(status) == _GIVE_UP and not one.steady
        one.wait_s = 0.0 if lasted > _STEADY_S else min(max(one.wait_s * 2, _FIRST_WAIT_S), _LONGEST_WAIT_S)
        one.start_at = time.monotonic() + one.wait_s
        if hopeless or signal.sigpending() & {signal.SIGTERM, signal.SIGINT}:
            log.warning("ended", child=one.child.name, pid=one.pid, cause=cause, stopping=True)
        else:
            log.warning("ended", child=one.child.name, pid=one.pid, cause=cause, start_again_s=one.wait_s)
        self._on_end(one.pid, cause)
        one.pid = 0
        return hopeless

    def _stop(self) -> None:
        for one in self._running:
            if one.pid:
                os.kill(one.pid, signal.SIGTERM)
        until = time.monotonic() + self._drain_s
        while self.alive and time.monotonic() < until:
            signal.sigtimedwait((signal.SIGCHLD,), 0.1)
            for one in self._running:
                if one.pid and os.waitpid(one.pid, os.WNOHANG)[0]:
                    one.pid = 0
        for one in self._running:
            if one.pid:
                log.error("killed_after_drain", child=one.child.name, pid=one.pid)
                os.kill(one.pid, signal.SIGKILL)
                os.waitpid(one.pid, 0)
                one.pid = 0
        os.close(self._lifeline[0])
        os.close(self._lifeline[1])


def _become(child: Child, lifeline: tuple[int, int]) -> NoReturn:
    """Run a child's work in a process that was just forked, and end it without running the parent's exits."""
    code = 1
    try:
        os.close(lifeline[1])
        # The terminal's Ctrl-C reaches the whole group; the supervisor alone decides.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        child.run(lifeline[0])
        code = 0
    except MangroveError as error:
        log.error("child_refused", child=child.name, reason=error.reason, sentence=error.sentence)
        code = _GIVE_UP if retry_after_of(error) is None else os.EX_TEMPFAIL
    except BaseException as error:  # noqa: BLE001 - the parent's stack must never run in a child
        log.error("child_failed", child=child.name, error_type=type(error).__name__)
    finally:
        os._exit(code)
