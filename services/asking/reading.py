"""Reads measures, filters and prices as they are written on a command line; a dataset's columns say what fits."""

import math

from privacy.errors import MangroveError
from services.clients.answers import Column, Description
from services.clients.questions import Condition, MeasureName

_INT64 = range(-(2**63), 2**63)


class AskInvalid(MangroveError):
    """A command line that is no question. The sentence never repeats what was written."""

    reason = "ASK_INVALID"


def measure_of(text: str, described: Description) -> MeasureName:
    """Read a measure.

    Args:
        text: KIND, KIND:COLUMN, quantiles:COLUMN:0.5,0.9 or ratio:CONDITION.
        described: The dataset, for a ratio's condition.

    Raises:
        AskInvalid: if it is none of them. Whether the dataset has such a measure is for the service to say.
    """
    kind, _, rest = text.partition(":")
    if kind == "ratio":
        return ("ratio", *condition_of(rest, described))
    if kind == "quantiles":
        column, _, levels = rest.partition(":")
        return ("quantiles", column, [number_of(level, "a quantile's level") for level in levels.split(",")])
    return (kind, rest) if rest else kind


def condition_of(text: str, described: Description) -> tuple[str, Condition]:
    """Read a condition, and give its column and what fits.

    Args:
        text: COLUMN=VALUE, COLUMN=VALUE,VALUE, COLUMN=true, COLUMN=5, COLUMN=1..10, COLUMN=1.. or COLUMN=..10.
        described: The dataset: the type of the column says how the text is read.

    Raises:
        AskInvalid: if it is none, or the dataset has no such column to filter by.
    """
    name, equals, fits = text.partition("=")
    column = next((one for one in described.columns if one.name == name), None)
    if not equals or column is None:
        raise AskInvalid(
            "A condition is COLUMN=VALUE with a column of the dataset. `mangrove ask --describe DATASET` lists them."
        )
    return name, _fitting(column, fits)


def _fitting(column: Column, fits: str) -> Condition:
    if column.type == "calendar":
        raise AskInvalid("Days and weeks are no conditions: give the time window with --from and --until.")
    if column.type == "int":
        return _range_of(fits)
    if column.type == "bool":
        if fits not in {"true", "false"}:
            raise AskInvalid("A condition on a column of type bool is COLUMN=true or COLUMN=false.")
        return fits == "true"
    return [fits] if fits in column.public_values else fits.split(",")


def _range_of(text: str) -> tuple[int | None, int | None]:
    low, dots, high = text.partition("..")
    try:
        ends = (int(low) if low else None, int(high) if high else None)
    except ValueError:
        ends = (None, None)
    if not dots:
        ends = (ends[0], ends[0])
    if ends == (None, None) or any(end is not None and end not in _INT64 for end in ends):
        raise AskInvalid("A condition on a column of type int is COLUMN=5, COLUMN=1..10, COLUMN=1.. or COLUMN=..10.")
    return ends


def number_of(text: str, what: str) -> float:
    """Read a number; ± before it is left out.

    Raises:
        AskInvalid: if it is none above 0.
    """
    try:
        number = float(text.strip().lstrip("±"))
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise AskInvalid(f"Give {what} as a number above 0.")
    return number
