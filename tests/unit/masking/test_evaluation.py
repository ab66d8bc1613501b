"""What is promised of the figures: they are what one computes by hand, and a bad file is told by its line alone."""

import json
from collections import Counter
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from privacy.masking.checksums import is_card, is_iban, is_imei, is_resident_id
from privacy.masking.evaluation import entities, templates
from privacy.masking.evaluation.disguises import DISGUISES
from privacy.masking.evaluation.entities import canonical_entity
from privacy.masking.evaluation.generated import HARMLESS, PERSONAL, generate, generate_tickets
from privacy.masking.evaluation.labelled import (
    LabelledSetInvalid,
    LabelledSpan,
    LabelledText,
    read_labelled,
    write_labelled,
)
from privacy.masking.evaluation.run import MANGROVE, evaluate
from privacy.masking.evaluation.scores import score_entities, score_leak
from services.bench_commands import app

PHONE, CARD, ORDER = entities.PHONE_NUMBER, entities.CREDIT_CARD, entities.ORDER_NUMBER
SECRET = "13912345678"


VALIDATORS = {
    CARD: is_card,
    entities.CN_RESIDENT_ID: is_resident_id,
    entities.IBAN_CODE: is_iban,
    entities.IMEI: is_imei,
}


def labelled(text: str, *spans: tuple[int, int, str]) -> LabelledText:
    return LabelledText(text, tuple(LabelledSpan(*span) for span in spans))


def spans(*found: tuple[int, int, str]) -> list[LabelledSpan]:
    return [LabelledSpan(*span) for span in found]


def write_lines(path: Path, *lines: Any) -> Path:
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), "utf-8")
    return path


TWO = [labelled("abcdefghij", (0, 4, PHONE), (6, 8, CARD)), labelled("0123456789", (2, 6, PHONE), (7, 9, PHONE))]
FOUND = [
    spans((0, 4, PHONE), (5, 9, CARD), (9, 10, "URL")),  # one right, one card too wide, one of a kind not labelled
    spans((2, 5, PHONE), (7, 9, PHONE), (0, 1, PHONE)),  # one too short, one right, one alarm
]


def test_scores_are_those_computed_by_hand() -> None:
    phone, card = score_entities(TWO, FOUND)
    assert (phone.entity, phone.support, phone.predicted, phone.correct) == (PHONE, 3, 4, 2)
    assert [phone.precision, phone.recall] == pytest.approx([2 / 4, 2 / 3])
    assert phone.f2 == pytest.approx(5 * 0.5 * (2 / 3) / (4 * 0.5 + 2 / 3))  # 0.625
    assert phone.f2 == pytest.approx(0.625)
    assert (card.entity, card.support, card.predicted, card.correct) == (CARD, 1, 1, 0)
    assert (card.precision, card.recall, card.f2) == (0, 0, 0)


def test_the_leak_is_the_share_of_labelled_characters_that_nothing_covers() -> None:
    leak = score_leak(TWO, FOUND)
    # Labelled: 4 + 2 + 4 + 2 = 12. Readable: only position 5 of the second text.
    assert (leak.characters, leak.readable) == (12, 1)
    assert leak.share == pytest.approx(1 / 12)
    assert leak.by_entity == {PHONE: pytest.approx(1 / 10), CARD: 0}


def test_what_overlaps_is_not_counted_twice() -> None:
    leak = score_leak([labelled("0123456789", (0, 4, PHONE))], [spans((0, 2, PHONE), (1, 3, "URL"))])
    assert leak.readable == 1


def test_a_kind_that_is_kept_hides_nothing_but_itself() -> None:
    texts = [labelled("0123456789", (0, 4, PHONE), (5, 9, ORDER))]
    leak = score_leak(texts, [spans((0, 4, ORDER), (5, 9, ORDER))])
    assert leak.by_entity == {PHONE: 1.0, ORDER: 0.0}


def test_the_same_find_twice_counts_once() -> None:
    score = score_entities([labelled("0123", (0, 4, PHONE))], [spans((0, 4, PHONE), (0, 4, PHONE))])[0]
    assert (score.predicted, score.correct) == (1, 1)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9), st.sampled_from([PHONE, CARD, "URL"])), max_size=5))
@settings(max_examples=200, deadline=None)
def test_every_figure_is_a_share_whatever_is_found(found: list[tuple[int, int, str]]) -> None:
    texts = [TWO[0]]
    seen = [spans(*((start, start + size, entity) for start, size, entity in found))]
    for score in score_entities(texts, seen):
        assert 0 <= score.precision <= 1 and 0 <= score.recall <= 1 and 0 <= score.f2 <= 1
    assert 0 <= score_leak(texts, seen).share <= 1


