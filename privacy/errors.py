"""The root of every error that Mangrove raises on purpose.

An error is a type with a reason code and one sentence for a person: what happened, the numbers
that are not secret, the way out. It never carries a value from the data.
"""

from typing import ClassVar


class MangroveError(Exception):
    """Something a caller can act on.

    Args:
        sentence: What happened and what to do, free of personal data. It is shown to users as it is.
    """

    reason: ClassVar[str] = "INTERNAL"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
