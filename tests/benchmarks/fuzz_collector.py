"""Looks for requests that break the collector, until the time is over; the same seed makes the same requests.

A running collector is sent mutated requests and streams, broken connections, odd headers and requests beyond every
limit. A worker that dies or takes too much memory, an answer that is not typed, a good event that is not taken, and
planted data in an answer, a metric or a file are printed with the round's seed. A line of counts is printed every
minute and at the end, as JSON. Of the settings, every second seed keeps unknown fields masked instead of refusing them.

Example: python -m tests.benchmarks.fuzz_collector --minutes 10 --seed 1
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from services import log
from tests.chaos.frames import broken_connections, mutated_connection, octets_of, odd_metadata
from tests.chaos.hostile import as_stream, monsters, mutated
from tests.chaos.target import Target

ROUND_CALLS, ROUND_STREAMS, ROUND_CONNECTIONS = 400, 40, 40
MOST_SHOWN = 20
"""How many failures are shown; the rest is only counted."""


class Fuzz:
    """Rounds of attacks on one collector.

    Args:
        target: The collector.
        seed: The same seed makes the same requests.
    """

    def __init__(self, target: Target, seed: int) -> None:
        self._target = target
        self._seed = seed
        self._began = time.monotonic()
        self.counts: Counter[str] = Counter()
        self.failures = 0

    def round(self, number: int) -> None:
        """Attack with everything once, and look whether the collector is unharmed."""
        rng = random.Random(f"{self._seed}/{number}")
        for _ in range(ROUND_CALLS):
            kind, body = mutated(rng)
            self._look(number, kind, body, self._target.call(body, gzip=rng.random() < 0.1))
        for _ in range(ROUND_STREAMS):
            bodies = [as_stream(n, mutated(rng)[1]) for n in range(1, rng.randint(2, 9))]
            self._look(number, "stream", b"".join(bodies), self._target.stream(bodies))
        name = rng.choice(tuple(monsters()))
        self._look(number, name, b"", self._target.call(monsters()[name]))
        asyncio.run(self._connect(rng))
        for complaint in self._target.complaints():
            self._fail(number, complaint)

    def tell(self) -> None:
        """Print how far it has come."""
        told = {
            "fuzz": "collector",
            "seed": self._seed,
            "seconds": round(time.monotonic() - self._began),
            "failures": self.failures,
            "most_more_mb": round(self._target.most_more_mb),
            **self.counts,
        }
        print(json.dumps(told), flush=True)

    def finish(self) -> None:
        """Look for what was planted in everything that was written."""
        for place, values in self._target.planted_found().items():
            self._fail(-1, f"planted data in {place}: {len(values)} values")
        self.tell()

    async def _connect(self, rng: random.Random) -> None:
        """Broken connections, several at a time; one of each kind that has a name in some rounds."""
        attacks = [mutated_connection(rng, self._target.key) for _ in range(ROUND_CONNECTIONS)]
        named = [octets for _, octets in broken_connections(rng)]
        named += [octets_of(metadata) for _, metadata in odd_metadata()]
        attacks += rng.sample(named, 10)
        self.counts["connections"] += len(attacks)
        await asyncio.gather(*(self._target.connect_with(octets) for octets in attacks))

    def _look(self, number: int, kind: str, body: bytes, answer) -> None:  # type: ignore[no-untyped-def]
        self.counts["calls"] += 1
        self.counts[f"told {answer.reason if answer.reason != 'TRANSPORT' else answer.code.name}"] += 1
        if not answer.is_typed:
            self._fail(number, f"{kind}: {answer.code.name} {answer.reason}", body)

    def _fail(self, number: int, what: str, body: bytes = b"") -> None:
        self.failures += 1
        if self.failures <= MOST_SHOWN:
            failure = {"failure": what, "seed": self._seed, "round": number, "request": body[:2000].hex()}
            print(json.dumps(failure), flush=True)


def main() -> int:
    """Fuzz for some minutes; the exit code says whether everything held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    log.configure()
    more = 'receive_s = 2\nunknown_fields = "mask"' if args.seed % 2 else "receive_s = 2"
    with tempfile.TemporaryDirectory() as folder:
        target = Target(Path(folder) / "home", args.workers, more)
        try:
            fuzz, number = Fuzz(target, args.seed), 0
            until, told = time.monotonic() + 60 * args.minutes, time.monotonic()
            # What follows a failure is often but its consequence.
            while time.monotonic() < until and not fuzz.failures:
                fuzz.round(number)
                number += 1
                if time.monotonic() - told > 60:
                    told = time.monotonic()
                    fuzz.tell()
            fuzz.finish()
        finally:
            target.stop()
    return 1 if fuzz.failures else 0


if __name__ == "__main__":
    sys.exit(main())
