"""A PostgreSQL server of the tests: a process of its own in a temporary folder, reached through a socket in it."""

import atexit
import functools
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg
import pytest

_START_S = 60
_ORDER = itertools.count(1)
SERVER = "MANGROVE_TEST_POSTGRES"
"""Where a test tells its own processes that the server is."""


def server() -> str:
    """Return the address of the server; the test is skipped where there is no PostgreSQL."""
    base = _server()
    if base is None:
        pytest.skip("There is no PostgreSQL on this machine (initdb and postgres): install the package postgresql.")
    return base


def new_ledger() -> str:
    """Return where an empty ledger may be made."""
    base = server()
    schema = f"ledger_{os.getpid()}_{next(_ORDER)}"
    with psycopg.connect(base, autocommit=True) as db:
        db.execute(f"CREATE SCHEMA {schema}")
    return f"{base}&options=-csearch_path%3D{schema}"


def _program(name: str) -> str | None:
    own = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return shutil.which(name) or next(map(str, own), None)


@functools.cache
def _server() -> str | None:
    if SERVER in os.environ:
        return os.environ[SERVER]
    initdb, postgres = _program("initdb"), _program("postgres")
    if initdb is None or postgres is None:
        return None
    folder = Path(tempfile.mkdtemp(prefix="mangrove-postgres-"))
    run: list[str] = []
    if os.geteuid() == 0:
        # PostgreSQL refuses root.
        other = pwd.getpwnam("nobody")
        os.chown(folder, other.pw_uid, other.pw_gid)
        run = ["setpriv", f"--reuid={other.pw_uid}", f"--regid={other.pw_gid}", "--clear-groups"]
    data = folder / "data"
    initialise = [initdb, "-D", data, "-U", "mangrove", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run([*run, *initialise], check=True, capture_output=True, timeout=_START_S, cwd=folder)
    settings = {"listen_addresses": "", "unix_socket_directories": str(folder), "max_connections": "100"}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*run, postgres, "-D", data, *options], stdout=log, stderr=log, cwd=folder)

    def stop() -> None:
        process.send_signal(signal.SIGINT)  # at once, also while clients are connected
        process.wait(_START_S)
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    address = f"postgresql://mangrove@/postgres?host={folder}"
    _await(address, process)
    return address


def _await(address: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(_START_S * 20):
        try:
            psycopg.connect(address, connect_timeout=2).close()
        except psycopg.OperationalError:
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
            raise
        return
    raise TimeoutError
