"""What a masked text in lower case says, as polars expressions, by declared words.

Lower case is asked for, not made, because patterns that ignore case take the time of a whole prediction to build.
"""

import polars as pl

from spark_jobs.gold import lexicon


def plain(text: pl.Expr) -> pl.Expr:
    """The letters and digits: what is left when two messages say the same."""
    return text.str.replace_all(r"[^\p{L}\p{N}]", "")


def has_question_mark(text: pl.Expr) -> pl.Expr:
    """Whether there is a question mark, of full or half width."""
    return text.str.contains("[?？]")


def exclamations(text: pl.Expr) -> pl.Expr:
    """How many exclamation marks there are, of full or half width."""
    return text.str.count_matches("[!！]").cast(pl.Int64)


def asks_for_human(text: pl.Expr) -> pl.Expr:
    """Whether a person is asked for."""
    return text.str.contains(lexicon.HUMAN)


def gives_thanks(text: pl.Expr) -> pl.Expr:
    """Whether there are words of thanks."""
    return text.str.contains(lexicon.THANKS)


def negative_words(text: pl.Expr) -> pl.Expr:
    """How many words of complaint there are."""
    return text.str.count_matches(lexicon.NEGATIVE).cast(pl.Int64)


def topic(text: pl.Expr) -> pl.Expr:
    """The topic with the most of its words in the text, null if none has any."""
    nothing = pl.lit(0, pl.UInt32)
    counts = [text.str.count_matches(words) for words in lexicon.TOPICS.values()]
    first_of_most = pl.concat_list(nothing, *counts).list.arg_max()
    return first_of_most.replace_strict(dict(enumerate(lexicon.TOPICS, start=1)), default=None, return_dtype=pl.String)
