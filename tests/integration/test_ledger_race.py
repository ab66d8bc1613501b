"""The budget holds when 64 clients race for it and their processes are killed -9 at every step.

A few hundred kills here; `MANGROVE_RACE_TRIALS=100000` makes it so many for each database.
"""

import json
import os
import subprocess
import sys

import pytest

from tests.postgres import SERVER, server

SHORT = {"sqlite": 250, "postgres": 80}
TRIALS = int(os.environ.get("MANGROVE_RACE_TRIALS", "0"))


def race(kind: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ)
    if kind == "postgres":
        environment[SERVER] = server()
    command = [sys.executable, "-m", "tests.integration.ledger_race", kind, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.slow
@pytest.mark.timeout(600 + TRIALS * 2)
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_nothing_is_overspent_whatever_is_killed_when(kind: str) -> None:
    trials = TRIALS or SHORT[kind]
    run = race(kind, str(trials))
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert told["kills"] >= trials
    assert told["overspent"] == 0


@pytest.mark.parametrize("mutant", ["unlocked", "forgetful"])
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_race_fails_without_the_defence(kind: str, mutant: str) -> None:
    run = race(kind, "600", mutant)
    assert run.returncode == 1
    assert "AssertionError" in run.stderr or "LedgerBroken" in run.stderr
