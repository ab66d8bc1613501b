"""What a customer's masked text says, in Chinese and English, by declared words."""

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812

_HUMAN = (
    "人工|真人|转接|客服人员|活人|"
    r"\b(?:human|real person|live agent|speak to (?:an? )?(?:agent|person|someone)|"
    r"talk to (?:an? )?(?:agent|person|someone)|representative|operator)\b"
)
_NEGATIVE = (
    "投诉|差评|垃圾|失望|生气|气死|不满|太慢|没用|骗|糟糕|恶心|无语|太差|敷衍|"
    r"\b(?:complain\w*|terrible|awful|useless|angry|disappoint\w*|ridiculous|unacceptable|worst|"
    r"frustrat\w*|horrible|annoy\w*|waste)\b"
)


def plain(name: str) -> Column:
    """The letters and digits of a text in lower case: what is left when two messages say the same."""
    return F.regexp_replace(F.lower(_text(name)), r"[^\p{L}\p{N}]", "")


def has_question_mark(name: str) -> Column:
    """Whether the text holds a question mark, of full or half width."""
    return _text(name).rlike("[?？]")


def asks_for_human(name: str) -> Column:
    """Whether the text asks for a person."""
    return _text(name).rlike(f"(?i){_HUMAN}")


def negative_words(name: str) -> Column:
    """How many words of complaint the text holds."""
    return F.regexp_count(_text(name), F.lit(f"(?i){_NEGATIVE}")).cast("bigint")


def _text(name: str) -> Column:
    return F.coalesce(name, F.lit(""))
