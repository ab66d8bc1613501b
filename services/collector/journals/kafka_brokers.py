"""How clients of Kafka's brokers are made: their settings from ours and the operator's, and what their log tells."""

import logging
import os
import time
from collections.abc import Mapping
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException

from services.settings import SettingsInvalid

log = structlog.get_logger()

_TELL_AGAIN_S = 60.0
_SILENT = logging.getLogger("librdkafka")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False


class KafkaBrokers:
    """A cluster and the way to it.

    Args:
        servers: The brokers to ask first, host:port, with commas.
        options: More of librdkafka's settings, such as `security.protocol`; `env:NAME` is taken from the environment.

    Raises:
        SettingsInvalid: if an option's environment variable is not set.
    """

    def __init__(self, servers: str, options: Mapping[str, str] | None = None) -> None:
        self._servers = servers
        self._options = {key: _resolved(key, value) for key, value in (options or {}).items()}

    def client(self, make: Any, kind: str, *, fixed: Mapping[str, Any], defaults: Mapping[str, Any]) -> Any:
        """Return a client with our settings and the options.

        Args:
            make: Its class.
            kind: What it is for, for the log.
            fixed: Settings that the promises rest on.
            defaults: Settings that options may change.

        Raises:
            SettingsInvalid: if an option says otherwise than what is fixed, or librdkafka does not take it.
        """
        fixed = {"bootstrap.servers": self._servers, **fixed}
        clash = sorted(fixed.keys() & self._options.keys())
        if clash:
            raise SettingsInvalid(
                f"journal.kafka_options may not set {', '.join(clash)}: the journal's promises rest on it. Take it out."
            )
        # librdkafka's own log lines name hosts and users; what went wrong is told by its code instead.
        quiet = {"log_level": 0, "logger": _SILENT, "error_cb": ErrorLog(kind)}
        try:
            return make({"client.id": "mangrove", **defaults, **self._options, **fixed, **quiet})
        except (KafkaException, TypeError):
            names = ", ".join(sorted(self._options)) or "none"
            raise SettingsInvalid(
                f"librdkafka does not take the Kafka settings. Look at journal.kafka_options (set: {names}): one is "
                "not known, or has a value that it cannot have."
            ) from None


class ErrorLog:
    """Tells a client's errors in the log by their code, each once a minute at most.

    Args:
        kind: What the client is for.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._told: dict[str, float] = {}

    def __call__(self, error: KafkaError) -> None:
        """Tell an error."""
        now = time.monotonic()
        if now - self._told.get(error.name(), -_TELL_AGAIN_S) >= _TELL_AGAIN_S:
            self._told[error.name()] = now
            log.warning("kafka_error", client=self._kind, code=error.name())


def _resolved(key: str, value: str) -> str:
    if not value.startswith("env:"):
        return value
    name = value.removeprefix("env:")
    if name not in os.environ:
        raise SettingsInvalid(f"journal.kafka_options: {key} is taken from ${name}, which is not set. Set it.")
    return os.environ[name]
