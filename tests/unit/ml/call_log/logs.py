"""Made-up call logs in foreign layouts."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl

_NEVER = "0:00:00"


def classic_log(days: int = 45, per_day: int = 250, seed: int = 1) -> pl.DataFrame:
    """A bank's log as call centres wrote them: day as yymmdd, clocks, 0:00:00 for never, several outcomes."""
    chance = np.random.default_rng(seed)
    start, rows = datetime(1999, 1, 1), []
    for day in range(days):
        begin = start + timedelta(days=day)
        for second in np.sort(chance.integers(7 * 3600, 22 * 3600, chance.poisson(per_day))):
            at = begin + timedelta(seconds=int(second))
            queued = at + timedelta(seconds=int(chance.integers(2, 15)))
            kind = chance.choice(["PS", "NW", "IN"])
            waits = chance.random() < 0.6
            patience = chance.exponential({"PS": 300, "NW": 90, "IN": 500}[kind])
            needed = chance.exponential(120) if waits else 0
            wait = timedelta(seconds=int(min(patience, needed)))
            served, talk = queued + wait, timedelta(seconds=int(chance.exponential(180)) + 5)
            hang = waits and patience < needed
            phantom = not hang and chance.random() < 0.01
            here = not hang and not phantom
            rows.append(
                {
                    "vru+line": f"AA0{chance.integers(1, 7)}{chance.integers(1, 17):02}",
                    "call_id": str(30_000 + len(rows) % 9000),
                    "customer_id": str(chance.integers(1, 900) * 1001) if chance.random() < 0.6 else "0",
                    "type": kind,
                    "date": begin.strftime("%y%m%d"),
                    "vru_entry": _clock(at),
                    "vru_exit": _clock(queued),
                    "q_start": _clock(queued) if waits else _NEVER,
                    "q_exit": _clock(served) if waits else _NEVER,
                    "q_time": str(wait.seconds),
                    "outcome": "HANG" if hang else "PHANTOM" if phantom else "AGENT",
                    "ser_start": _clock(served) if here else _NEVER,
                    "ser_exit": _clock(served + talk) if here else _NEVER,
                    "ser_time": str(talk.seconds) if here else "0",
                    "server": chance.choice(["ANA", "BEN", "CLEO"]) if here else "NO_SERVER",
                }
            )
    return pl.DataFrame(rows)


def _clock(at: datetime) -> str:
    return f"{at.hour}:{at:%M:%S}"
