"""What operators see of budgets, and change: each change is audited first, then an entry of the ledger."""

import os
import pwd
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from privacy.dp.types import NanoRho
from privacy.errors import MangroveError
from privacy.ledger.book import Book, Who
from privacy.ledger.chain import Entry
from privacy.ledger.port import Standing
from privacy.ledger.terms import ALL, DAY, partner_holder
from services.audit import AuditLog
from services.private_query.catalogue import Catalogue, Dataset

_MAX_RHO = 1000


class ChangeInvalid(MangroveError):
    """A change of a budget that cannot be made."""

    reason = "BUDGET_CHANGE_INVALID"


@dataclass(frozen=True, slots=True)
class Account:
    """How a holder stands with a dataset; `life` is what was spent since the ledger began, None for days."""

    dataset: str
    who: str
    standing: Standing
    life: NanoRho | None


class Budgets:
    """The budgets of an installation.

    Args:
        book: Its ledger.
        catalogue: What it declares.
        audit: Where each change is written before it is made.
    """

    def __init__(self, book: Book, catalogue: Catalogue, audit: AuditLog) -> None:
        self._book = book
        self._catalogue = catalogue
        self._audit = audit

    def accounts(self) -> Iterator[Account]:
        """Give every budget there is: of each partner, of all together, and of the day on which most was spent."""
        for dataset in self._catalogue.dataset:
            holders = {name: partner_holder(name) for name in dataset.partners}
            for who, holder in {**holders, "all together": ALL}.items():
                standing = self._book.standing(dataset.name, holder, dataset.limits)
                yield Account(dataset.name, who, standing, self._book.spent(dataset.name, holder))
            yield Account(dataset.name, "each day", self._book.standing(dataset.name, DAY, dataset.limits), None)

    def grant(self, dataset: str, partner: str, rho: str, why: str) -> Entry:
        """Let a partner, or all together if it is empty, spend more in the period that runs now.

        Raises:
            ChangeInvalid: if there is no such dataset or partner, or the amount or reason is of no use.
        """
        found = self._dataset(dataset, partner)
        holder, amount, who = partner_holder(partner) if partner else ALL, nano_rho(rho), _who(why)
        self._audit.note("budget.grant", dataset=dataset, holder=holder, rho_nano=amount, why=why)
        return self._book.grant(dataset, holder, amount, found.limits, who)

    def limit(self, dataset: str, holder: str, rho: str | None, why: str) -> Entry:
        """Put a limit in the place of the catalogue's; None goes back to the catalogue's.

        Args:
            dataset: Its name.
            holder: `partner_holder(name)`, `ALL` or `DAY`.
            rho: What may be spent, such as 0.5.
            why: The reason, 3 to 300 characters.

        Raises:
            ChangeInvalid: if there is no such dataset or partner, or the amount or reason is of no use.
        """
        self._dataset(dataset, holder.partition(":")[2])
        amount, who = None if rho is None else nano_rho(rho), _who(why)
        self._audit.note("budget.limit", dataset=dataset, holder=holder, rho_nano=amount, why=why)
        return self._book.limit(dataset, holder, amount, who)

    def _dataset(self, name: str, partner: str) -> Dataset:
        found = next((one for one in self._catalogue.dataset if one.name == name), None)
        if found is None:
            names = ", ".join(one.name for one in self._catalogue.dataset)
            raise ChangeInvalid(f"The catalogue has no such dataset. It has: {names}.")
        if partner and partner not in found.partners:
            raise ChangeInvalid(f"No such partner may ask about '{name}'. See `partners` in the catalogue.")
        return found


def nano_rho(text: str) -> NanoRho:
    """Read an amount of rho, 0 to 1000, in steps of a billionth.

    Raises:
        ChangeInvalid: if it is none.
    """
    try:
        nano = Decimal(text) * 10**9
    except InvalidOperation:
        nano = Decimal(-1)
    if not nano.is_finite() or not 0 <= nano <= _MAX_RHO * 10**9 or nano != int(nano):
        raise ChangeInvalid(f"Give rho as a number from 0 to {_MAX_RHO} with at most nine decimals, such as 0.05.")
    return NanoRho(int(nano))


def _who(why: str) -> Who:
    if not 3 <= len(why) <= 300 or not why.isprintable():
        raise ChangeInvalid("Say why with --why, in 3 to 300 characters: it stays in the ledger for good.")
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = f"uid {os.getuid()}"
    return Who(name, why)
