"""Makes an installation: keys, who may call, the configuration.

Running it again adds what is missing and changes nothing else.
"""

import os
import re
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from privacy.errors import MangroveError
from privacy.pseudonyms import MASKED_TYPES, PERSON_TYPES, REFERENCE_TYPES, FileKeyProvider, make_key_file
from services.access import Role, hash_api_key, new_api_key
from services.settings import FILE_NAME, Home

POLICY_FILE = "masking.toml"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
SECRETS = ("access", "truncation")
"""Secrets beside the pseudonym keys: for hashing API keys, and for the order of truncation."""

_CONFIGURATION = """# Mangrove's configuration; paths are relative to this folder.
# All settings: infra/config/mangrove.toml.
lake = "lake"
keys = "keys.json"
access = "access.toml"
mlflow = "mlflow"
masking = "masking.toml"

[collector]
address = "127.0.0.1:{collector_port}"
metrics_port = 0

[query]
address = "127.0.0.1:{query_port}"
metrics_port = 0
"""


class NameInvalid(MangroveError):
    """A caller's name cannot be used as one."""

    reason = "NAME_INVALID"

    def __init__(self) -> None:
        super().__init__("Names of source and partner are 1 to 64 letters, digits, _ or -, and differ. Choose others.")


class CredentialMissing(MangroveError):
    """There is no API key file for a caller."""

    reason = "CREDENTIAL_MISSING"


@dataclass(frozen=True, slots=True)
class Installed:
    """What `mangrove init` made or found."""

    home: Home
    new_callers: tuple[str, ...]


def install(
    folder: Path, *, source: str, partner: str, collector_port: int = 50051, query_port: int = 50052
) -> Installed:
    """Make the keys, a source, a partner and the configuration in a folder; what is there stays.

    Args:
        folder: The home folder; it is made with mode 0700.
        source: Name of a source of events.
        partner: Name of a partner; a fresh catalogue lets it ask about every dataset.
        collector_port: Where the collector will listen on loopback.
        query_port: Where the query service will listen on loopback.

    Raises:
        NameInvalid: if a name holds other characters than letters, digits, _ and -, or both are the same.
        KeysUnavailable: if there is a key file that cannot be used.
    """
    if source == partner or not all(_NAME.fullmatch(name) for name in (source, partner)):
        raise NameInvalid
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    configuration = folder / FILE_NAME
    if not configuration.exists():
        configuration.write_text(_CONFIGURATION.format(collector_port=collector_port, query_port=query_port))
    catalogue = folder / "catalogue.toml"
    if not catalogue.exists():
        default = (files("services.private_query") / "catalogue.toml").read_text()
        catalogue.write_text(default.replace('partners = ["partner"]', f'partners = ["{partner}"]'))
    home = Home(folder)
    policy = home.path(home.settings.masking)
    if home.settings.masking == POLICY_FILE and not policy.exists():
        policy.write_text((files("services.collector") / "masking.toml").read_text())
    keys = home.path(home.settings.keys)
    make_key_file(keys, (*PERSON_TYPES, *REFERENCE_TYPES, *MASKED_TYPES, *SECRETS))
    secret = FileKeyProvider(keys).secret("access")
    wanted: tuple[tuple[str, Role], ...] = ((source, "source"), (partner, "partner"))
    made = [name for name, role in wanted if _add_caller(home, name, role, secret)]
    return Installed(home, tuple(made))


def api_key_of(home: Home, name: str) -> str:
    """Return the API key that `mangrove init` left for a caller.

    Raises:
        CredentialMissing: if it left none, or the file was moved.
    """
    try:
        return _credential_path(home, name).read_text().strip()
    except FileNotFoundError:
        raise CredentialMissing(
            f"There is no credential for '{name}' in this home folder. Run `mangrove init` with that name."
        ) from None


def _credential_path(home: Home, name: str) -> Path:
    return home.path("credentials") / f"{name}.key"


def _add_caller(home: Home, name: str, role: Role, secret: bytes) -> bool:
    access = home.path(home.settings.access)
    known = access.read_text() if access.exists() else ""
    if any(c["name"] == name and c["role"] == role for c in tomllib.loads(known).get("caller", [])):
        return False
    api_key = new_api_key(role)
    _write_secret(_credential_path(home, name), api_key + "\n")
    entry = f'[[caller]]\nname = "{name}"\nrole = "{role}"\nkey_hash = "{hash_api_key(api_key, secret)}"\n'
    _write_secret(access, f"{known}\n{entry}".lstrip())
    return True


def _write_secret(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
