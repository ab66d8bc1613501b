"""Presidio recognizers as a user may write them, for tests of policies that name one."""

from typing import Any

from presidio_analyzer import EntityRecognizer, RecognizerResult


class Poisoned(EntityRecognizer):  # type: ignore[misc]
    """Finds staff numbers such as XY-77, and errs on every text that holds the word poison."""

    def __init__(self) -> None:
        super().__init__(supported_entities=["STAFF_ID"], supported_language="en", name="poisoned")

    def load(self) -> None: ...

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any = None) -> list[RecognizerResult]:
        if "poison" in text:
            raise ValueError(text)
        start = text.find("XY-")
        return [RecognizerResult("STAFF_ID", start, start + 5, 1.0)] if start >= 0 else []
