"""The series that forecasts are made from: contacts per half hour and channel, without gaps."""

from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl

from spark_jobs.lake.snapshot import read_snapshot
from spark_jobs.lake.tables import GOLD_FEATURES, SILVER_CONVERSATIONS

ZONE = "Asia/Shanghai"
_SLOT = "30m"


def read_contacts(lake_root: str, zone: str = ZONE) -> tuple[pl.DataFrame, dict[str, int]]:
    """Read when conversations began that may be learned from, and the Delta versions read.

    Columns: channel, at (local time of `zone`, without it). A conversation counts if the consent of all its messages
    covers learning, as `gold.features` says; what nobody wrote in is no contact.

    Raises:
        TableMissing: if a table was not made yet.
    """
    allowed = read_snapshot(lake_root, GOLD_FEATURES, ("conversation_id", "may_learn"))
    talks = read_snapshot(lake_root, SILVER_CONVERSATIONS, ("conversation_id", "channel", "started_at"))
    may = pl.DataFrame(allowed.rows).group_by("conversation_id").agg(pl.col("may_learn").all()).filter("may_learn")
    began = (
        pl.DataFrame(talks.rows)
        .join(may, on="conversation_id", how="semi")
        .select("channel", at=pl.col("started_at").dt.convert_time_zone(str(ZoneInfo(zone))).dt.replace_time_zone(None))
    )
    return began, {GOLD_FEATURES.name: allowed.version, SILVER_CONVERSATIONS.name: talks.version}


def build_series(contacts: pl.DataFrame) -> pd.DataFrame:
    """Count contacts per half hour and channel, 0 where none came; columns channel, at, contacts.

    The grid reaches from the half hour of the first contact of all to that of the last one. The order of the rows
    given does not matter.

    Args:
        contacts: Columns channel and at (local time without zone), one row a contact; no nulls.
    """
    if contacts.is_empty():
        return pd.DataFrame({"channel": [], "at": np.array([], "M8[us]"), "contacts": np.array([], np.int64)})
    placed = contacts.select("channel", pl.col("at").cast(pl.Datetime("us")).dt.truncate(_SLOT))
    first, last = placed["at"].min(), placed["at"].max()
    times = pl.select(at=pl.datetime_range(pl.lit(first), pl.lit(last), _SLOT, time_unit="us"))
    counted = placed.group_by("channel", "at").agg(contacts=pl.len().cast(pl.Int64))
    grid = placed.select(pl.col("channel").unique()).join(times, how="cross")
    filled = grid.join(counted, on=["channel", "at"], how="left").with_columns(pl.col("contacts").fill_null(0))
    return filled.sort("channel", "at").to_pandas()
