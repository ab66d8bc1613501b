"""The tables of journeys of events in memory: the kernel on a flow's frames."""

import polars as pl

from spark_jobs.journeys.kernel import OUTPUTS, Built
from spark_jobs.journeys.tasks import build_people
from spark_jobs.journeys.touches import EVENT_COLUMNS, TALK_COLUMNS, talks_of, touches
from spark_jobs.journeys.whose import PEOPLE_COLUMNS, holders, persons
from spark_jobs.lake.io import spark_schema
from tests.spark.flow import Flow


def frame(rows, columns) -> pl.DataFrame:
    return pl.from_arrow(rows.select(*columns).toArrow()).with_columns(
        pl.col(pl.Datetime).dt.cast_time_unit("us").dt.replace_time_zone("UTC")
    )


def built_of(flow: Flow) -> Built:
    """Sessions, journeys, steps and changes of channel of all events of a flow."""
    known = holders(frame(flow.people, PEOPLE_COLUMNS))
    talks = talks_of(frame(flow.conversations, TALK_COLUMNS))
    events = frame(flow.events, EVENT_COLUMNS)
    return build_people(touches(events, persons(events, known), talks), known.names)


def sessions_of(spark, flow: Flow):
    """Rows of gold.sessions as Spark's."""
    rows = built_of(flow).sessions.select(OUTPUTS[0].schema.names)
    return spark.createDataFrame(rows.to_dicts(), spark_schema(OUTPUTS[0]))
