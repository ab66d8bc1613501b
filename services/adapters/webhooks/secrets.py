"""Where a secret is: the configuration names an environment variable or a file, never the secret itself."""

import os

from privacy.errors import MangroveError
from services.settings import Home


class SecretMissing(MangroveError):
    """A secret that the configuration names is not there."""

    reason = "SECRET_MISSING"


def secret_of(reference: str, home: Home, *, setting: str) -> str:
    """Return the secret behind `env:NAME` or `file:PATH`, without surrounding white space.

    Args:
        reference: Where it is; paths are relative to the home folder.
        home: The installation.
        setting: The configuration key that holds the reference, for the error's sentence.

    Raises:
        SecretMissing: if the reference has another form, or nothing or no text is there. The sentence does not
            repeat the reference: it may be the secret, put there by mistake.
    """
    scheme, _, name = reference.partition(":")
    if scheme not in ("env", "file") or not name:
        raise SecretMissing(f"{setting} must be env:NAME or file:PATH, which says where the secret is.")
    if scheme == "env":
        secret = os.environ.get(name, "").strip()
        where = "environment variable"
    else:
        secret = _content(home, name)
        where = "file"
    if not secret:
        raise SecretMissing(f"The {where} that {setting} names is missing or empty. Put the secret there.")
    return secret


def _content(home: Home, relative: str) -> str:
    try:
        return home.path(relative).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""
