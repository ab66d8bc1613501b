"""The identity graph of the run before, looked up in the lake; and frames on their way between Spark and polars."""

from collections.abc import Sequence

import polars as pl
from pyspark.sql import DataFrame

from spark_jobs.identity.sightings import EVENTS
from spark_jobs.identity.state import MATCHES
from spark_jobs.lake import tables
from spark_jobs.lake.files import scan
from spark_jobs.lake.schemas import Table
from spark_jobs.lake.snapshot import is_there


class LakeState:
    """What the run before left in the lake, see `area.State`.

    Each answer is one scan in the driver, without Spark, that keeps only the rows that are asked for.
    """

    def __init__(self, root: str) -> None:
        self._root = root

    def people(self, tokens: pl.Series, groups: pl.Series) -> pl.DataFrame:
        """Rows of identity.people whose `seen_as` or `same_as` is one of `tokens`, or `group_id` one of `groups`."""
        return self._asked(tables.IDENTITY_PEOPLE, {"seen_as": tokens, "same_as": tokens, "group_id": groups})

    def links(self, tokens: pl.Series) -> pl.DataFrame:
        """Rows of identity.links of which an end is one of `tokens`."""
        return self._asked(tables.IDENTITY_LINKS, {"token_a": tokens, "token_b": tokens})

    def matches(self, tokens: pl.Series) -> pl.DataFrame:
        """Rows of identity.matches of which an end is one of `tokens`."""
        found = self._asked(tables.IDENTITY_MATCHES, {"token_a": tokens, "token_b": tokens})
        return found.select(MATCHES.names())

    def events(self, tokens: pl.Series) -> pl.DataFrame:
        """All events that name one of `tokens`, or say that one is an alias."""
        events = scan(self._root, tables.SILVER_EVENTS)
        events = events.select([name for name in EVENTS.names() if name in events.collect_schema().names()])
        wanted = pl.LazyFrame({"token": tokens.cast(pl.String)})
        named = [
            events.select("event_id", column).explode(column).select("event_id", pl.col(column).struct.field(field))
            for column, field in (("identifiers", "token"), ("aliases", "previous"))
            if column in events.collect_schema().names()
        ]
        ids = [
            frame.rename({frame.collect_schema().names()[1]: "token"}).join(wanted, on="token", how="semi")
            for frame in named
        ]
        return events.join(pl.concat(ids).select("event_id").unique(), on="event_id", how="semi").collect()

    def _asked(self, table: Table, asked: dict[str, pl.Series]) -> pl.DataFrame:
        conditions = [pl.col(name).is_in(wanted.implode()) for name, wanted in asked.items() if len(wanted)]
        if not conditions or not is_there(self._root, table):
            return pl.DataFrame(pl.from_arrow(table.schema.empty_table()))
        return scan(self._root, table).filter(pl.any_horizontal(c.fill_null(False) for c in conditions)).collect()


def event_columns(events: DataFrame) -> Sequence[str]:
    """The columns that `observe` takes of events."""
    return [name for name in EVENTS.names() if name in events.columns]


def to_polars(rows: DataFrame) -> pl.DataFrame:
    """Collect rows; only what is known to be small."""
    return pl.DataFrame(pl.from_arrow(rows.toArrow()))
