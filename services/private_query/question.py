"""A question as it was asked, not yet checked, and the errors of one that cannot be answered."""

from dataclasses import dataclass

from privacy.errors import MangroveError

Violation = tuple[str, str, str]
"""Field, rule and a sentence; never a value of the question."""


class QuestionInvalid(MangroveError):
    """A question breaks the rules of the catalogue or the limits of the service."""

    reason = "QUESTION_INVALID"

    def __init__(self, violations: tuple[Violation, ...]) -> None:
        super().__init__(f"The question breaks {len(violations)} rule(s), see the violations; DescribeDataset helps.")
        self.violations = violations


class PriceMissing(MangroveError):
    """A question without a price."""

    reason = "PRICE_MISSING"

    def __init__(self) -> None:
        super().__init__("The question has no price: give rho, or the target error of its first measure.")
        self.violations = (("question.price", "REQUIRED", "Give rho_nano or target_error."),)


@dataclass(frozen=True, slots=True)
class OneOf:
    """The column holds one of these."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Equals:
    """The column holds this truth value."""

    value: bool


@dataclass(frozen=True, slots=True)
class Between:
    """The column lies in this range, both ends included; None is no end."""

    low: int | None
    high: int | None


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on a column; None when there is none."""

    column: str
    condition: OneOf | Equals | Between | None


@dataclass(frozen=True, slots=True)
class AskedMeasure:
    """A measure by name; `kind` is empty when it is none we know.

    `per_mille` are the levels of quantiles, `share_of` the rows that a ratio counts.
    """

    kind: str
    column: str = ""
    per_mille: tuple[int, ...] = ()
    share_of: Filter | None = None


@dataclass(frozen=True, slots=True)
class RhoPrice:
    """A price in billionths of rho."""

    nano: int


@dataclass(frozen=True, slots=True)
class TargetError:
    """A price by what it buys: half the width of the first measure's 95 % interval."""

    half_width: float


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked. Days are ISO 8601 texts, half open.

    `max_groups_per_person` and `max_rows_per_group` are 0 for the dataset's own; `top` is 0 for all groups.
    """

    dataset: str
    measures: tuple[AskedMeasure, ...]
    group_by: tuple[str, ...]
    filters: tuple[Filter, ...]
    from_day: str
    until_day: str
    price: RhoPrice | TargetError | None
    max_groups_per_person: int = 0
    max_rows_per_group: int = 0
    dropped_share: bool = False
    top: int = 0
