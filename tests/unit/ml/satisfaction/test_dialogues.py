import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.satisfaction.dialogues import (
    MAX_LINE_BYTES,
    Dialogue,
    DialogueMalformed,
    NothingLabelled,
    Turn,
    conversations_of,
    levels_of,
    put_together,
    read_dialogues,
    strangers,
)

SECRET = "plaintext-nobody-may-see"


def a_line(**changes):
    turn = {"user": SECRET, "agent": "", "satisfaction": 1} | changes.pop("turn", {})
    return json.dumps({"dialogue_id": "d", "turns": [turn]} | changes)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (f"{{{SECRET}", "not JSON"),
        (json.dumps([SECRET]), "is not an object"),
        (json.dumps({"turns": [SECRET]}), "no 'dialogue_id'"),
        (json.dumps({"dialogue_id": SECRET}), "no 'turns'"),
        (json.dumps({"dialogue_id": SECRET, "turns": []}), "no 'turns'"),
        (json.dumps({"dialogue_id": "d", "turns": [{"user": SECRET}]}), "without 'user' or 'agent'"),
        (a_line(turn={"agent": 7}), "not a text"),
        (a_line(turn={"satisfaction": 5}), "unknown level"),
        (a_line(turn={"satisfaction": -1}), "unknown level"),
        (a_line(turn={"satisfaction": True}), "unknown level"),
        (a_line(turn={"satisfaction": "1"}), "unknown level"),
        ("x" * (MAX_LINE_BYTES + 1), "longer than"),
    ],
)
def test_a_bad_line_is_named_by_its_number_and_never_shown(tmp_path, line, what):
    path = tmp_path / "d.jsonl"
    path.write_text(f"{a_line()}\n\n{line}\n")
    with pytest.raises(DialogueMalformed) as refused:
        read_dialogues(path)
    assert "Line 3" in refused.value.sentence
    assert what in refused.value.sentence
    assert SECRET not in refused.value.sentence


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_an_empty_file_is_refused(tmp_path, content):
    (tmp_path / "d.jsonl").write_text(content)
    with pytest.raises(NothingLabelled):
        read_dialogues(tmp_path / "d.jsonl")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(NothingLabelled):
        read_dialogues(tmp_path / "none.jsonl")


@pytest.mark.parametrize(("highest", "levels"), [(0, 3), (2, 3), (3, 5), (4, 5)])
def test_the_number_of_levels_is_taken_from_the_highest(highest, levels):
    assert levels_of([Dialogue("d", (Turn("a", "", highest), Turn("b", "")))]) == levels


def test_without_a_label_there_is_nothing_to_learn():
    with pytest.raises(NothingLabelled):
        levels_of([Dialogue("d", (Turn("a", ""),))])


@given(st.integers(6, 16), st.integers(8, 30), st.randoms())
def test_windows_of_a_conversation_are_one_and_come_together_again(width, length, chance):
    turns = tuple(Turn(f"message {n}", "", n % 3) for n in range(length))
    windows = [
        Dialogue(
            f"w{n:03}",
            tuple(Turn(t.user, t.agent, None) for t in turns[n : n + width - 1]) + turns[n + width - 1 :][:1],
        )
        for n in range(max(1, length - width + 1))
    ]
    first = windows[0].dialogue_id
    chance.shuffle(windows)
    assert set(conversations_of([*windows, Dialogue("other", (Turn("quite another", ""),))])) == {first, "other"}
    (whole,) = put_together(windows)
    assert [turn.user for turn in whole.turns] == [turn.user for turn in turns[: len(whole.turns)]]
    assert len(whole.turns) == max(length, min(width, length))


def test_strangers_share_no_conversation_whatever_their_ids():
    heard = [Dialogue("1", tuple(Turn(f"message number {n}", "") for n in range(8))), Dialogue("2", (Turn("hi", ""),))]
    window = Dialogue("3", heard[0].turns[3:])
    again = Dialogue("4", (Turn("hi", "hello", 2),))
    other = Dialogue("1", tuple(Turn(f"another message {n}", "") for n in range(8)))
    assert strangers([window, again, other], heard) == [other]
