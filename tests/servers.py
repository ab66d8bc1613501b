"""Starts and stops the real servers that tests talk to: own processes, loopback, free ports."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc

from services.demo.servers import free_port
from services.installation import install
from services.settings import Home

READY_S = 60


def new_home(folder: Path, extra: str = "") -> Home:
    """An installation with a source `web`, a partner `analytics` and free ports; `extra` is more configuration."""
    home = install(
        folder,
        source="web",
        partner="analytics",
        collector_port=free_port(),
        query_port=free_port(),
        prediction_port=free_port(),
    ).home
    if extra:
        path = home.folder / "mangrove.toml"
        path.write_text(path.read_text() + extra)
        return Home(folder)
    return home


def start(home: Home, *command: str) -> subprocess.Popen[bytes]:
    """Start `mangrove COMMAND --home HOME`; its log goes to a file in the home folder."""
    with (home.folder / f"{command[0]}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "services.cli", *command, "--home", str(home.folder)],
            stdout=log,
            stderr=log,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )


def wait_ready(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        grpc.channel_ready_future(channel).result(READY_S)


def stop(process: subprocess.Popen[bytes], signum: signal.Signals = signal.SIGTERM) -> int:
    if process.poll() is None:
        process.send_signal(signum)
    return process.wait(60)


@contextmanager
def serving(home: Home, *command: str, address: str) -> Iterator[subprocess.Popen[bytes]]:
    process = start(home, *command)
    try:
        wait_ready(address)
        yield process
    finally:
        stop(process)


@contextmanager
def collecting(home: Home) -> Iterator[subprocess.Popen[bytes]]:
    with serving(home, "collector", "serve", address=home.settings.collector.address) as process:
        yield process
