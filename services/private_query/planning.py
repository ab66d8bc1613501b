"""From a question to a plan: rules are checked and the price is fixed before any data is touched."""

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

from privacy.dp.accounting import Shares, price_for_target_error, split
from privacy.dp.aggregates import Asked
from privacy.dp.keys import PublicKeys
from privacy.dp.types import NanoRho
from privacy.ledger.port import Charge
from services.private_query.catalogue import CALENDAR, DAY, BoolColumn, Dataset, StringColumn
from services.private_query.checking import Check, canonical
from services.private_query.question import Filter, PriceMissing, Question, TargetError


@dataclass(frozen=True, slots=True)
class UnknownKeys:
    """Keys of which one or more are unknown: `values[i]` are the public ones of the key `names[i]`, or None."""

    names: tuple[str, ...]
    values: tuple[tuple[str, ...] | None, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A question that can be answered: checked against the catalogue, with its groups and its price.

    Attributes:
        dataset: What is asked about.
        asked: The measures, with the bounds of the question, narrowed to the groups there are.
        conditions: The rows that each ratio counts, by its name.
        keys: The groups, or what is known of them.
        filters: What rows must fit.
        from_day: The first day inside.
        until_day: The first day no longer inside.
        top: How many groups are wanted, 0 for all.
        price: What it costs.
        question: The canonical hash, price included, 32 bytes.
    """

    dataset: Dataset
    asked: Asked
    conditions: Mapping[str, Filter]
    keys: PublicKeys | UnknownKeys
    filters: tuple[Filter, ...]
    from_day: date
    until_day: date
    top: int
    price: NanoRho
    question: bytes

    @property
    def groups(self) -> int | None:
        """How many groups the answer has, None when they are unknown."""
        return self.keys.size if isinstance(self.keys, PublicKeys) else None

    @property
    def shares(self) -> Shares:
        """How its price is split."""
        unknown = self.groups is None
        asked = self.asked
        return split(asked.measures, asked.bounds, self.price, unknown_keys=unknown, most_rows=asked.most_rows)

    @property
    def threshold_delta(self) -> float:
        """How probable it may be that the answer shows a group that one person alone holds.

        Half of the dataset's delta, in the proportion in which the price uses up the dataset's budget: over all
        questions that a budget pays for it adds up to half of delta.
        """
        if self.groups is not None:
            return 0.0
        return self.dataset.delta / 2 * self.price / max(self.price, self.dataset.limits.dataset)

    def charge(self, partner: str, table_version: int, identity_version: int) -> Charge:
        """Say what the partner is to pay for it."""
        window = (self.from_day, self.until_day)
        versions = (partner, self.dataset.name, table_version)
        return Charge(*versions, self.question, self.price, *window, identity_version)


@functools.lru_cache(maxsize=4096)
def week_of(day: date) -> str:
    """Name the ISO week of a day, such as 2026-W05."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"


def days_of(from_day: date, until_day: date) -> list[date]:
    """List the days of a half-open window."""
    return [from_day + timedelta(days=n) for n in range((until_day - from_day).days)]


def plan(question: Question, dataset: Dataset) -> Plan:
    """Check a question and fix what it costs.

    Raises:
        QuestionInvalid: with all rules that it breaks.
        PriceMissing: if nothing but the price is missing.
    """
    check = Check(dataset)
    measures, conditions = check.measures(question.measures)
    unknown = check.group_by(question.group_by)
    check.filters(question.filters)
    window = check.window(question.from_day, question.until_day)
    bounds = check.bounds(question)
    check.top(question.top, unknown_keys=unknown)
    check.done()
    values = [_values(dataset, name, *window) for name in question.group_by]
    keys = UnknownKeys(question.group_by, tuple(values)) if unknown else _public(question.group_by, values)
    if isinstance(keys, PublicKeys):
        check.groups(keys.size, measures)
        bounds = bounds.among(keys.size)
    asked = Asked(measures, bounds, dataset.max_rows_per_person if question.dropped_share else 0)
    price = _price(check, question, asked, unknown=unknown)
    check.done()
    if price is None:
        raise PriceMissing
    filters = tuple(sorted((canonical(f) for f in question.filters), key=lambda f: f.column))
    digest = _digest(dataset, asked, conditions, question, filters, price)
    return Plan(dataset, asked, conditions, keys, filters, *window, question.top, price, digest)


def _values(dataset: Dataset, name: str, from_day: date, until_day: date) -> tuple[str, ...] | None:
    column = dataset.columns.get(name)
    if isinstance(column, StringColumn | BoolColumn):
        return column.public_values or None
    days = days_of(from_day, until_day)
    return tuple(dict.fromkeys(calendar_label(name, day) for day in days))


def calendar_label(name: str, day: date) -> str:
    """Say which value of a calendar column a day has."""
    if name not in CALENDAR:
        raise TypeError("Not a calendar column.")
    return day.isoformat() if name == DAY else week_of(day)


def _public(names: tuple[str, ...], values: list[tuple[str, ...] | None]) -> PublicKeys:
    return PublicKeys(names, tuple(own for own in values if own is not None))


def _price(check: Check, question: Question, asked: Asked, *, unknown: bool) -> NanoRho | None:
    wanted = question.price
    if wanted is None:
        return None
    if not isinstance(wanted, TargetError):
        check.price(wanted.nano, solved=False)
        return NanoRho(wanted.nano)
    if not check.target_error(wanted, asked.measures[0]):
        return None
    most = asked.most_rows
    price = price_for_target_error(
        asked.measures, asked.bounds, wanted.half_width, unknown_keys=unknown, most_rows=most
    )
    check.price(price, solved=True)
    return price


def _digest(
    dataset: Dataset,
    asked: Asked,
    conditions: Mapping[str, Filter],
    question: Question,
    filters: tuple[Filter, ...],
    price: NanoRho,
) -> bytes:
    canonical_form = {
        "dataset": dataset.digest,
        "measures": [[m.name, m.per_mille] for m in asked.measures],
        "conditions": {name: _told(one) for name, one in conditions.items()},
        "group_by": question.group_by,
        "filters": [_told(one) for one in filters],
        "window": [question.from_day, question.until_day],
        "bounds": asdict(asked.bounds),
        "most_rows": asked.most_rows,
        "top": question.top,
        "rho_nano": price,
    }
    return hashlib.sha256(json.dumps(canonical_form, sort_keys=True).encode()).digest()


def _told(asked: Filter) -> list[Any]:
    return [asked.column, asdict(asked.condition)] if asked.condition else []
