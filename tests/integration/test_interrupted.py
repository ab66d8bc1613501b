"""Ctrl-C ends every command cleanly, also while its libraries are still being loaded."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

INTERRUPTED = """
import os, signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
sys.argv = ["mangrove", "quarantine", "list", "--home", {home!r}]
from services.cli import main
main()
"""


@pytest.mark.parametrize("module", ["services.commands", "grpc", "services.collector.quarantine", "duckdb"])
def test_ctrl_c_while_loading_ends_with_130_and_without_a_trace(module: str, tmp_path: Path) -> None:
    script = INTERRUPTED.format(module=module, home=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 130
    assert "Traceback" not in done.stderr


def test_who_has_ctrl_c_ignored_is_not_ended_by_it(tmp_path: Path) -> None:
    script = INTERRUPTED.format(module="services.commands", home=str(tmp_path))
    ignored = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True, timeout=60)
    finally:
        signal.signal(signal.SIGINT, ignored)
    assert "SETTINGS_INVALID" in done.stderr
