"""The limits in force: what the catalogue declares, with what an officer changed since."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from privacy.dp.types import NanoRho
from privacy.ledger.chain import Entry, Fact
from privacy.ledger.port import Limits

ALL, DAY = "all", "day"
"""Who holds a budget besides a partner: all partners together, and the rows of each day."""


def partner_holder(name: str) -> str:
    """Name the holder of a partner's own budget."""
    return f"partner:{name}"


def declaration(limits: Limits) -> dict[str, Fact]:
    """What an entry `declared` tells of limits."""
    return {
        "partner_rho_nano": limits.partner,
        "dataset_rho_nano": limits.dataset,
        "day_rho_nano": limits.day,
        "refresh": limits.refresh,
    }


@dataclass(slots=True)
class Terms:
    """What holds for one dataset. Entries are taken in the order of the chain."""

    declared: Limits | None = None
    _limits: dict[str, NanoRho] = field(default_factory=dict)
    _granted: Counter[tuple[str, str]] = field(default_factory=Counter)

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> "Terms":
        """Take entries of one dataset."""
        terms = cls()
        for entry in entries:
            terms.take(entry.kind, entry.facts)
        return terms

    def take(self, kind: str, facts: dict[str, Any]) -> None:
        """Take what one entry tells; only declared, limit and grant change anything."""
        if kind == "declared":
            partner, dataset, day = (
                NanoRho(facts[name]) for name in ("partner_rho_nano", "dataset_rho_nano", "day_rho_nano")
            )
            self.declared = Limits(partner, dataset, day, facts["refresh"])
        elif kind == "limit" and facts["rho_nano"] is None:
            self._limits.pop(facts["holder"], None)
        elif kind == "limit":
            self._limits[facts["holder"]] = NanoRho(facts["rho_nano"])
        elif kind == "grant":
            self._granted[facts["holder"], facts["period"]] += facts["rho_nano"]

    def limit(self, holder: str, period: str) -> NanoRho:
        """Say what a holder may spend in a period.

        Args:
            holder: `partner_holder(name)`, `ALL`, or `DAY` for the rows of each day.
            period: See `periods.period_of`.
        """
        if self.declared is None:
            return NanoRho(0)
        base = {ALL: self.declared.dataset, DAY: self.declared.day}.get(holder, self.declared.partner)
        return NanoRho(self._limits.get(holder, base) + self._granted[holder, period])