def test_an_engine_that_finds_all_scores_one_and_leaks_nothing() -> None:
    texts = generate(3, 300)
    answers = {text.text: text.spans for text in texts}
    evaluation = evaluate("set", MANGROVE, lambda asked: [answers[text] for text in asked], texts)
    assert {score.f2 for score in evaluation.entities} == {1.0}
    assert evaluation.leak.share == 0
    assert evaluation.goals()["reached"] is True
    blind = evaluate("set", MANGROVE, lambda asked: [[] for _ in asked], texts)
    assert blind.leak.share == 1
    assert blind.goals()["reached"] is False


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("phone", PHONE), ("Mobile", PHONE), ("TEL", PHONE), ("phone number", PHONE), ("PHONE_NUMBER", PHONE),
        ("id", entities.CN_RESIDENT_ID), ("ID-Card", entities.CN_RESIDENT_ID), ("name", entities.PERSON),
        ("PER", entities.PERSON), ("email", entities.EMAIL_ADDRESS), ("bank_card", CARD), ("ip", entities.IP_ADDRESS),
        ("QQ", entities.SOCIAL_HANDLE), ("vx", entities.SOCIAL_HANDLE), ("WeChat", entities.SOCIAL_HANDLE),
        ("STREET_ADDRESS", entities.ADDRESS), ("address", entities.ADDRESS), ("手机号", PHONE), ("GPE", "GPE"),
    ],
)  # fmt: skip
def test_names_of_kinds_are_read_leniently(name: str, ours: str) -> None:
    assert canonical_entity(name) == ours


def test_our_own_names_stay() -> None:
    assert [canonical_entity(entity) for entity in entities.ALL_ENTITIES] == list(entities.ALL_ENTITIES)


def test_json_lines_are_read_with_blank_lines_marks_and_other_keys(tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    line = {"text": "𝟏3 ok\u2028x", "spans": [{"start": 0, "end": 2, "entity": "tel", "note": 1}], "id": 7}
    path.write_text("\ufeff" + json.dumps(line, ensure_ascii=False) + "\n\n", "utf-8")
    assert read_labelled(path) == [labelled("𝟏3 ok\u2028x", (0, 2, PHONE))]


def test_presidio_research_and_single_span_lists_are_read(tmp_path: Path) -> None:
    research = [
        {"full_text": "call 123", "masked": "", "spans": [
            {"entity_type": "PHONE_NUMBER", "entity_value": "123", "start_position": 5, "end_position": 8}]},
        {"full_text": "nothing", "spans": []},
    ]  # fmt: skip
    path = write_lines(tmp_path / "a.json", json.dumps(research, indent=1))
    assert read_labelled(path) == [labelled("call 123", (5, 8, PHONE)), labelled("nothing")]
    single = [{"entity": "card", "text": "卡号4111", "start": 2, "end": 6}]
    path = write_lines(tmp_path / "b.json", json.dumps(single))
    assert read_labelled(path) == [labelled("卡号4111", (2, 6, CARD))]


GOOD = {"text": f"call {SECRET}", "spans": [{"start": 5, "end": 16, "entity": "phone"}]}


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        (f'{{"text": "{SECRET}', "not JSON"),
        (f'"{SECRET}"', "not an object"),
        ({"text": 13912345678, "spans": []}, "not a string"),
        ({"text": SECRET, "spans": "none"}, "not a list"),
        ({"text": SECRET, "spans": [SECRET]}, "not an object"),
        ({"text": SECRET, "spans": [{"start": "0", "end": 3, "entity": "phone"}]}, "integers"),
        ({"text": SECRET, "spans": [{"start": True, "end": 3, "entity": "phone"}]}, "integers"),
        ({"text": SECRET, "spans": [{"start": 0.0, "end": 3, "entity": "phone"}]}, "integers"),
        ({"text": SECRET, "spans": [{"start": 0, "end": 3}]}, "not a name"),
        ({"text": SECRET, "spans": [{"start": 0, "end": 12, "entity": "phone"}]}, "outside"),
        ({"text": SECRET, "spans": [{"start": -1, "end": 3, "entity": "phone"}]}, "outside"),
        ({"text": SECRET, "spans": [{"start": 3, "end": 3, "entity": "phone"}]}, "outside"),
        (
            {"text": SECRET, "spans": [{"start": a, "end": b, "entity": "phone"} for a, b in ((0, 5), (4, 8))]},
            "overlap",
        ),
        ('{"text": "139\\ud83d12345678", "spans": []}', "surrogate"),
        ("[" * 50_000, "not JSON"),
    ],
)
def test_a_bad_line_is_named_by_its_number_and_never_shown(tmp_path: Path, bad: Any, word: str) -> None:
    path = write_lines(tmp_path / "set.jsonl", GOOD, "", bad)
    with pytest.raises(LabelledSetInvalid) as refused:
        read_labelled(path)
    assert "line 3" in refused.value.sentence
    assert word in refused.value.sentence
    assert "139" not in refused.value.sentence
    assert refused.value.__cause__ is None


