"""Checks a question against the catalogue and the limits of the service. No sentence holds a value of it."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import get_args

from privacy.dp.accounting import OF_KNOWN_WIDTH
from privacy.dp.types import (
    MAX_PRICE,
    MAX_VARIANCE_REACH,
    MIN_PRICE,
    OF_A_COLUMN,
    ContributionBounds,
    Measure,
    MeasureKind,
)
from services.private_query.catalogue import CALENDAR, BoolColumn, Dataset, IntColumn, StringColumn
from services.private_query.question import (
    AskedMeasure,
    Between,
    Equals,
    Filter,
    OneOf,
    Question,
    QuestionInvalid,
    TargetError,
    Violation,
)

MAX_MEASURES, MAX_KEYS, MAX_FILTERS, MAX_VALUES, MAX_DAYS, MAX_GROUPS = 4, 3, 8, 64, 400, 100_000
MAX_COORDINATES = 1_000_000
MAX_QUANTILES, MAX_VALUE_LENGTH, MAX_TOP = 9, 256, 1000
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2100, 1, 1)
_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(slots=True)
class Check:
    """Collects what is wrong with a question."""

    dataset: Dataset
    violations: list[Violation] = field(default_factory=list)

    def done(self) -> None:
        """Raise if anything was wrong.

        Raises:
            QuestionInvalid: with all rules that the question breaks.
        """
        if self.violations:
            raise QuestionInvalid(tuple(self.violations))

    def breaks(self, where: str, rule: str, sentence: str) -> None:
        """Note that a field breaks a rule."""
        self.violations.append((f"question.{where}", rule, sentence))

    def measures(self, asked: tuple[AskedMeasure, ...]) -> tuple[tuple[Measure, ...], dict[str, Filter]]:
        """Give the measures, and the condition of each ratio by its name."""
        if not 1 <= len(asked) <= MAX_MEASURES:
            self.breaks("measures", "COUNT", f"Ask for 1 to {MAX_MEASURES} measures.")
            return (), {}
        if len(set(asked)) < len(asked):
            self.breaks("measures", "REPEATED", "Name each measure once.")
        found, conditions, names = [], dict[str, Filter](), Counter[str]()
        for n, one in enumerate(asked):
            measure = self._measure(f"measures[{n}]", one)
            if measure is not None and one.share_of is not None:
                names[measure.column] += 1
                name = f"ratio_{measure.column}" + (f"_{names[measure.column]}" if names[measure.column] > 1 else "")
                measure = Measure("ratio", measure.column, mark=name)
                conditions[name] = canonical(one.share_of)
            found.append(measure)
        return tuple(measure for measure in found if measure is not None), conditions

    def _measure(self, where: str, asked: AskedMeasure) -> Measure | None:
        kind = next((k for k in get_args(MeasureKind) if k == asked.kind), None)
        if kind is None:
            kinds = ", ".join(get_args(MeasureKind))
            self.breaks(f"{where}.kind", "UNKNOWN", f"Use one of {kinds}.")
        elif (kind == "ratio") != (asked.share_of is not None):
            self.breaks(f"{where}.share_of", "RATIO", "A ratio, and nothing else, needs the rows that it counts.")
        elif (kind == "quantiles") != bool(asked.per_mille):
            self.breaks(f"{where}.per_mille", "QUANTILES", "Quantiles, and nothing else, need their levels.")
        elif kind in OF_A_COLUMN:
            return self._of_a_column(where, kind, asked)
        elif asked.column:
            self.breaks(f"{where}.column", "FORBIDDEN", "Count, persons and ratio take no column.")
        elif asked.share_of is None:
            return Measure(kind)
        else:
            self._filter(f"{where}.share_of", asked.share_of)
            return Measure(kind, asked.share_of.column)
        return None

    def _of_a_column(self, where: str, kind: MeasureKind, asked: AskedMeasure) -> Measure | None:
        column = self.dataset.columns.get(asked.column)
        if not isinstance(column, IntColumn):
            self.breaks(f"{where}.column", "NOT_AN_INT_COLUMN", "This measure needs a declared int column.")
            return None
        if kind == "variance" and column.bounds.reach > MAX_VARIANCE_REACH:
            self.breaks(f"{where}.column", "TOO_WIDE", f"A variance needs bounds within ±{MAX_VARIANCE_REACH}.")
        levels = asked.per_mille
        if len(levels) > MAX_QUANTILES or list(levels) != sorted(set(levels)):
            self.breaks(f"{where}.per_mille", "COUNT", f"Give at most {MAX_QUANTILES} levels, ascending.")
        if levels and not 1 <= min(levels) <= max(levels) <= 999:
            self.breaks(f"{where}.per_mille", "RANGE", "Give levels of 1 to 999 per mille.")
        bins = column.all_bins if kind in {"histogram", "quantiles"} else ()
        return Measure(kind, column.name, column.bounds, bins, levels)

    def group_by(self, names: tuple[str, ...]) -> bool:
        """Check the keys, and say whether one is unknown."""
        if len(names) > MAX_KEYS:
            self.breaks("group_by", "COUNT", f"Group by at most {MAX_KEYS} keys.")
        if len(set(names)) < len(names):
            self.breaks("group_by", "REPEATED", "Name each key once.")
        columns = [self.dataset.columns.get(name) for name in names[:MAX_KEYS]]
        for n, (name, column) in enumerate(zip(names, columns, strict=False)):
            if name not in CALENDAR and not isinstance(column, StringColumn | BoolColumn):
                self.breaks(f"group_by[{n}]", "NOT_A_KEY", "Group by string, bool or calendar columns.")
        return any(isinstance(column, StringColumn) and column.unknown for column in columns)

    def groups(self, size: int, measures: Sequence[Measure]) -> None:
        """Check how large an answer with public groups may become."""
        if size > MAX_GROUPS:
            self.breaks("group_by", "TOO_MANY_GROUPS", f"At most {MAX_GROUPS} groups: use fewer keys or days.")
        elif size * sum(len(m.bins) or 1 for m in measures) > MAX_COORDINATES:
            told = f"At most {MAX_COORDINATES} numbers: use fewer keys, days or bins."
            self.breaks("group_by", "TOO_MANY_NUMBERS", told)

    def top(self, top: int, *, unknown_keys: bool) -> None:
        """Check how many groups are wanted."""
        if top and not unknown_keys:
            self.breaks("top", "NEEDS_UNKNOWN_KEY", "Only groups of an unknown column are cut to the largest.")
        elif top > MAX_TOP:
            self.breaks("top", "RANGE", f"Ask for at most {MAX_TOP} groups.")

    def bounds(self, question: Question) -> ContributionBounds:
        """Give the most one person can bring in: the dataset's bounds, or lower ones of the question."""
        own = self.dataset.bounds
        groups, rows = question.max_groups_per_person or own.groups, question.max_rows_per_group or own.rows
        if groups > own.groups:
            self.breaks("max_groups_per_person", "RANGE", "A question may lower the dataset's bound, not raise it.")
        if rows > own.rows:
            self.breaks("max_rows_per_group", "RANGE", "A question may lower the dataset's bound, not raise it.")
        return ContributionBounds(groups, rows)

    def filters(self, asked: tuple[Filter, ...]) -> None:
        """Check the filters."""
        if len(asked) > MAX_FILTERS:
            self.breaks("filters", "COUNT", f"Use at most {MAX_FILTERS} filters.")
        if len({f.column for f in asked}) < len(asked):
            self.breaks("filters", "REPEATED", "Filter each column at most once.")
        for n, one in enumerate(asked[:MAX_FILTERS]):
            self._filter(f"filters[{n}]", one)

    def _filter(self, where: str, asked: Filter) -> None:
        column = self.dataset.columns.get(asked.column)
        match column, asked.condition:
            case None, _:
                self.breaks(f"{where}.column", "UNKNOWN", "Filter declared columns; days go into the window.")
            case StringColumn(), OneOf(values):
                self._values(f"{where}.one_of", column, values)
            case BoolColumn(), Equals():
                pass
            case IntColumn(), Between(low, high):
                if low is None and high is None:
                    self.breaks(f"{where}.range", "EMPTY", "Give min, max or both.")
                elif low is not None and high is not None and low > high:
                    self.breaks(f"{where}.range", "REVERSED", "min must not be above max.")
            case _, None:
                self.breaks(f"{where}.condition", "REQUIRED", "Say what fits.")
            case _:
                self.breaks(f"{where}.condition", "WRONG_TYPE", f"The column is of type {column.type}.")

    def _values(self, where: str, column: StringColumn, values: tuple[str, ...]) -> None:
        if not 1 <= len(values) <= MAX_VALUES:
            self.breaks(where, "COUNT", f"Give 1 to {MAX_VALUES} values.")
        elif column.unknown and max(map(len, values)) > MAX_VALUE_LENGTH:
            self.breaks(where, "LENGTH", f"Give values of at most {MAX_VALUE_LENGTH} characters.")
        elif not column.unknown and not set(values) <= set(column.public_values):
            self.breaks(where, "NOT_PUBLIC", "Give public values of the column only.")

    def window(self, from_text: str, until_text: str) -> tuple[date, date]:
        """Give the days of the window, half open."""
        ends = {"from_day": _day(from_text), "until_day": _day(until_text)}
        for name, day in ends.items():
            if day is None:
                self.breaks(f"window.{name}", "NOT_A_DAY", f"Give a day as YYYY-MM-DD, {FIRST_DAY} to {LAST_DAY}.")
        first, end = ends["from_day"] or FIRST_DAY, ends["until_day"] or LAST_DAY
        if None not in ends.values() and not 1 <= (end - first).days <= MAX_DAYS:
            self.breaks("window", "LENGTH", f"until_day must be 1 to {MAX_DAYS} days after from_day.")
        return first, end

    def target_error(self, asked: TargetError, first: Measure) -> bool:
        """Say whether a price can be solved for."""
        if not math.isfinite(asked.half_width) or asked.half_width < 1:
            self.breaks("target_error", "RANGE", "Give a finite target error of at least 1.")
        elif first.kind not in OF_KNOWN_WIDTH:
            kinds = ", ".join(sorted(OF_KNOWN_WIDTH))
            told = f"Only the error of {kinds} does not depend on the data: give rho instead."
            self.breaks("target_error", "NEEDS_RHO", told)
        else:
            return True
        return False

    def price(self, nano: int, *, solved: bool) -> None:
        """Check a price."""
        if solved and nano > MAX_PRICE:
            self.breaks("target_error", "TOO_EXACT", "No price allows that: widen the target error.")
        elif not MIN_PRICE <= nano <= MAX_PRICE:
            self.breaks("rho_nano", "RANGE", f"Give {MIN_PRICE} to {MAX_PRICE} billionths of rho.")


def canonical(asked: Filter) -> Filter:
    """Give a filter the form that the same condition always has."""
    if isinstance(asked.condition, OneOf):
        return Filter(asked.column, OneOf(tuple(sorted(set(asked.condition.values)))))
    return asked


def _day(text: str) -> date | None:
    if not _ISO_DAY.fullmatch(text):
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if FIRST_DAY <= day <= LAST_DAY else None
