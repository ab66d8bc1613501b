"""Names of people, Chinese and English, by evidence: characters, cues, titles, context, lists of names."""

import dataclasses

from privacy.masking.names.chinese import CHINESE
from privacy.masking.names.english import BARE_ENGLISH
from privacy.masking.names.english_cues import ENGLISH_CUES
from privacy.masking.names.foreign import FOREIGN
from privacy.masking.names.placeholders import beside_no_placeholder
from privacy.masking.rules.rule import Rule

RULES: tuple[Rule, ...] = tuple(
    dataclasses.replace(rule, find=beside_no_placeholder(rule.find))
    for rule in (*CHINESE, *FOREIGN, BARE_ENGLISH, *ENGLISH_CUES)
)
"""Every rule for names. None finds one across a line break, or in or right beside a placeholder in angle brackets."""
