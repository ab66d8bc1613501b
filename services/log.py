"""Structured logs on standard error, without values: JSON lines of named events, counts and types.

What libraries log may hold anything that came over the wire, in their messages and above all in the texts of
exceptions. Of them it is told who logged what kind of error and where in the code, and the message only if it is one
of those that are known to hold no value, in the form in which it stands in the library's source. The same goes for
exceptions that nobody caught: what would print a stack trace tells their type and where they came from.
"""

import contextlib
import logging
import os
import sys
import threading
import traceback
import warnings
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict

# gRPC's core writes past Python, also what peers sent; it reads this once, when it is imported.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

_FRAMES = 3

# First lines of messages as they stand in the libraries' sources, before any value is put in.
_KNOWN = frozenset({
    "ASGI callable returned without completing response.",
    "ASGI callable returned without starting response.",
    "Application startup failed. Exiting.",
    "Cancel %s running task(s), timeout graceful shutdown exceeded",
    "Exceeded concurrency limit.",
    "Exception in ASGI application",
    "Exception while exporting %s.",
    "Failed to export %s to %s, error code: %s, error details: %s",
    "Invalid HTTP request received.",
    "Queue full, dropping %s.",
    "Task exception was never retrieved",
    "Task was destroyed but it is pending!",
    "Transient error %s encountered while exporting %s to %s, retrying in %.2fs. Error details: %s",
    "Unhandled exception in event loop",
})  # fmt: skip


def configure(verbose: bool = False) -> None:
    """Set up logging for a process; libraries stay quiet unless they warn.

    Import this module before gRPC. A library that sets up handlers of its own must be told not to, or to write to
    Python's logging (uvicorn: `log_config=None`; Kafka's client: `logger`).
    """
    structlog.configure(
        processors=[
            _without_texts,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(_Patient(sys.stderr)),  # type: ignore[arg-type]
    )
    logging.basicConfig(handlers=[_Libraries()], level=logging.WARNING, force=True)
    sys.excepthook = _uncaught
    sys.unraisablehook = lambda failed: _tell("uncaught", failed.exc_type, failed.exc_traceback)
    threading.excepthook = lambda failed: (
        None if failed.exc_type is SystemExit else _tell("uncaught", failed.exc_type, failed.exc_traceback)
    )
    warnings.showwarning = _warned


class _Patient:
    """A stream whose disk may be full and whose reader may be gone: a line is lost, the work goes on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


class _Libraries(logging.Handler):
    """Tells what libraries log as events of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        facts: dict[str, Any] = {"logger": record.name, "where": f"{record.filename}:{record.lineno}"}
        first_line = str(record.msg).partition("\n")[0].rstrip()
        if first_line in _KNOWN:
            facts["message"] = first_line
        if record.exc_info and record.exc_info[0] is not None:
            facts |= _error(record.exc_info[0], record.exc_info[2])
        level = next(kept for kept in (50, 40, 30, 20, 10, 0) if record.levelno >= kept)
        structlog.get_logger().log(level, "library", **facts)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is the base class's
        """Stay silent; the default prints the message with all its arguments."""


def _without_texts(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Tell an exception by its type also where it was handed to a logger."""
    if event.pop("exc_info", None):
        event.setdefault("error_type", getattr(sys.exc_info()[0], "__name__", ""))
    return {key: type(value).__name__ if isinstance(value, BaseException) else value for key, value in event.items()}


def _error(kind: type[BaseException], trace: TracebackType | None) -> dict[str, Any]:
    frames = traceback.extract_tb(trace)[-_FRAMES:]
    return {"error_type": kind.__name__, "at": [f"{Path(f.filename).name}:{f.lineno}" for f in frames]}


def _tell(event: str, kind: type[BaseException], trace: TracebackType | None) -> None:
    structlog.get_logger().error(event, **_error(kind, trace))


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, None)
    else:
        _tell("uncaught", kind, trace)


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    structlog.get_logger().warning("warned", category=category.__name__, where=f"{Path(filename).name}:{lineno}")
