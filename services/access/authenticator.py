"""Tells who holds a key, by the access file as it stands now."""

import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from privacy.errors import MangroveError
from services.access.file import AccessFileInvalid, Key, parse, read
from services.access.keys import Role, hash_api_key

log = structlog.get_logger()

_LOOK_AGAIN_S = 0.5


class Unauthenticated(MangroveError):
    """No key, or one that opens nothing here. A caller is not told which.

    Args:
        cause: For the audit alone: KEY_MISSING, KEY_UNKNOWN, KEY_OVER, KEY_REVOKED or CERTIFICATE_OTHER.
        caller: For the audit alone: whose key it is, empty if nobody's.
        key_id: For the audit alone: which key it is, empty if nobody's.
    """

    reason = "UNAUTHENTICATED"

    def __init__(self, cause: str = "KEY_UNKNOWN", caller: str = "", key_id: str = "") -> None:
        super().__init__(
            "This call needs a valid API key: send the metadata 'authorization: Bearer KEY'. "
            "`mangrove init` and `mangrove access` make keys; ask the operator for yours."
        )
        self.cause, self.caller, self.key_id = cause, caller, key_id


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who proved to hold a key: a source of events or a partner who asks.

    `key_id` names the key that was used, for the audit; `channels` are the channels a source may send events of,
    such as chat; empty for all.
    """

    name: str
    role: Role
    key_id: str = ""
    channels: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Holder:
    caller: Caller
    key: Key
    certificates: frozenset[str] | None


class Authenticator:
    """Looks up who holds a key. A change of the access file counts within a second, without a restart.

    A file that cannot be used any more changes nothing: what stood in it before goes on counting, and a warning is
    logged. Keys that end do so at their time all the same.

    Args:
        access_file: Where it is written who may call.
        secret: The installation's secret under which the keys were hashed, 32 bytes.
        role: Only callers of this role are let in.

    Raises:
        AccessFileInvalid: if the file is missing or breaks a rule.
    """

    def __init__(self, access_file: Path, secret: bytes, role: Role) -> None:
        self._path = access_file
        self._secret = secret
        self._role = role
        self._content: bytes | None = read(access_file)
        self._by_hash = self._holders(self._content)
        self._looked_at = time.monotonic()

    def authenticate(self, authorization: str | None, peer_names: Collection[str] = ()) -> Caller:
        """Return the caller behind an `authorization` header.

        Args:
            authorization: `Bearer KEY`.
            peer_names: The names of the client's certificate, if it showed one that was verified.

        Raises:
            Unauthenticated: if there is no such caller, whatever the cause.
        """
        self._look_again()
        scheme, _, api_key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated("KEY_MISSING")
        holder = self._by_hash.get(hash_api_key(api_key.strip(), self._secret))
        if holder is None:
            raise Unauthenticated("KEY_UNKNOWN")
        caller = holder.caller
        if holder.key.revoked_at is not None:
            raise Unauthenticated("KEY_REVOKED", caller.name, caller.key_id)
        if holder.key.is_over(datetime.now(UTC)):
            raise Unauthenticated("KEY_OVER", caller.name, caller.key_id)
        if holder.certificates is not None and holder.certificates.isdisjoint(peer_names):
            raise Unauthenticated("CERTIFICATE_OTHER", caller.name, caller.key_id)
        return caller

    def _look_again(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < _LOOK_AGAIN_S:
            return
        self._looked_at = now
        content: bytes | None = None
        try:
            # Comparing what stands there sees changes that times of files are too coarse for.
            content = read(self._path)
            if content != self._content:
                self._by_hash = self._holders(content)
                log.info("access_file_read", keys=len(self._by_hash))
        except AccessFileInvalid as error:
            if content != self._content:
                log.warning("access_file_unusable", reason=error.reason, keys_kept=len(self._by_hash))
        self._content = content

    def _holders(self, content: bytes) -> dict[str, _Holder]:
        return {
            key.key_hash: _Holder(
                Caller(entry.name, entry.role, key.key_id, frozenset(key.channels or ())),
                key,
                None if entry.certificates is None else frozenset(entry.certificates),
            )
            for entry in parse(content).caller
            if entry.role == self._role
            for key in entry.key
        }
