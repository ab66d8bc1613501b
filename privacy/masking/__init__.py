"""Takes personal data out before anything is stored: raw texts and raw events come in, masked ones leave.

Only this package can build a `MaskedEvent`, and everything that stores takes nothing else.
"""

from privacy.masking.event import EventMasker, MaskedSlice
from privacy.masking.failures import MaskingFailed
from privacy.masking.limits import Violation
from privacy.masking.masker import MaskedText, Masker, Span
from privacy.masking.plan import MessagePlan, SchemaUntreated, compile_plan
from privacy.masking.policy import Policy, PolicyInvalid
from privacy.masking.refusals import Invalid, Refusal, Unmaskable
from privacy.masking.sealed import MaskedEvent

__all__ = [
    "EventMasker",
    "Invalid",
    "MaskedEvent",
    "MaskedSlice",
    "MaskedText",
    "Masker",
    "MaskingFailed",
    "MessagePlan",
    "Policy",
    "PolicyInvalid",
    "Refusal",
    "SchemaUntreated",
    "Span",
    "Unmaskable",
    "Violation",
    "compile_plan",
]
