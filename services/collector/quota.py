"""What each source may send: events and bytes a second with bursts, and events a day, over all workers together.

The state is one small file a source, locked for the few microseconds of a look. The kernel lets go of a lock when its
holder dies, and the state is replaced by one write, so a worker may be killed at any moment.
"""

import fcntl
import math
import os
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import structlog

from privacy.errors import MangroveError
from services.private_files import open_private
from services.settings import SourceLimits

log = structlog.get_logger()

DAY_S = 86_400

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# A clock that all processes share, that nobody sets, and that goes on while the machine sleeps.
_UPTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
# So much later than computed a batch fits also after rounding.
_MARGIN_S = 0.001
_FORMAT = struct.Struct("<16sdddqqd")
_CHECKED = struct.Struct("<I")


class QuotaExceeded(MangroveError):
    """A source sends more than it may; nothing of the batch was taken.

    Args:
        sentence: Which limit it is and what to do.
        retry_after_s: In how many seconds a batch of this size fits.
    """

    reason = "QUOTA_EXCEEDED"

    def __init__(self, sentence: str, retry_after_s: float) -> None:
        super().__init__(sentence)
        self.retry_after_s = retry_after_s


class QuotaUnavailable(MangroveError):
    """What a source has sent cannot be looked up or written down; nothing of the batch was taken."""

    reason = "QUOTA_UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__(
            "The source's quota cannot be looked up, so nothing was taken. Send the batch again in a moment; the "
            "operator makes sure that the folder of the quotas can be written."
        )


@dataclass(slots=True)
class _State:
    """What a source has left.

    `events` and `bytes` are what its buckets held at `looked_at`, seconds of uptime of the boot `boot`; less than
    nothing is a debt. `sent` is how many events count for the UTC day `day`, days since the epoch, whose counting
    began at `day_began`, seconds of uptime.
    """

    boot: bytes
    looked_at: float
    events: float
    bytes: float
    day: int
    sent: int
    day_began: float


