"""Takes personal data out before anything is stored: raw texts and raw events come in, masked ones leave.

Only this package can build a `MaskedEvent`, and everything that stores takes nothing else.
"""

from privacy.masking.detector import MaskingFailed
from privacy.masking.event import EventMasker, MaskedEvent, Refusal
from privacy.masking.limits import Violation
from privacy.masking.masker import MaskedText, Masker, Span
from privacy.masking.plan import MessagePlan, SchemaUntreated, compile_plan

__all__ = [
    "EventMasker",
    "MaskedEvent",
    "MaskedText",
    "Masker",
    "MaskingFailed",
    "MessagePlan",
    "Refusal",
    "SchemaUntreated",
    "Span",
    "Violation",
    "compile_plan",
]
