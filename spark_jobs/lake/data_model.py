"""Prints docs/data-model.md from the declarations: `python -m spark_jobs.lake.data_model`."""

from collections.abc import Iterable

import pyarrow as pa

from spark_jobs.lake import tables
from spark_jobs.lake.schemas import Column, Table
from spark_jobs.pipeline import JOBS

_HEAD = """# The data model

Generated from `spark_jobs/lake/tables/` by `make docs`; do not edit.

Every table is a Delta table below the lake's root, at the path its name gives (`gold.sessions` lies in
`gold/sessions`), and has one writer. Times are UTC. A column marked *pseudonym* holds keyed pseudonyms or ids
made from them, and is kept out of data-skipping statistics.
"""


def data_model() -> str:
    """The page: each table's meaning, key, writer, readers and columns."""
    index = "\n".join(f"| [{t.name}](#{t.name.replace('.', '')}) | {t.writer} | {t.meaning} |" for t in tables.ALL)
    pages = "\n".join(_page(table) for table in tables.ALL)
    return f"{_HEAD}\n| table | written by | meaning |\n|---|---|---|\n{index}\n\n{pages}"


def _page(table: Table) -> str:
    readers = [job.name for job in JOBS.values() if table in job.inputs]
    facts = [
        f"Key: {_code(table.key)}. Written by `{table.writer}`. "
        + (f"Read by the jobs {_code(readers)}." if readers else "Read by no job.")
    ]
    if table.partition_by:
        facts.append(f"Partitioned by {_code(table.partition_by)}.")
    columns = "\n".join(_row(column) for column in table.columns)
    return (
        f"## {table.name}\n\n{table.meaning}\n\n{' '.join(facts)}\n\n"
        f"| column | type | meaning | |\n|---|---|---|---|\n{columns}\n"
    )


def _row(column: Column) -> str:
    mark = "*pseudonym*" if column.pseudonym else ""
    return f"| `{column.name}` | {_type(column.type)} | {column.meaning} | {mark} |"


def _type(type_: pa.DataType) -> str:
    if pa.types.is_list(type_) and pa.types.is_struct(type_.value_type):
        return f"list of ({', '.join(field.name for field in type_.value_type)})"
    if pa.types.is_list(type_):
        return f"list of {type_.value_type}"
    return "timestamp" if pa.types.is_timestamp(type_) else str(type_)


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    print(data_model(), end="")
