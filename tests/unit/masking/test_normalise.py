"""What the other readings of a text promise: every character knows where it stood."""

from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.masking.normalise.escapes import readings
from privacy.masking.normalise.fold import expands, fold_batch, text_of
from privacy.masking.normalise.islands import islands
from privacy.masking.normalise.reading import Reading
from privacy.masking.normalise.spoken import spell_out

ESCAPES = list("%31%e5%bc%a0\\u0031\\x31&#49;&commat;=31=\n> ab1 ⑩ﬁ")
any_text = st.text(
    st.sampled_from(list("0123456789 -.@一壹①٣O०ＡｚоΑ\u200b\u00ad\n⑩ﬁ張三") + ESCAPES) | st.characters(), max_size=40
)


def _views(text: str) -> tuple[str, str]:
    batch = fold_batch([text])
    return text_of(batch.text[:-1]), text_of(batch.digits[:-1])


@given(st.lists(any_text, max_size=6))
@settings(max_examples=400, deadline=None)
def test_folding_keeps_the_place_of_every_character(texts: list[str]) -> None:
    batch = fold_batch(texts)
    joined = "\0".join(texts) + "\0"
    for number, text in enumerate(texts):
        first, last = batch.bounds[number], batch.bounds[number + 1] - 1
        places = range(first, last) if batch.origin is None else batch.origin[first:last]
        start = batch.starts[number]
        assert all(start <= place < start + len(text) for place in places)
        assert list(places) == sorted(set(places))
        for code, place in zip(batch.text[first:last].tolist(), places, strict=True):
            character = joined[place]
            assert not character.isascii() or not character.isprintable() or chr(code) == character


@given(st.text(st.characters(max_codepoint=126, min_codepoint=32), max_size=40))
def test_plain_ascii_is_left_as_it_is(text: str) -> None:
    assert _views(text) == (text, text)


def test_digits_in_any_writing_are_digits() -> None:
    for written in ("１２３", "①②③", "⑴⑵⑶", "❶❷❸", "一二三", "壹贰叁", "幺两三", "१२३", "١٢٣", "𝟏𝟐𝟑", "1️⃣2️⃣3️⃣"):
        assert _views(written)[1] == "123", written
    assert _views("一二三")[0] == "一二三", "names are searched where Han numerals are Han"


def test_what_is_not_seen_is_not_there() -> None:
    assert _views("1\u200b3\u00ad8\u202e0\u0332\u20630\x00")[0] == "13800"


def test_letters_that_look_like_latin_ones_are_latin() -> None:
    assert _views("jоhn＠ехаmрlе．соm")[0] == "john@example.com"


def test_a_lone_surrogate_breaks_nothing() -> None:
    assert len(_views("a\ud800b")[0]) == 3


def test_characters_that_stand_for_several_are_known() -> None:
    assert (expands("⑩"), expands("ﬁ"), expands("a"), expands("张")) == ("10", "fi", "", "")


@given(any_text)
@settings(max_examples=400, deadline=None)
def test_a_reading_stays_inside_the_text_and_in_order(text: str) -> None:
    for reading in (Reading.of(text), *readings(Reading.of(text))):
        for read in (reading, spell_out(reading)):
            assert len(read.text) == len(read.starts) == len(read.ends)
            assert all(0 <= start < end <= len(text) for start, end in zip(read.starts, read.ends, strict=True))
            assert (read.starts[1:] >= read.starts[:-1]).all()


def test_escapes_are_read_where_they_stand() -> None:
    reading = next(readings(Reading.of("tel=138%31%32345678")))
    assert reading.text == "tel=13812345678"
    assert reading.span(4, 15) == (4, 19)


def test_nested_and_mixed_escapes_are_read() -> None:
    said = {read.text for read in readings(Reading.of("%25%33%31 \\u5f20 &#x33;&commat; \\x31 ⑩"))}
    assert "1 张 3@ 1 10" in said


def test_quoted_printable_is_read_apart_from_the_rest() -> None:
    said = [read.text for read in readings(Reading.of("=31=33=38=\n001=3380=30=30"))]
    assert "138001380" in said[-1].replace("\n", "")


def test_spelled_digits_are_digits() -> None:
    said = spell_out(Reading.of("call one three double eight 0 0 oh one three eight oh oh please"))
    assert "".join(c for c in said.text if c.isdigit()) == "13880001380" + "0"
    assert spell_out(Reading.of("l38OO138OOO")).text == "13800138000"
    assert spell_out(Reading.of("I have one or two problems")).text == "I have one or two problems"


def test_islands_say_what_they_hide() -> None:
    assert list(islands("see MTM4MDAxMzgwMDA= now")) == [(4, 20, "13800138000")]
    assert list(islands("see " + b"13800138000".hex() + " now")) == [(4, 26, "13800138000")]
    assert list(islands("ORDERID_10124449 internationalisation")) == []
