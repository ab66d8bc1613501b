"""In which language a text is: the rule by which the lake's events are refined, in polars."""

import polars as pl

# As in spark_jobs/silver/refine.py; a test holds both to each other.
_MIN_HAN_SHARE = 0.3
_LANGUAGES = ("zh", "en")


def language() -> pl.Expr:
    """By the share of Han characters among the letters of `text`, else by `locale`, else null."""
    letters = pl.col("text").fill_null("").str.replace_all(r"<[A-Z_]+>|[^\p{L}]", "")
    total = letters.str.len_chars().cast(pl.Int64)
    han = letters.str.count_matches(r"\p{Han}").cast(pl.Int64)
    by_text = pl.when(han >= total * _MIN_HAN_SHARE).then(pl.lit("zh")).otherwise(pl.lit("en"))
    locale = pl.col("locale").str.head(2)
    return pl.when(total > 0).then(by_text).otherwise(pl.when(locale.is_in(_LANGUAGES)).then(locale))
