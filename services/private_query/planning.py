"""From a question to a plan: rules are checked and the price is fixed before any data is touched."""

import hashlib
import json
import math
import re
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import get_args

from privacy.dp.accounting import price_for_target_error
from privacy.dp.keys import PublicKeys
from privacy.dp.types import MAX_PRICE, MIN_PRICE, ContributionBounds, Measure, MeasureKind, NanoRho
from privacy.ledger.port import Charge
from services.private_query.catalogue import CALENDAR, DAY, BoolColumn, Dataset, IntColumn, StringColumn
from services.private_query.question import (
    AskedMeasure,
    Between,
    Equals,
    Filter,
    OneOf,
    PriceMissing,
    Question,
    QuestionInvalid,
    TargetError,
    Violation,
)

MAX_MEASURES, MAX_KEYS, MAX_FILTERS, MAX_VALUES, MAX_DAYS, MAX_GROUPS = 4, 3, 8, 64, 400, 100_000
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2100, 1, 1)
_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Plan:
    """A question that can be answered: checked against the catalogue, with its groups and its price.

    `bounds` are narrowed to the groups there are; `question` is the canonical hash, price included.
    """

    dataset: Dataset
    measures: tuple[Measure, ...]
    keys: PublicKeys
    filters: tuple[Filter, ...]
    from_day: date
    until_day: date
    bounds: ContributionBounds
    price: NanoRho
    question: bytes

    def charge(self, partner: str, table_version: int) -> Charge:
        """Say what the partner is to pay for it."""
        window = (self.from_day, self.until_day)
        return Charge(partner, self.dataset.name, table_version, self.question, self.price, *window)


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
    check = _Check(dataset)
    measures = check.measures(question.measures)
    check.group_by(question.group_by)
    check.filters(question.filters)
    from_day, until_day = check.window(question.from_day, question.until_day)
    check.done()
    keys = check.keys(question.group_by, from_day, until_day)
    bounds = dataset.bounds.among(keys.size)
    price = check.price(question, measures, bounds)
    check.done()
    if price is None:
        raise PriceMissing
    filters = tuple(sorted((_canonical(f) for f in question.filters), key=lambda f: f.column))
    window = (from_day, until_day)
    digest = _digest(dataset, measures, keys, filters, window, price)
    return Plan(dataset, measures, keys, filters, *window, bounds, price, digest)


def _canonical(asked: Filter) -> Filter:
    if isinstance(asked.condition, OneOf):
        return Filter(asked.column, OneOf(tuple(sorted(set(asked.condition.values)))))
    return asked


def _digest(
    dataset: Dataset,
    measures: tuple[Measure, ...],
    keys: PublicKeys,
    filters: tuple[Filter, ...],
    window: tuple[date, date],
    price: NanoRho,
) -> bytes:
    canonical = {
        "dataset": dataset.digest,
        "measures": [m.name for m in measures],
        "group_by": keys.names,
        "filters": [[f.column, asdict(f.condition)] for f in filters if f.condition],
        "window": [day.isoformat() for day in window],
        "rho_nano": price,
    }
    return hashlib.sha256(json.dumps(canonical, sort_keys=True).encode()).digest()


