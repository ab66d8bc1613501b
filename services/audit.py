"""The audit: who was let in, who was kept out and why. JSON lines without values, keys or addresses.

Every line is one write at the end of the file, so several processes may share it, and it may be moved away at any
time: the next line begins a new one.
"""

import errno
import fcntl
import json
import os
import threading
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import structlog

from privacy.errors import MangroveError
from services.private_files import open_private

log = structlog.get_logger()

Fact = str | int | list[str] | None

_Refusal = tuple[str, str, str, str]
_OTHERS: _Refusal = ("OTHERS", "", "", "")


class AuditUnavailable(MangroveError):
    """A line could not be made durable."""

    reason = "AUDIT_UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__(
            "The audit log cannot be written, so nothing was changed. See `audit` in mangrove.toml: its folder must "
            "be there, writable, and its disk not full."
        )


class AuditLog:
    """An append-only log of administration and refusals.

    Args:
        path: The file; it is made with mode 0600. Its folder must be there.
        every_s: How long refusals are counted before they are written, in seconds.
        max_distinct: How many distinct refusals are told apart in that time; the rest are counted together.
    """

    def __init__(self, path: Path, *, every_s: float = 5.0, max_distinct: int = 256) -> None:
        self._path = path
        self._every_s = every_s
        self._max_distinct = max_distinct
        self._lock = threading.Lock()
        self._refusals: Counter[_Refusal] = Counter()
        self._since = ""
        self._timer: threading.Timer | None = None

    def note(self, action: str, **facts: Fact) -> None:
        """Write what an administrator does, durably, before it is done.

        Args:
            action: What is done, such as `access.revoke`.
            facts: Names, ids, times and counts; never a key or a value.

        Raises:
            AuditUnavailable: if it cannot be written.
        """
        try:
            self._write([{"at": _now(), "action": action, "uid": os.getuid(), **facts}])
        except OSError:
            raise AuditUnavailable from None

    def refused(self, reason: str, caller: str, key_id: str, method: str) -> None:
        """Count a refusal; it is written some seconds later, by a thread, together with those like it.

        Args:
            reason: Why, such as `UNAUTHENTICATED`.
            caller: Who called, empty if unknown.
            key_id: Which key was used, empty if unknown.
            method: What was called.
        """
        with self._lock:
            refusal = (reason, caller, key_id, method)
            if refusal not in self._refusals and len(self._refusals) >= self._max_distinct:
                refusal = _OTHERS
            if not self._refusals:
                self._since = _now()
            self._refusals[refusal] += 1
            if self._timer is None:
                self._timer = threading.Timer(self._every_s, self.flush)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> None:
        """Write the refusals counted so far; what cannot be written is logged as a number and forgotten."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            refusals, since = self._refusals, self._since
            self._refusals = Counter()
        if not refusals:
            return
        now = _now()
        lines: list[dict[str, Fact]] = [
            {
                "at": now,
                "action": "refused",
                "reason": reason,
                "caller": caller,
                "key_id": key_id,
                "method": method,
                "count": count,
                "since": since,
            }
            for (reason, caller, key_id, method), count in refusals.items()
        ]
        try:
            self._write(lines)
        except OSError as error:
            log.warning("audit_unwritable", refusals=refusals.total(), error_type=type(error).__name__)

    def _write(self, lines: list[dict[str, Fact]]) -> None:
        descriptor = open_private(self._path, os.O_RDWR | os.O_APPEND)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            size = os.fstat(descriptor).st_size
            # A full disk may have cut the last line off: it must not swallow the next one.
            before = b"\n" if size and os.pread(descriptor, 1, size - 1) != b"\n" else b""
            for line in lines:
                encoded = before + json.dumps(line).encode() + b"\n"
                if os.write(descriptor, encoded) != len(encoded):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                before = b""
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
