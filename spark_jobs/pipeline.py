"""The jobs in the order in which they run, and the way to run them."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from privacy.errors import MangroveError
from spark_jobs.gold import behaviour, features, marts
from spark_jobs.identity import match, resolve
from spark_jobs.journeys import attribution, journeys, paths
from spark_jobs.lake.io import Changes, Lake
from spark_jobs.lake.schemas import Table
from spark_jobs.silver import conversations, refine


class JobUnknown(MangroveError):
    """A job was named that there is not."""

    reason = "JOB_UNKNOWN"

    def __init__(self) -> None:
        super().__init__(f"There is no such job. There are: {', '.join(JOBS)}; or `all` for each in this order.")


@dataclass(frozen=True, slots=True)
class Job:
    """A job: what it reads and writes, and the function that runs it on a lake."""

    name: str
    inputs: tuple[Table, ...]
    outputs: tuple[Table, ...]
    main: Callable[[Lake], tuple[Changes, ...]]


@dataclass(frozen=True, slots=True)
class Done:
    """A job that ran: its changes, table by table, and how long it took, in seconds."""

    job: str
    changes: tuple[Changes, ...]
    seconds: float

    @property
    def rows(self) -> int:
        """Rows that its tables hold now."""
        return sum(c.rows for c in self.changes)


JOBS: dict[str, Job] = {
    name: Job(name, module.INPUTS, module.OUTPUTS, module.main)
    for name, module in {
        "refine": refine,
        "match": match,
        "resolve": resolve,
        "conversations": conversations,
        "journeys": journeys,
        "paths": paths,
        "attribution": attribution,
        "behaviour": behaviour,
        "features": features,
        "marts": marts,
    }.items()
}


def run(names: Sequence[str], lake: Lake, on_done: Callable[[Done], None] = lambda done: None) -> tuple[Done, ...]:
    """Run jobs in the pipeline's order, whatever the order of `names`; `all` stands for every job.

    Args:
        names: Names of `JOBS`, or `all`.
        lake: Where they read and write.
        on_done: Called after each job.

    Raises:
        JobUnknown: if a name is not in `JOBS`; nothing ran then.
    """
    if not set(names) <= {*JOBS, "all"}:
        raise JobUnknown
    results = []
    for job in JOBS.values():
        if job.name not in names and "all" not in names:
            continue
        started = time.perf_counter()
        changes = job.main(lake)
        results.append(Done(job.name, changes, time.perf_counter() - started))
        on_done(results[-1])
    return tuple(results)
