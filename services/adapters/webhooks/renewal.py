"""A webhook whose secrets are looked up again while the edge runs, as the access file is."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from privacy.errors import MangroveError
from services.adapters.webhooks.delivery import Webhook

_LOOK_AGAIN_S = 0.5


@dataclass(frozen=True, slots=True)
class Secrets:
    """What stands where the configuration says that a webhook's secrets are; empty where it names none."""

    secret: str = field(repr=False)
    token: str = field(repr=False)
    api_key: str = field(repr=False)


class Renewing:
    """Gives a webhook and its API key; a change of its secrets' files counts within a second, without a restart.

    Secrets that are missing or of no use change nothing: those before go on counting, and a warning is logged.

    Args:
        name: The webhook's name in the configuration.
        read: Looks the secrets up; raises a `MangroveError` if one is missing or of no use.
        make: Makes the webhook of them; likewise.

    Raises:
        MangroveError: whatever `read` and `make` raise now.
    """

    def __init__(self, name: str, read: Callable[[], Secrets], make: Callable[[Secrets], Webhook]) -> None:
        self._log = structlog.get_logger().bind(webhook=name)
        self._read = read
        self._make = make
        self._secrets = read()
        self._webhook = make(self._secrets)
        self._looked_at = time.monotonic()
        self._is_usable = True

    def current(self) -> tuple[Webhook, str]:
        """Return the webhook and the API key that its events are sent with."""
        now = time.monotonic()
        if now - self._looked_at >= _LOOK_AGAIN_S:
            self._looked_at = now
            self._look_again()
        return self._webhook, self._secrets.api_key

    def _look_again(self) -> None:
        try:
            found = self._read()
            if found != self._secrets:
                self._webhook, self._secrets = self._make(found), found
                self._log.info("webhook_secrets_read")
            self._is_usable = True
        except MangroveError as error:
            if self._is_usable:
                self._log.warning("webhook_secrets_unusable", reason=error.reason, sentence=error.sentence)
            self._is_usable = False
