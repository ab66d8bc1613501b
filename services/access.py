"""Who may call: API keys of sources and partners, stored as keyed hashes.

A key is shown once, when it is made. What is stored is HMAC-SHA256 under a secret of this installation,
so that a stolen access file opens nothing.
"""

import hashlib
import hmac
import secrets
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from privacy.errors import MangroveError

Role = Literal["source", "partner"]


class Unauthenticated(MangroveError):
    """No key, a key of the wrong form, or a key nobody holds. The three are told apart by nobody."""

    reason = "UNAUTHENTICATED"

    def __init__(self) -> None:
        super().__init__(
            "This call needs a valid API key: send the metadata 'authorization: Bearer KEY'. "
            "`mangrove init` makes keys; ask the operator for yours."
        )


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


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    role: Role
    key_hash: str


class _AccessFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    caller: list[_Entry] = []


def new_api_key(role: Role) -> str:
    """Make an API key: `mgs_` or `mgp_` and 256 random bits."""
    return f"mg{role[0]}_{secrets.token_urlsafe(32)}"


def hash_api_key(api_key: str, secret: bytes) -> str:
    """Hash a key for storage: hex HMAC-SHA256 under the installation's secret."""
    return hmac.new(secret, api_key.encode(), hashlib.sha256).hexdigest()


class Authenticator:
    """Looks up who holds a key.

    Args:
        access_file: TOML with `[[caller]]` tables of name, role and key_hash.
        secret: The installation's secret under which the keys were hashed, 32 bytes.
        role: Only callers of this role are let in.
    """

    def __init__(self, access_file: Path, secret: bytes, role: Role) -> None:
        parsed = _AccessFile.model_validate(tomllib.loads(access_file.read_text()))
        self._secret = secret
        self._by_hash = {e.key_hash: Caller(e.name, e.role) for e in parsed.caller if e.role == role}

    def authenticate(self, authorization: str | None) -> Caller:
        """Return the caller behind an `authorization` header.

        Raises:
            Unauthenticated: if there is no such caller, whatever the cause.
        """
        scheme, _, api_key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated
        caller = self._by_hash.get(hash_api_key(api_key.strip(), self._secret))
        if caller is None:
            raise Unauthenticated
        return caller
