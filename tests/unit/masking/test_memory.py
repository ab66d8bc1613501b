"""What is promised of what is remembered: bounded, never shown, and what comes again and again stays."""

from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.masking.memory import Memory


@given(st.lists(st.integers(0, 30)))
@settings(max_examples=200, deadline=None)
def test_an_answer_is_the_right_one_or_none_and_there_are_never_too_many(questions: list[int]) -> None:
    memory: Memory[int, str] = Memory(5)
    recent = memory.recent
    for question in questions:
        assert memory.get(question) in (None, str(question))
        memory.put(question, str(question))
        assert memory.get(question) == str(question)
        assert memory.recent is recent
        assert len({*memory.recent, *memory._earlier}) <= 10


def test_what_is_asked_for_stays_and_what_is_not_goes() -> None:
    memory: Memory[int, str] = Memory(5)
    for question in range(100):
        memory.put(question, str(question))
        assert memory.get(0) == "0"
    assert memory.get(1) is None


def test_nothing_of_it_is_shown() -> None:
    memory: Memory[str, str] = Memory(5)
    memory.put("13800138000", "li@example.com")
    assert repr(memory) == "Memory(withheld)"
