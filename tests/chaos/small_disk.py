"""A disk that is really small, so that it is really full: a tmpfs that is mounted for a while."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """Mount a disk of some megabytes on a folder while the block runs; skip the test where that is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "tmpfs", folder]
        mounted = subprocess.run(command, check=False, capture_output=True)
    except FileNotFoundError:
        pytest.skip("there is no `mount` here: disks that are full are not tested")
    if mounted.returncode:
        pytest.skip("mounting a tmpfs is not permitted here (it takes root): disks that are full are not tested")
    try:
        yield folder
    finally:
        # Lazily: whoever still has a file open there must not keep the mount for ever.
        subprocess.run(["umount", "--lazy", folder], check=True, capture_output=True)


def free_bytes(folder: Path) -> int:
    """What an ordinary process can still write there."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


@contextmanager
def stuffed(folder: Path, leave: int = 0) -> Iterator[Path]:
    """Fill a disk up to some bytes with a file while the block runs."""
    filler = folder / "filler"
    with filler.open("wb") as file:
        while (missing := free_bytes(folder) - leave) > 0:
            try:
                file.write(b"\0" * min(missing, 1024 * 1024))
                file.flush()
            except OSError:
                break
    try:
        yield filler
    finally:
        filler.unlink(missing_ok=True)
