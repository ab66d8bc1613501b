"""What says that a text may be read in another way; the automaton looks for these beside the rules."""

import re
from enum import Enum

from privacy.masking.normalise.escapes import LIGATURE, MAY_BE_ESCAPED
from privacy.masking.normalise.islands import ISLAND
from privacy.masking.normalise.spoken import SIGN_OF_LETTERS, SIGN_OF_SPEECH


class Sign(Enum):
    """A sign that a text says something in disguise."""

    ESCAPE = "escape"
    LIGATURE = "ligature"
    SPEECH = "speech"
    LETTERS = "letters"
    ISLAND = "island"


SIGNS: dict[Sign, re.Pattern[str]] = {
    Sign.ESCAPE: MAY_BE_ESCAPED,
    Sign.LIGATURE: LIGATURE,
    Sign.SPEECH: SIGN_OF_SPEECH,
    Sign.LETTERS: SIGN_OF_LETTERS,
    Sign.ISLAND: ISLAND,
}
