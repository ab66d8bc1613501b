"""What a supervisor says of children that end."""

import subprocess
import sys

REFUSING = """
from privacy.errors import MangroveError
from services.supervisor import Child, Supervisor

class Wrong(MangroveError):
    reason = "WRONG"

def refuse(lifeline):
    raise Wrong("The configuration is wrong.")

raise SystemExit(Supervisor([Child("worker-0", refuse)], drain_s=1).run())
"""


def test_a_supervisor_that_gives_up_does_not_say_that_it_starts_again() -> None:
    told = subprocess.run([sys.executable, "-c", REFUSING], check=False, capture_output=True, text=True, timeout=60)
    assert told.returncode == 1
    assert "child_refused" in told.stdout
    assert "stopping" in told.stdout
    assert "start_again_s" not in told.stdout
