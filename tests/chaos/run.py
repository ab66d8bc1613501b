"""Kills workers, the supervisor and the lander under load, over a good and a bad network, and counts what landed.

Each kill is a SIGKILL of one of them by chance; the next one comes when every client was acknowledged again. At the
end every accepted event must be in bronze, none twice, and no planted personal data in any file.

Example: python -m tests.chaos.run --kills 100
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from deltalake import DeltaTable

from privacy.pseudonyms import Pseudonymiser
from services.collector.bootstrap import lander_at
from services.demo.scan import Needles, scan
from services.installation import api_key_of
from services.keys import key_provider
from services.settings import Home
from tests.chaos.proxy import Proxy
from tests.chaos.senders import PLANTED_MAIL, PLANTED_PHONE, Sender
from tests.servers import new_home, start, stop, wait_ready

_PATIENCE_S = 120


@dataclass(frozen=True, slots=True)
class Counts:
    """What a run came to."""

    kills: dict[str, int]
    accepted: int
    landed: int
    lost: int
    doubled: int
    retries: int
    resets: int
    swallowed_answers: int
    planted_found: int
    seconds: float

    @property
    def sound(self) -> bool:
        """Whether the promises held."""
        return not (self.lost or self.doubled or self.planted_found) and self.accepted > 0


class Chaos:
    """A collector with workers, a lander, and clients over a good and a bad network.

    Args:
        home: The installation.
        seed: The same seed chooses the same victims.
        workers: Worker processes.
        clients: Clients on each network.
    """

    def __init__(self, home: Home, seed: int, workers: int = 2, clients: int = 2) -> None:
        self._home = home
        self._chance = random.Random(seed)
        self._serve = ("collector", "serve", "--workers", str(workers))
        self._clients = clients
        self._collector = start(home, *self._serve)
        self._lander = start(home, "lander", "run")
        wait_ready(home.settings.collector.address)
        self.kills: Counter[str] = Counter()

    def run(self, kills: int, seed: int) -> Counts:
        """Kill so often under load, stop everything in good order, and count."""
        started, stopping = time.monotonic(), threading.Event()
        address, key = self._home.settings.collector.address, api_key_of(self._home, "web")
        with Proxy(address, seed) as proxy:
            senders = [Sender(address, key, stopping) for _ in range(self._clients)]
            senders += [Sender(proxy.address, key, stopping) for _ in range(self._clients)]
            for sender in senders:
                sender.start()
            for number in range(kills):
                self._await_all(senders)
                self._kill_one()
                print(f"\r{number + 1} of {kills} kills", end="", file=sys.stderr, flush=True)
            self._await_all(senders)
            stopping.set()
            for sender in senders:
                sender.join(_PATIENCE_S)
            resets, swallowed = proxy.resets, proxy.swallowed
        print(file=sys.stderr)
        self.stop()
        return self._counted(senders, resets, swallowed, time.monotonic() - started)

    def stop(self) -> None:
        """Stop what runs, in good order."""
        for process in (self._collector, self._lander):
            stop(process)

    def _await_all(self, senders: list[Sender]) -> None:
        for sender in senders:
            sender.acknowledged.clear()
        for sender in senders:
            if not sender.acknowledged.wait(_PATIENCE_S):
                raise TimeoutError("a client was not acknowledged any more")

    def _kill_one(self) -> None:
        victim = self._chance.choice(["worker", "worker", "supervisor", "lander"])
        self.kills[victim] += 1
        if victim == "worker":
            self._kill_a_worker()
        elif victim == "supervisor":
            stop(self._collector, signal.SIGKILL)
            self._collector = start(self._home, *self._serve)
        else:
            stop(self._lander, signal.SIGKILL)
            self._lander = start(self._home, "lander", "run")

    def _kill_a_worker(self) -> None:
        pid = self._collector.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if children:
            os.kill(int(self._chance.choice(children)), signal.SIGKILL)

    def _counted(self, senders: list[Sender], resets: int, swallowed: int, seconds: float) -> Counts:
        lander_at(self._home).drain()
        bronze = DeltaTable(f"{self._home.lake_root}/bronze/events").to_pyarrow_table(columns=["event_id"])
        landed = bronze["event_id"].to_pylist()
        token = Pseudonymiser(key_provider(self._home)).token
        accepted = {token("event", event_id) for sender in senders for event_id in sender.accepted}
        found = scan(self._home.folder, Needles([PLANTED_PHONE, PLANTED_MAIL]))
        return Counts(
            kills=dict(self.kills),
            accepted=len(accepted),
            landed=len(landed),
            lost=len(accepted - set(landed)),
            doubled=len(landed) - len(set(landed)),
            retries=sum(sender.retries for sender in senders),
            resets=resets,
            swallowed_answers=swallowed,
            planted_found=len(set().union(*found.values())),
            seconds=round(seconds, 1),
        )


def main() -> int:
    """Run it and print the counts; the exit code says whether the promises held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        chaos = Chaos(new_home(Path(folder) / "home", "\n[lander]\npoll_s = 0.05\n"), args.seed, args.workers)
        try:
            counts = chaos.run(args.kills, args.seed)
        finally:
            chaos.stop()
    print(json.dumps({"chaos": "collector", **asdict(counts)}))
    return 0 if counts.sound else 1


if __name__ == "__main__":
    sys.exit(main())
