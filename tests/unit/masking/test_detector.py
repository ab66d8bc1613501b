"""What the detector promises: the automaton skips nothing, no disguise hides a number, hostile texts stay bounded."""

import re
import resource
import subprocess
import sys
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.masking import names
from privacy.masking.actions import TOKEN_TYPES
from privacy.masking.automaton import Automaton
from privacy.masking.conflicts import Detection, settled
from privacy.masking.detector import Detector
from privacy.masking.evaluation.disguises import DISGUISES, Disguise
from privacy.masking.normalise.fold import HAN_NUMERALS, fold_batch, text_of
from privacy.masking.normalise.signs import SIGNS
from privacy.masking.rules import STRUCTURED, Rule, TextView
from privacy.masking.rules.placeholder import ENTITIES
from tests.generated import KINDS

DETECTOR = Detector()
ALL = (*STRUCTURED, *names.RULES)

values = st.one_of(*KINDS.values())
around = st.sampled_from(
    ["", "请联系", "我叫张伟，", " my name is Anna Lee ", "订单号：", "密码是", "生日1990-01-02 ", "地址：", "\n> "]
)
some_text = st.builds(
    "".join,
    st.lists(
        st.one_of(
            values, around, st.sampled_from(list("0123456789 -.@:/=%&;()+abcXYZ张三路号市区")), st.text(max_size=4)
        ),
        max_size=12,
    ),
)


def _view(rule: Rule, text: str) -> str:
    batch = fold_batch([text])
    return text_of((batch.text if rule.view is TextView.TEXT else batch.digits)[:-1])


@given(some_text)
@settings(max_examples=300, deadline=None)
def test_whatever_a_rule_finds_in_a_text_the_detector_masks(text: str) -> None:
    found = DETECTOR.detect([text])[0]
    masked = {place for d in found for place in range(d.start, d.end)}
    batch = fold_batch([text])
    for rule in ALL:
        view = _view(rule, text)
        for start, end in rule.find(view, 0, len(view)):
            places = range(start, end) if batch.origin is None else batch.origin[start:end].tolist()
            # One Han numeral beside a number that is whole without it is a word.
            words = {place for place in (places[0], places[-1]) if text[place] in HAN_NUMERALS and masked & {*places}}
            assert all(place in masked for place in places if text[place].isalnum() and place not in words), (
                rule.entity,
                rule.trigger.pattern[:40],
            )


@given(some_text)
@settings(max_examples=300, deadline=None)
def test_a_trigger_matches_wherever_its_rule_finds(text: str) -> None:
    for rule in ALL:
        view = _view(rule, text)
        if list(rule.find(view, 0, len(view))):
            assert rule.trigger.search(view), rule.trigger.pattern[:60]


@given(st.lists(some_text, max_size=6))
@settings(max_examples=150, deadline=None)
def test_a_batch_is_looked_at_like_its_texts(texts: list[str]) -> None:
    assert DETECTOR.detect(texts) == [DETECTOR.detect([text])[0] for text in texts]


def test_what_a_text_ends_with_hides_nothing_in_the_next() -> None:
    texts = ["密码:abcd1张", "密码:张x1y2", "13800138000", "电话", "12345678", "api_key=", "wechat: ", "zhang_wei88"]
    assert DETECTOR.detect(texts) == [DETECTOR.detect([text])[0] for text in texts]


@given(some_text)
@settings(max_examples=200, deadline=None)
def test_detections_are_sorted_disjoint_and_inside(text: str) -> None:
    position = 0
    for found in DETECTOR.detect([text])[0]:
        assert position <= found.start < found.end <= len(text)
        position = found.end


def test_every_trigger_is_a_pattern_that_the_automaton_takes() -> None:
    for pattern in {*(rule.trigger for rule in ALL), *SIGNS.values()}:
        Automaton([pattern])


