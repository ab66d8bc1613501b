"""Files that only their owner may read: keys, who may call, the audit."""

import os
from pathlib import Path


def open_private(path: Path, flags: int) -> int:
    """Open a file, made durably with mode 0600 if it is missing, and return its descriptor.

    What root makes belongs to the owner of the folder: a server that runs as that user has to read it.
    """
    made = not path.exists()
    descriptor = os.open(path, flags | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if made:
        if os.geteuid() == 0:
            folder = path.parent.stat()
            os.fchown(descriptor, folder.st_uid, folder.st_gid)
        _sync(path.parent)
    return descriptor


def write_private(path: Path, text: str) -> None:
    """Put a file of mode 0600 in the place of another, all or nothing, durably.

    Writers of the same path must not run at once.
    """
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(open_private(fresh, os.O_WRONLY), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
