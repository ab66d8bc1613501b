"""Whether a journey ends with a purchase, told at each of its steps."""

from datetime import datetime

import polars as pl
import pyarrow as pa

from ml.binary import BinaryModel, BinaryTask
from ml.columns import Columns
from ml.task import Rows
from spark_jobs.gold.consent import EVENT_COLUMNS, build_consents, with_person
from spark_jobs.gold.journey_moments import COUNTS, JOURNEY_COLUMNS, LABEL, STEP_COLUMNS, build_journey_moments
from spark_jobs.journeys.rules import CHANNELS, STAGES
from spark_jobs.journeys.whose import PEOPLE_COLUMNS
from spark_jobs.lake import tables
from spark_jobs.lake.snapshot import read_snapshot
from spark_jobs.lake.tables import GOLD_JOURNEY_PREDICTIONS

READ = {
    tables.GOLD_JOURNEY_STEPS: STEP_COLUMNS,
    tables.GOLD_JOURNEYS: JOURNEY_COLUMNS,
    tables.SILVER_EVENTS: (*EVENT_COLUMNS, "event_type", "payment_status"),
    tables.IDENTITY_PEOPLE: PEOPLE_COLUMNS,
}
"""What is read of each table."""


class JourneyOutcome(BinaryTask):
    """Tells whether a journey will end with a purchase."""

    name = "journey_outcome"
    title = "Journey outcome"
    purpose = (
        "It says at each step of a journey how likely it ends with a purchase, so that help can come where journeys "
        "are about to be given up and offers go where they are needed. It is not made to judge or rank people."
    )
    limits = (
        "It sees channels, stages, counts and times of the journey so far, nothing of what was said or looked at. What "
        "journeys are is declared: a pause of 72 hours ends one. Prices, stock and offers are not known to it; train "
        "it again after they have changed."
    )
    tables = tuple(READ)
    columns = Columns(
        categories={"channel": CHANNELS, "stage": STAGES, "from_channel": CHANNELS, "from_stage": STAGES},
        numbers=("step", *COUNTS),
    )
    label = LABEL
    seen = "share that bought"
    rule = "cart_events"
    output = GOLD_JOURNEY_PREDICTIONS

    def ids(self) -> tuple[str, ...]:
        """Return the key of gold.journey_steps."""
        return ("journey_id", "step")

    def rows(self, lake_root: str) -> Rows:
        """Read the moments of journeys that are over, of people whose every event allows learning."""
        read = {table: read_snapshot(lake_root, table, columns) for table, columns in READ.items()}
        frames = [pl.DataFrame(snapshot.rows) for snapshot in read.values()]
        moments = self.moments(*frames).filter(pl.col("may_learn") & pl.col("settled"))
        return Rows(self.in_order(moments.to_pandas()), {table.name: one.version for table, one in read.items()})

    def scored(self, lake_root: str, model: BinaryModel, version: int) -> pa.Table:
        """Return the probability of a purchase at every step."""
        read = [pl.DataFrame(read_snapshot(lake_root, table, columns).rows) for table, columns in READ.items()]
        moments = self.moments(*read)
        said = model.predict_proba(moments.to_pandas())[:, 1]
        told = moments.select("journey_id", "step").with_columns(
            model_version=pl.lit(version, pl.Int64), probability=pl.Series(said, dtype=pl.Float64)
        )
        return told.to_arrow().cast(GOLD_JOURNEY_PREDICTIONS.schema)

    def moments(
        self, steps: pl.DataFrame, journeys: pl.DataFrame, events: pl.DataFrame, people: pl.DataFrame
    ) -> pl.DataFrame:
        """Build the moments of people who did not withdraw analytics, with their language and whether to learn of them.

        The frames are all rows of the tables in `READ`, in that order.
        """
        owned = with_person(events, people)
        payments = owned.filter((pl.col("event_type") == "payment_made") & (pl.col("payment_status") == "succeeded"))
        newest = steps["ended_at"].max()
        seen_until = newest if isinstance(newest, datetime) else None
        moments = build_journey_moments(steps, journeys, payments, seen_until)
        return moments.join(build_consents(owned), on="person_id", how="inner")