def test_placeholders_are_known_for_every_entity_that_a_rule_finds() -> None:
    assert set(ENTITIES) == {rule.entity for rule in ALL} == set(TOKEN_TYPES)


def test_an_automaton_sees_no_less_than_the_pattern() -> None:
    trigger = re.compile("(?<![0-9])[0-9]{3,5}(?![0-9])")
    automaton = Automaton([trigger])
    for text in ("a 123 b", "1234", "x12345y"):
        assert trigger.search(text)
        assert automaton.ends(text.encode())[0] == [0]
    assert automaton.ends(b"12 ab")[0] == []


NUMBERS = ("PHONE_NUMBER", "CN_RESIDENT_ID", "CREDIT_CARD")


@pytest.mark.parametrize("disguise", [d for d in DISGUISES if d.entities & set(NUMBERS)], ids=lambda d: d.name)
@given(data=st.data(), seed=st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_no_number_that_a_check_accepts_survives_a_disguise(disguise: Disguise, data: st.DataObject, seed: int) -> None:
    entity = data.draw(st.sampled_from([e for e in NUMBERS if e in disguise.entities]))
    value = data.draw(KINDS[entity])
    written = disguise.write(value, Random(seed))
    if written is None:
        return
    text = f"我的号码是 {written} 谢谢"
    masked = {place for d in DETECTOR.detect([text])[0] for place in range(d.start, d.end)}
    start = text.index(written)
    left = [c for place, c in enumerate(text) if place not in masked and start <= place < start + len(written)]
    assert not any(c.isalnum() for c in left), (value, written)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([Detection(0, 11, "PHONE_NUMBER", 5), Detection(0, 18, "CN_RESIDENT_ID", 1)], [(0, 18, "CN_RESIDENT_ID")]),
        ([Detection(0, 6, "A", 1), Detection(4, 10, "B", 2)], [(0, 6, "A"), (6, 10, "B")]),
        ([Detection(3, 6, "A", 1), Detection(0, 10, "B", 2)], [(0, 3, "B"), (3, 6, "A"), (6, 10, "B")]),
        ([Detection(0, 4, "A", 1), Detection(5, 9, "B", 2)], [(0, 4, "A"), (5, 9, "B")]),
        ([Detection(0, 4, "A", 1), Detection(0, 4, "A", 1)], [(0, 4, "A")]),
    ],
)
def test_the_stronger_gives_the_name_and_nothing_found_is_left(
    found: list[Detection], expected: list[tuple[int, int, str]]
) -> None:
    assert [tuple(d[:3]) for d in settled(found, "abcdefghijklmnopqrstu")] == expected


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12), st.integers(1, 9)), max_size=90))
def test_settling_covers_every_character_once(raw: list[tuple[int, int, int]]) -> None:
    found = [Detection(start, start + size, f"E{strength}", strength) for start, size, strength in raw]
    done = settled(found, "x" * 60)
    covered = [place for d in done for place in range(d.start, d.end)]
    assert len(covered) == len(set(covered))
    assert set(covered) >= {place for d in found for place in range(d.start, d.end)}


_HOSTILE = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
resource.setrlimit(resource.RLIMIT_CPU, (240, 240))
from privacy.masking import Masker
masker = Masker.default()
assert len(masker.mask_text("1" * 10_000_000).text) > 0
size = 150_000
for hostile in ("1 ", "4111 1111 1111 1112 ", "a@", "@", "%25", "&amp;", '{"a":', "[", "<", "one ", "QUJD", "=3D",
                "我叫", "1\\u200b", "市", "路1号", "Mr. Li ", "\\n> 1", "::", "a.", "密码:", "+1 ", "\\\\u0031", "(((",
                "phone "):
    masker.mask_text(hostile * (size // len(hostile)))
"""


@pytest.mark.timeout(500)
def test_hostile_texts_stay_inside_a_bound_of_time_and_memory() -> None:
    done = subprocess.run([sys.executable, "-c", _HOSTILE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 6 << 20
