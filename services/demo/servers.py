"""Starts Mangrove's servers as processes of their own and stops them again."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import grpc

from privacy.errors import MangroveError
from services.settings import Home

_READY_S = 60.0
_POLL_S = 0.1


class ServerDidNotStart(MangroveError):
    """A server ended or did not answer in time."""

    reason = "SERVER_DID_NOT_START"

    def __init__(self, name: str, log: str) -> None:
        super().__init__(f"The {name} did not start. See {log}; a port in use is the usual cause.")


def free_port() -> int:
    """Return a loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(home: Home, *command: str, address: str | None = None) -> Iterator[None]:
    """Run `mangrove COMMAND --home HOME` until the block is left; its log is logs/NAME.log in the home folder.

    Args:
        home: The installation.
        *command: The command, such as "collector", "serve".
        address: Where it listens; the block is entered when it answers there.

    Raises:
        ServerDidNotStart: if it ends or does not answer within a minute.
    """
    log = home.path("logs") / f"{command[0]}.log"
    log.parent.mkdir(exist_ok=True)
    arguments = [sys.executable, "-m", "services.cli", *command, "--home", str(home.folder)]
    with log.open("ab") as out:
        process = subprocess.Popen(arguments, stdout=out, stderr=out, start_new_session=True)
    try:
        if address is not None:
            _await(process, command[0], address, str(log))
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(_READY_S)


def _await(process: subprocess.Popen[bytes], name: str, address: str, log: str) -> None:
    ready = False
    deadline = time.monotonic() + _READY_S
    with grpc.insecure_channel(address) as channel:
        while not ready and process.poll() is None and time.monotonic() < deadline:
            try:
                grpc.channel_ready_future(channel).result(_POLL_S)
                ready = True
            except grpc.FutureTimeoutError:
                continue
    if process.poll() is not None or not ready:
        raise ServerDidNotStart(name, log)