@dataclass(slots=True)
class _Check:
    """Collects what is wrong with a question. No sentence holds a value of it."""

    dataset: Dataset
    violations: list[Violation] = field(default_factory=list)

    def done(self) -> None:
        if self.violations:
            raise QuestionInvalid(tuple(self.violations))

    def _breaks(self, where: str, rule: str, sentence: str) -> None:
        self.violations.append((f"question.{where}", rule, sentence))

    def measures(self, asked: tuple[AskedMeasure, ...]) -> tuple[Measure, ...]:
        if not 1 <= len(asked) <= MAX_MEASURES:
            self._breaks("measures", "COUNT", f"Ask for 1 to {MAX_MEASURES} measures.")
            return ()
        if len(set(asked)) < len(asked):
            self._breaks("measures", "REPEATED", "Name each measure once.")
        found = [self._measure(f"measures[{n}]", measure) for n, measure in enumerate(asked)]
        return tuple(measure for measure in found if measure is not None)

    def _measure(self, where: str, asked: AskedMeasure) -> Measure | None:
        kind = next((k for k in get_args(MeasureKind) if k == asked.kind), None)
        if kind is None:
            self._breaks(f"{where}.kind", "UNKNOWN", "Use count, persons, sum or mean.")
        elif kind in {"count", "persons"}:
            if not asked.column:
                return Measure(kind)
            self._breaks(f"{where}.column", "FORBIDDEN", "Count and persons take no column.")
        else:
            column = self.dataset.columns.get(asked.column)
            if isinstance(column, IntColumn):
                return Measure(kind, column.name, column.bounds)
            self._breaks(f"{where}.column", "NOT_AN_INT_COLUMN", "Sum and mean need a declared int column.")
        return None

    def group_by(self, names: tuple[str, ...]) -> None:
        if len(names) > MAX_KEYS:
            self._breaks("group_by", "COUNT", f"Group by at most {MAX_KEYS} keys.")
        if len(set(names)) < len(names):
            self._breaks("group_by", "REPEATED", "Name each key once.")
        for n, name in enumerate(names[:MAX_KEYS]):
            if name not in CALENDAR and not isinstance(self.dataset.columns.get(name), StringColumn | BoolColumn):
                self._breaks(f"group_by[{n}]", "NOT_A_KEY", "Group by string, bool or calendar columns.")

    def filters(self, asked: tuple[Filter, ...]) -> None:
        if len(asked) > MAX_FILTERS:
            self._breaks("filters", "COUNT", f"Use at most {MAX_FILTERS} filters.")
        if len({f.column for f in asked}) < len(asked):
            self._breaks("filters", "REPEATED", "Filter each column at most once.")
        for n, one in enumerate(asked[:MAX_FILTERS]):
            self._filter(f"filters[{n}]", one)

    def _filter(self, where: str, asked: Filter) -> None:
        column = self.dataset.columns.get(asked.column)
        match column, asked.condition:
            case None, _:
                self._breaks(f"{where}.column", "UNKNOWN", "Filter declared columns; days go into the window.")
            case StringColumn(), OneOf(values):
                if not 1 <= len(values) <= MAX_VALUES:
                    self._breaks(f"{where}.one_of", "COUNT", f"Give 1 to {MAX_VALUES} values.")
                elif not set(values) <= set(column.public_values):
                    self._breaks(f"{where}.one_of", "NOT_PUBLIC", "Give public values of the column only.")
            case BoolColumn(), Equals():
                pass
            case IntColumn(), Between(low, high):
                if low is None and high is None:
                    self._breaks(f"{where}.range", "EMPTY", "Give min, max or both.")
                elif low is not None and high is not None and low > high:
                    self._breaks(f"{where}.range", "REVERSED", "min must not be above max.")
            case _, None:
                self._breaks(f"{where}.condition", "REQUIRED", "Say what fits.")
            case _:
                self._breaks(f"{where}.condition", "WRONG_TYPE", f"The column is of type {column.type}.")

    def window(self, from_text: str, until_text: str) -> tuple[date, date]:
        ends = {"from_day": _day(from_text), "until_day": _day(until_text)}
        for name, day in ends.items():
            if day is None:
                self._breaks(f"window.{name}", "NOT_A_DAY", f"Give a day as YYYY-MM-DD, {FIRST_DAY} to {LAST_DAY}.")
        first, end = ends["from_day"] or FIRST_DAY, ends["until_day"] or LAST_DAY
        if None not in ends.values() and not 1 <= (end - first).days <= MAX_DAYS:
            self._breaks("window", "LENGTH", f"until_day must be 1 to {MAX_DAYS} days after from_day.")
        return first, end

    def keys(self, names: tuple[str, ...], from_day: date, until_day: date) -> PublicKeys:
        days = days_of(from_day, until_day)
        calendar = {DAY: [d.isoformat() for d in days]}
        columns = self.dataset.columns
        values: list[tuple[str, ...]] = []
        for name in names:
            column = columns.get(name)
            if isinstance(column, StringColumn | BoolColumn):
                values.append(column.public_values)
            else:
                values.append(tuple(calendar.get(name) or dict.fromkeys(week_of(d) for d in days)))
        keys = PublicKeys(names, tuple(values))
        if keys.size > MAX_GROUPS:
            self._breaks("group_by", "TOO_MANY_GROUPS", f"At most {MAX_GROUPS} groups: use fewer keys or days.")
        return keys

    def price(self, question: Question, measures: tuple[Measure, ...], bounds: ContributionBounds) -> NanoRho | None:
        asked = question.price
        if asked is None:
            return None
        if not isinstance(asked, TargetError):
            if not MIN_PRICE <= asked.nano <= MAX_PRICE:
                self._breaks("rho_nano", "RANGE", f"Give {MIN_PRICE} to {MAX_PRICE} billionths of rho.")
            return NanoRho(asked.nano)
        if not math.isfinite(asked.half_width) or asked.half_width < 1:
            self._breaks("target_error", "RANGE", "Give a finite target error of at least 1.")
            return None
        if measures[0].kind == "mean":
            self._breaks("target_error", "NEEDS_RHO", "A mean's error depends on the data: give rho instead.")
            return None
        price = price_for_target_error(measures, bounds, asked.half_width)
        if price > MAX_PRICE:
            self._breaks("target_error", "TOO_EXACT", "No price allows that: widen the target error.")
        return price


def _day(text: str) -> date | None:
    if not _ISO_DAY.fullmatch(text):
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if FIRST_DAY <= day <= LAST_DAY else None
