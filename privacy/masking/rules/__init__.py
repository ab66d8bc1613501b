"""What personal data looks like, one module a family; names of people have a package of their own."""

from privacy.masking.rules import addresses, documents, network, numbers, orders, phones, secrets
from privacy.masking.rules.rule import Rule, TextView, pattern_rule

__all__ = ["STRUCTURED", "Rule", "TextView", "pattern_rule"]

STRUCTURED: tuple[Rule, ...] = (
    *numbers.RULES,
    *network.RULES,
    *phones.RULES,
    *orders.RULES,
    *documents.RULES,
    *secrets.RULES,
    *addresses.RULES,
)
"""Every rule but those of names."""
