"""Which code answers: the version, and a hash over the sources that noise, truncation and accounting come from."""

import functools
import hashlib
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable

_PACKAGES = ("privacy.dp", "privacy.ledger", "privacy.receipts", "services.private_query")


@functools.cache
def code_version() -> str:
    """Give the version and, behind a plus, 16 hexadecimal digits of the SHA-256 over the sources as installed."""
    digest = hashlib.sha256()
    for package in _PACKAGES:
        for name, source in sorted(_sources(files(package), package)):
            digest.update(f"{name}\n{hashlib.sha256(source).hexdigest()}\n".encode())
    return f"{version('mangrove')}+{digest.hexdigest()[:16]}"


def _sources(folder: Traversable, name: str) -> list[tuple[str, bytes]]:
    found = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _sources(entry, f"{name}/{entry.name}")
        elif entry.name.endswith(".py"):
            found.append((f"{name}/{entry.name}", entry.read_bytes()))
    return found
