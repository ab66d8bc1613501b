from pathlib import Path

from spark_jobs.lake import tables
from spark_jobs.lake.data_model import data_model
from spark_jobs.pipeline import JOBS

PAGE = Path(__file__).parents[3] / "docs" / "data-model.md"


def test_the_committed_data_model_page_is_what_the_declarations_say():
    assert PAGE.read_text() == data_model(), "docs/data-model.md is out of date: run `make docs`"


def test_every_column_of_every_table_is_on_the_page():
    page = data_model()
    for table in tables.ALL:
        section = page.split(f"\n## {table.name}\n")[1].split("\n## ")[0]
        assert [c.name for c in table.columns if f"| `{c.name}` |" not in section] == []


def test_each_table_is_written_by_the_job_it_names_and_by_no_other():
    for job in JOBS.values():
        assert {t.writer for t in job.outputs} == {job.name}
    written = {t.name for job in JOBS.values() for t in job.outputs}
    assert written == {t.name for t in tables.ALL if t.writer not in ("lander", "score", "operator")}


def test_a_stage_reads_only_tables_of_the_stages_before_it():
    there = {tables.BRONZE_EVENTS.name, *(t.name for t in tables.ALL if t.writer == "operator")}
    for job in JOBS.values():
        assert {t.name for t in job.inputs} <= there, job.name
        there |= {t.name for t in job.outputs}
