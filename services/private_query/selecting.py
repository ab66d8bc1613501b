"""From decoded rows to the contributions that a question is about. Each row is judged by itself."""

from bisect import bisect_left
from collections.abc import Mapping
from datetime import date
from functools import reduce

import numpy as np

from privacy.dp.aggregates import ExactAggregates, aggregate
from privacy.dp.keys import Cells, Keys, PublicKeys, candidates
from privacy.dp.lots import order_key
from privacy.dp.rows import Codes, Ints, PersonRows, Truths
from privacy.dp.truncation import Contributions, truncate
from services.private_query.catalogue import CALENDAR, DAY, TRUTH, Dataset, IntColumn
from services.private_query.planning import Plan, calendar_label
from services.private_query.question import Between, Equals, Filter, OneOf

_FEW = 4


def columns_of(dataset: Dataset) -> tuple[list[str], list[str]]:
    """Name the columns of labels, the day among them, and those of numbers."""
    numbers = [column.name for column in dataset.column if isinstance(column, IntColumn)]
    return [DAY, *(column.name for column in dataset.column if column.name not in numbers)], numbers


def columns_for(plan: Plan) -> tuple[list[str], list[str]]:
    """Name the columns of labels and of numbers that a question needs."""
    labels, numbers = columns_of(plan.dataset)
    wanted = {DAY, *plan.keys.names, *(measure.column for measure in plan.asked.measures)}
    wanted |= {one.column for one in (*plan.filters, *plan.conditions.values())}
    return [name for name in labels if name in wanted], [name for name in numbers if name in wanted]


def exact_of(rows: PersonRows, plan: Plan, secret: bytes) -> ExactAggregates:
    """Select, truncate and aggregate.

    Args:
        rows: Decoded under the secret, with the columns that the question needs, all rows of every person in them.
        plan: The question.
        secret: What orders a person's groups and rows, 32 bytes.
    """
    contributions, keys = contributions_of(rows, plan)
    key = order_key(secret, plan.question)
    bounded = truncate(contributions, keys, plan.asked.bounds, key, with_rows=plan.asked.needs_rows)
    return aggregate(bounded, plan.asked, candidates=plan.groups is None)


def contributions_of(rows: PersonRows, plan: Plan) -> tuple[Contributions, Keys]:
    """Take the rows inside the window that fit the filters, and number their groups."""
    fits = reduce(np.logical_and, (_fits(rows, one) for one in plan.filters), _inside(rows.codes[DAY], plan))
    places = np.flatnonzero(fits)
    cells, keys = _cells(rows, plan, places)
    measured = {measure.column for measure in plan.asked.measures if measure.column in rows.numbers}
    contributions = Contributions(
        rows.people.take(places),
        rows.lots,
        cells,
        {name: rows.numbers[name].take(places) for name in measured},
        {name: _fits(rows, one)[places] for name, one in plan.conditions.items()},
    )
    return contributions, keys


def _inside(days: Codes, plan: Plan) -> Truths:
    first, end = (bisect_left(days.labels, day.isoformat()) for day in (plan.from_day, plan.until_day))
    return (days.numbers >= first) & (days.numbers < end)


def _fits(rows: PersonRows, asked: Filter) -> Truths:
    match asked.condition:
        case OneOf(values):
            return _one_of(rows.codes[asked.column], values)
        case Equals(value):
            return _one_of(rows.codes[asked.column], (TRUTH[value],))
        case Between(low, high):
            column = rows.numbers[asked.column]
            ends = [] if column.known is None else [column.known]
            ends += [] if low is None else [column.values >= low]
            ends += [] if high is None else [column.values <= high]
            return reduce(np.logical_and, ends)
    raise TypeError("A plan holds no filter without a condition.")


def _one_of(column: Codes, values: tuple[str, ...]) -> Truths:
    wanted = [number for number, label in enumerate(column.labels) if label in set(values)]
    if len(wanted) <= _FEW:
        return reduce(np.logical_or, (column.numbers == number for number in wanted or [-2]))
    among = np.zeros(len(column.labels) + 1, np.bool_)
    among[wanted] = True
    return np.take(among, column.numbers)


def _cells(rows: PersonRows, plan: Plan, places: Ints) -> tuple[Cells, Keys]:
    keys = plan.keys
    if isinstance(keys, PublicKeys):
        own = (_key_places(rows, name, values) for name, values in zip(keys.names, keys.values, strict=True))
        return keys.number([lookup.take(numbers.take(places)) for lookup, numbers in own], len(places)), keys
    labels = tuple(
        values if values is not None else rows.codes[name].labels
        for name, values in zip(keys.names, keys.values, strict=True)
    )
    found = (_key_places(rows, name, own) for name, own in zip(keys.names, labels, strict=True))
    candidate_keys, cells = candidates(
        keys.names, labels, [lookup.take(numbers.take(places)) for lookup, numbers in found]
    )
    return cells, candidate_keys


def _key_places(rows: PersonRows, name: str, values: tuple[str, ...]) -> tuple[Ints, Ints]:
    """Give for each number of the key's column the place of its value among `values`, and the numbers."""
    wanted = {value: place for place, value in enumerate(values)}
    if name not in CALENDAR:
        return rows.codes[name].places(wanted), rows.codes[name].numbers
    days = rows.codes[DAY]
    by_day: Mapping[str, int] = {
        day: wanted[label] for day in days.labels if (label := calendar_label(name, date.fromisoformat(day))) in wanted
    }
    return days.places(by_day), days.numbers