def test_a_bad_item_of_a_list_is_named_by_its_number(tmp_path: Path) -> None:
    bad = {**GOOD, "spans": [{"start": 5, "end": 99, "entity": "phone"}]}
    with pytest.raises(LabelledSetInvalid, match="item 2"):
        read_labelled(write_lines(tmp_path / "set.json", json.dumps([GOOD, bad])))


def test_a_file_that_is_missing_a_folder_not_utf8_or_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b'{"text": "\xe9", "spans": []}')
    write_lines(tmp_path / "empty", {"text": "nothing", "spans": []})
    for name in ("missing", ".", "latin", "empty"):
        with pytest.raises(LabelledSetInvalid):
            read_labelled(tmp_path / name)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    texts = generate(5, 200)
    write_labelled(texts, tmp_path / "set.jsonl")
    assert read_labelled(tmp_path / "set.jsonl") == texts


def test_the_command_converts_and_scores(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "one.json", json.dumps([{**GOOD["spans"][0], "text": GOOD["text"]}]))  # type: ignore[dict-item]
    target = tmp_path / "set.jsonl"
    assert CliRunner().invoke(app, ["convert", str(source), str(target)]).exit_code == 0
    result = CliRunner().invoke(app, ["masking", "--labelled", str(target)])
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    scores = [line for line in lines if "entity" in line]
    assert [(line["engine"], line["entity"], line["support"]) for line in scores] == [
        ("mangrove", PHONE, 1),
        ("stock presidio", PHONE, 1),
    ]
    assert {"set", "engine", "entity", "support", "predicted", "precision", "recall", "f2"} == set(scores[0])
    assert scores[0]["f2"] == 1.0
    assert [line["leak"] for line in lines if line["engine"] == "mangrove" and "leak" in line] == [0.0]
    assert SECRET not in result.output


def test_generated_sets_are_the_same_for_the_same_seed_only() -> None:
    assert generate(1, 150) == generate(1, 150) != generate(2, 150)
    assert generate_tickets(1, 5) == generate_tickets(1, 5)


def test_every_kind_is_generated_with_values_that_their_validators_accept() -> None:
    texts = generate(8, 2000)
    kinds = Counter(span.entity for text in texts for span in text.spans)
    assert set(kinds) == set(entities.ALL_ENTITIES)
    assert min(kinds.values()) >= 10
    for text in texts:
        for span in text.spans:
            value = text.text[span.start : span.end].replace(" ", "").replace("-", "")
            valid = VALIDATORS.get(span.entity)
            assert valid is None or valid(value)
            assert span.entity != ORDER or not (value.isdigit() and is_card(value))
    assert sum(not text.spans for text in texts) >= 400


def test_every_slot_of_the_templates_is_known_and_used() -> None:
    sentences = "".join((*templates.CHINESE, *templates.ENGLISH, *templates.NEGATIVE))
    assert {slot for slot in (*PERSONAL, *HARMLESS) if f"{{{slot}}}" not in sentences} == set()


def test_no_sentence_is_shared_with_the_tests_or_the_simulator() -> None:
    root = Path(__file__).parents[3]
    sources = [*(root / "tests").rglob("*.py"), *(root / "services" / "simulator").glob("*.py")]
    others = "".join(path.read_text("utf-8") for path in sources)
    for sentence in (*templates.CHINESE, *templates.ENGLISH, *templates.NEGATIVE):
        longest = max((literal for literal, *_ in Formatter().parse(sentence)), key=len).strip()
        assert len(longest.encode()) < 15 or longest not in others
        assert sentence not in others


def test_tickets_hold_several_entities_where_they_say() -> None:
    for ticket in generate_tickets(4, 20):
        assert 300 <= len(ticket.text) <= 700
        assert all(ticket.text[span.start : span.end].strip() for span in ticket.spans)
    assert sum(len(ticket.spans) for ticket in generate_tickets(4, 20)) >= 40


def test_disguised_sets_label_what_is_written() -> None:
    plain, hidden = generate(6, 400), generate(6, 400, disguised=True)
    assert len(hidden) == len(plain)
    assert len({d.name for d in DISGUISES}) == len(DISGUISES) >= 40
    for text in hidden:
        for span in text.spans:
            assert 0 <= span.start < span.end <= len(text.text)
