"""bronze.events → silver.events: each event once, typed."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.lake import tables
from spark_jobs.lake.io import Changes, Lake

INPUTS = (tables.BRONZE_EVENTS,)
OUTPUT = tables.SILVER_EVENTS
OUTPUTS = (OUTPUT,)

# Numbers are read as strings: JSON of protobuf may quote 64-bit integers, and both forms must do.
_BODY = """
    party STRING, text STRING, turn STRING, url STRING, screen STRING, to_party STRING, reason STRING,
    kind STRING, score STRING, comment STRING, status STRING, quantity STRING, author_handle STRING,
    amount STRUCT<amount_minor: STRING>, total STRUCT<amount_minor: STRING>,
    price STRUCT<amount_minor: STRING>,
    granted ARRAY<STRING>, withdrawn ARRAY<STRING>
"""
_TEXT_FIELDS = {
    "message_sent": "text",
    "social_posted": "text",
    "complaint_filed": "text",
    "feedback_given": "comment",
}
_MIN_HAN_SHARE = 0.3


def build_events(bronze: DataFrame) -> DataFrame:
    """One row an event id: of repeats the one received first counts, then journal and sequence decide.

    `event_at` is never later than the receipt, so that a sender's fast clock cannot reach into the future.
    The handle of a social post counts as an identifier of the event.
    """
    return (
        bronze.transform(_first_of_repeats)
        .withColumn("b", F.from_json("body", _BODY))
        .withColumn("text", _by_type({t: F.col(f"b.{field}") for t, field in _TEXT_FIELDS.items()}))
        .withColumns(_typed_columns())
        .select(*OUTPUT.schema.names)
    )


def _first_of_repeats(bronze: DataFrame) -> DataFrame:
    order = Window.partitionBy("event_id").orderBy("received_at", "journal_id", "sequence", "position")
    return bronze.withColumn("place", F.row_number().over(order)).where("place = 1").drop("place")


def _typed_columns() -> dict[str, Column]:
    return {
        "event_at": F.least("occurred_at", "received_at"),
        "identifiers": _identifiers(),
        "language": _language(),
        "party": _by_type({"message_sent": F.col("b.party")}),
        "turn": F.nullif(_integer("b.turn"), F.lit(0)),
        "page": _by_type({"page_viewed": _url_path(F.col("b.url")), "screen_viewed": F.col("b.screen")}),
        "to_party": _by_type({"conversation_transferred": F.col("b.to_party")}),
        "end_reason": _by_type({"conversation_ended": F.col("b.reason")}),
        "feedback_kind": _by_type({"feedback_given": F.col("b.kind")}),
        "score": _by_type({"feedback_given": F.coalesce(_integer("b.score"), F.lit(0))}),
        "payment_status": _by_type({"payment_made": F.col("b.status")}),
        "amount_minor": _by_type(
            {
                "payment_made": _money("b.amount"),
                "order_placed": _money("b.total"),
                "cart_changed": _money("b.price") * F.greatest(F.coalesce(_integer("b.quantity"), F.lit(0)), F.lit(0)),
            }
        ),
        "granted": _by_type({"consent_changed": F.col("b.granted")}),
        "withdrawn": _by_type({"consent_changed": F.col("b.withdrawn")}),
    }


def _by_type(columns: dict[str, Column]) -> Column:
    """The column that belongs to the event's type, null for all other types."""
    return F.coalesce(*(F.when(F.col("event_type") == name, column) for name, column in columns.items()))


def _integer(name: str) -> Column:
    return F.col(name).try_cast("bigint")


def _money(name: str) -> Column:
    """Hundredths; zero is absent from the JSON, an unknown amount has no struct at all."""
    return F.when(F.col(name).isNotNull(), F.coalesce(_integer(f"{name}.amount_minor"), F.lit(0)))


def _url_path(url: Column) -> Column:
    # Placeholders such as <PHONE_NUMBER> are no valid URL characters, so no URL parser will do.
    return F.regexp_extract(url, r"^(?:[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#]*)?([^?#]*)", 1)


def _identifiers() -> Column:
    author = F.when(
        F.col("event_type") == "social_posted",
        F.array(F.struct(F.lit("social").alias("type"), F.col("b.author_handle").alias("token"))),
    )
    named = F.concat(F.coalesce("identifiers", F.array()), F.coalesce(author, F.array()))
    given = F.filter(named, lambda i: i["token"].isNotNull() & (i["token"] != "") & i["type"].isNotNull())
    return F.sort_array(F.array_distinct(given))


def _language() -> Column:
    """By the share of Han characters among the letters of the text, else by the locale."""
    letters = F.regexp_replace(F.coalesce("text", F.lit("")), r"<[A-Z_]+>|[^\p{L}]", "")
    latin_and_others = F.length(F.regexp_replace(letters, r"\p{IsHan}", ""))
    total = F.length(letters)
    by_text = F.when((total - latin_and_others) >= total * _MIN_HAN_SHARE, "zh").otherwise("en")
    locale = F.substring(F.get_json_object("context", "$.locale"), 1, 2)
    return F.when(total > 0, by_text).when(locale.isin("zh", "en"), locale)


def main(lake: Lake) -> tuple[Changes, ...]:
    """Refine the whole of bronze."""
    return (lake.sync(OUTPUT, build_events(lake.read(tables.BRONZE_EVENTS))),)


if __name__ == "__main__":
    from spark_jobs.submit import run_as_script

    run_as_script("refine", main)
