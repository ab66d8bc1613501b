"""Work that tasks of Spark do on files themselves: functions of a job, and a folder in which they hand over."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from spark_jobs.lake.io import Lake

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


def in_tasks(lake: Lake, work: Callable[[_Task], _Result], tasks: Sequence[_Task]) -> list[_Result]:
    """Do each task's work in a task of Spark of its own, with a core to itself."""
    context = lake.spark.sparkContext
    if not tasks:
        return []
    context.environment["POLARS_MAX_THREADS"] = "1"
    try:
        return list(context.parallelize(tasks, len(tasks)).map(work).collect())
    finally:
        del context.environment["POLARS_MAX_THREADS"]


@contextmanager
def work_folder(lake: Lake, job: str) -> Iterator[str]:
    """A folder of a run below the lake's root, as polars spells it; what is left of runs that were killed goes too."""
    work = f"{lake.root}/_work/{job}"
    try:
        yield f"{work.replace('s3a://', 's3://')}/{uuid.uuid4()}"
    finally:
        context = lake.spark.sparkContext
        path = context._jvm.org.apache.hadoop.fs.Path(work)
        path.getFileSystem(context._jsc.hadoopConfiguration()).delete(path, True)
