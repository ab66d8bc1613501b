"""A clock that is set while processes run: their time of day, and not how long something takes."""

import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

_SOURCE = Path(__file__).with_name("clock.c")


class SteppedClock:
    """The time of day of all processes that are started with `environment`, in Python and below it.

    Only what asks the C library for the time sees the step; the times of files are the kernel's.

    Args:
        folder: Where its files go.
    """

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if compiler is None:
            pytest.skip("there is no C compiler here: clocks that step are not tested")
        library = folder / "clock.so"
        command = [compiler, "-shared", "-fPIC", "-O1", "-o", library, _SOURCE]
        if subprocess.run(command, check=False, capture_output=True).returncode:
            pytest.skip("the C compiler here makes no shared library: clocks that step are not tested")
        self._moved = folder / "clock"
        self._moved.write_bytes(bytes(8))
        self.environment = {"LD_PRELOAD": str(library), "MANGROVE_TEST_CLOCK": str(self._moved)}

    def set(self, seconds: float) -> None:
        """Let the clock be so many seconds ahead of the true time, or behind it."""
        with self._moved.open("r+b", buffering=0) as file:
            os.pwrite(file.fileno(), struct.pack("=q", round(seconds * 1e9)), 0)
