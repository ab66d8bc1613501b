"""What a customer's masked text says, in Chinese and English, by declared words."""

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.gold import lexicon

_SHOUTED = 5
_OF_ANY_QUESTION = (
    *("什么", "怎么", "请问", "可以", "时候", "么时", "一下", "一个", "是不", "不是", "有没", "没有", "你们", "能不"),
    *("the", "and", "you", "for", "how", "what", "when", "where", "can", "does", "please", "this", "that", "with"),
)


def plain(name: str) -> Column:
    """The letters and digits of a text in lower case: what is left when two messages say the same."""
    return F.regexp_replace(F.lower(_text(name)), r"[^\p{L}\p{N}]", "")


def has_question_mark(name: str) -> Column:
    """Whether the text holds a question mark, of full or half width."""
    return _text(name).rlike("[?？]")


def asks_for_human(name: str) -> Column:
    """Whether the text asks for a person."""
    return _text(name).rlike(f"(?i){lexicon.HUMAN}")


def negative_words(name: str) -> Column:
    """How many words of complaint the text holds."""
    return F.regexp_count(_text(name), F.lit(f"(?i){lexicon.NEGATIVE}")).cast("bigint")


def emoji(name: str) -> Column:
    """How many emoji the text holds: pictographs, and the codes in brackets or behind #E that chat windows send."""
    return F.regexp_count(_text(name), F.lit(lexicon.EMOJI)).cast("bigint")


def exclamations(name: str) -> Column:
    """How many exclamation marks the text holds, of full or half width."""
    return F.regexp_count(_text(name), F.lit("[!！]")).cast("bigint")


def shouts(name: str) -> Column:
    """Whether the text has five Latin letters or more, and all of them are capitals."""
    letters = F.regexp_replace(_text(name), "[^A-Za-z]", "")
    return (F.length(letters) >= _SHOUTED) & (letters == F.upper(letters))


def topics(name: str) -> Column:
    """What a text is about: pairs of Han characters and Latin words, without those that any question has."""
    lower = F.lower(_text(name))
    pairs = F.regexp_extract_all(lower, F.lit(r"(?=(\p{IsHan}{2}))"), 1)
    latin = F.regexp_extract_all(lower, F.lit("([a-z0-9]{3,})"), 1)
    return F.array_except(F.concat(pairs, latin), F.array(*map(F.lit, _OF_ANY_QUESTION)))


def _text(name: str) -> Column:
    return F.coalesce(name, F.lit(""))