@dataclass(frozen=True, slots=True)
class _Now:
    boot: bytes
    uptime: float
    utc: float

    @property
    def day(self) -> int:
        return int(self.utc // DAY_S)


class Quotas:
    """Counts what sources send against their limits, together with all processes that use the same folder.

    Within any time a source sends at most its burst and its steady rate. A batch that is larger than the burst is
    taken when the bucket is full, and paid back before the next. Nothing of this depends on the time of day but the
    daily count, and that begins anew only with a later day or after 24 hours.

    Args:
        folder: Where the state is kept, a file a source; it is made if it is missing.
        default: The limits of sources that have none of their own.
        by_source: The limits of sources that do.
        uptime: A clock in seconds that all processes share and nobody sets.
        utc: The time of day, seconds since the epoch.

    Raises:
        QuotaUnavailable: if the folder cannot be made.
    """

    def __init__(
        self,
        folder: Path,
        default: SourceLimits,
        by_source: Mapping[str, SourceLimits],
        *,
        uptime: Callable[[], float] = lambda: time.clock_gettime(_UPTIME),
        utc: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._default = default
        self._by_source = dict(by_source)
        self._uptime, self._utc = uptime, utc
        self._boot = _boot_id()
        self._lock = threading.Lock()
        self._files: dict[str, int] = {}
        self._pid = os.getpid()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError:
            raise QuotaUnavailable from None

    def take(self, source: str, events: int, size: int) -> None:
        """Count a batch.

        Args:
            source: Who sends it.
            events: How many events it holds.
            size: Its bytes.

        Raises:
            QuotaExceeded: if it is too much now; nothing is counted.
            QuotaUnavailable: if that cannot be told.
        """
        limits = self._limits(source)
        if limits is None:
            return
        with self._state(source, limits) as (descriptor, state, now):
            refusal = _refusal(limits, state, now, events, size)
            if refusal is None:
                state.events -= events
                state.bytes -= size
                state.sent += events
            _store(descriptor, state)
        if refusal is not None:
            raise refusal

    def give_back(self, source: str, events: int, size: int) -> None:
        """Take a batch off the count again, because nothing of it was taken in the end.

        A batch that was counted before midnight is taken off the new day. If the count cannot be reached the batch
        stays counted, and a warning is logged.
        """
        limits = self._limits(source)
        if limits is None:
            return
        with suppress(QuotaUnavailable), self._state(source, limits) as (descriptor, state, _):
            state.events += events
            state.bytes += size
            state.sent = max(0, state.sent - events)
            _store(descriptor, state)

    def close(self) -> None:
        """Let go of the files."""
        with self._lock:
            for descriptor in self._files.values():
                os.close(descriptor)
            self._files = {}

    def _limits(self, source: str) -> SourceLimits | None:
        limits = self._by_source.get(source, self._default)
        return limits if limits.events_per_s or limits.bytes_per_s or limits.events_per_day else None

    @contextmanager
    def _state(self, source: str, limits: SourceLimits) -> Iterator[tuple[int, _State, _Now]]:
        """Lock a source's file and give its state as of now."""
        with self._lock:
            try:
                descriptor = self._file(source)
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                try:
                    now = _Now(self._boot, self._uptime(), self._utc())
                    yield descriptor, _as_of(now, _load(descriptor), limits), now
                finally:
                    fcntl.flock(descriptor, fcntl.LOCK_UN)
            except OSError as error:
                log.warning("quota_unavailable", error_type=type(error).__name__)
                raise QuotaUnavailable from None

    def _file(self, source: str) -> int:
        if self._pid != os.getpid():
            # A lock belongs to the opened file, which a forked child shares: it opens its own.
            for shared in self._files.values():
                os.close(shared)
            self._files, self._pid = {}, os.getpid()
        descriptor = self._files.get(source)
        if descriptor is None:
            path = self._folder / f"{quote(source, safe='')}.quota"
            descriptor = self._files[source] = open_private(path, os.O_RDWR)
        return descriptor


def _as_of(now: _Now, state: _State | None, limits: SourceLimits) -> _State:
    """Return the state with what came in since it was stored, and with the day's count begun anew if it is time."""
    if state is None:
        state = _State(now.boot, now.uptime, math.inf, math.inf, now.day, 0, now.uptime)
    if state.boot != now.boot:
        # Uptime began anew: nothing is known of the seconds between, and a full bucket is little.
        state.boot, state.events, state.bytes, state.day_began = now.boot, math.inf, math.inf, now.uptime
    elapsed = max(0.0, now.uptime - state.looked_at)
    state.events = _refilled(state.events, limits.events_per_s, limits.burst_s, elapsed)
    state.bytes = _refilled(state.bytes, limits.bytes_per_s, limits.burst_s, elapsed)
    state.looked_at = now.uptime
    if now.day > state.day or (now.day < state.day and now.uptime - state.day_began >= DAY_S):
        # A clock that was set back gives nothing anew, and one that was once far ahead does not stop a source.
        state.day, state.sent, state.day_began = now.day, 0, now.uptime
    return state


def _refilled(left: float, rate: float, burst_s: float, elapsed: float) -> float:
    """Return what a bucket holds after some seconds; one without a limit is full for ever."""
    return min(rate * burst_s, left + rate * elapsed) if rate else math.inf


def _refusal(limits: SourceLimits, state: _State, now: _Now, events: int, size: int) -> QuotaExceeded | None:
    waits = (
        (_wait(limits.events_per_s, limits.burst_s, state.events, events), limits.events_per_s, "events"),
        (_wait(limits.bytes_per_s, limits.burst_s, state.bytes, size), limits.bytes_per_s, "bytes"),
    )
    wait, rate, what = max(waits)
    if limits.events_per_day and state.sent + events > limits.events_per_day:
        wait = max(wait, (now.day + 1) * DAY_S - now.utc)
        left = max(0, limits.events_per_day - state.sent)
        return QuotaExceeded(
            f"This source may send {limits.events_per_day} events a day (UTC), of which {left} are left; nothing of "
            f"the batch was taken. Send no more than that, or come back in {math.ceil(wait)} s. The operator can "
            "raise the limit.",
            wait + _MARGIN_S,
        )
    if wait > 0:
        return QuotaExceeded(
            f"This source may send {rate:g} {what} a second, in bursts of {rate * limits.burst_s:g}; nothing of the "
            f"batch was taken. Send it again in {math.ceil(wait * 10) / 10} s. The operator can raise the limit.",
            wait + _MARGIN_S,
        )
    return None


def _wait(rate: float, burst_s: float, left: float, wanted: int) -> float:
    """Return in how many seconds there is enough, or the bucket is full."""
    return max(0.0, (min(wanted, rate * burst_s) - left) / rate) if rate else 0.0


def _load(descriptor: int) -> _State | None:
    stored = os.pread(descriptor, _FORMAT.size + _CHECKED.size, 0)
    if not stored:
        return None
    packed, checked = stored[: _FORMAT.size], stored[_FORMAT.size :]
    if checked != _CHECKED.pack(zlib.crc32(packed)):
        log.warning("quota_state_damaged")
        return None
    return _State(*_FORMAT.unpack(packed))


def _store(descriptor: int, state: _State) -> None:
    packed = _FORMAT.pack(
        state.boot, state.looked_at, state.events, state.bytes, state.day, state.sent, state.day_began
    )
    os.pwrite(descriptor, packed + _CHECKED.pack(zlib.crc32(packed)), 0)


def _boot_id() -> bytes:
    try:
        return bytes.fromhex(_BOOT_ID.read_text().strip().replace("-", ""))
    except (OSError, ValueError):
        return bytes(16)
