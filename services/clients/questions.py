"""Builds questions for the private query service from plain Python."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Literal

from mangrove.query.v1 import query_pb2
from privacy.errors import MangroveError

Condition = str | bool | int | Sequence[str] | tuple[int | None, int | None]
MeasureName = (
    str | tuple[str, str] | tuple[Literal["ratio"], str, Condition] | tuple[Literal["quantiles"], str, Sequence[float]]
)

_KINDS = {
    "count": query_pb2.MEASURE_KIND_COUNT,
    "persons": query_pb2.MEASURE_KIND_PERSONS,
    "sum": query_pb2.MEASURE_KIND_SUM,
    "mean": query_pb2.MEASURE_KIND_MEAN,
    "variance": query_pb2.MEASURE_KIND_VARIANCE,
    "quantiles": query_pb2.MEASURE_KIND_QUANTILES,
    "histogram": query_pb2.MEASURE_KIND_HISTOGRAM,
    "ratio": query_pb2.MEASURE_KIND_RATIO,
}


class QueryRefused(MangroveError):
    """The service did not answer.

    `reason` is its code, such as BUDGET_EXCEEDED, or TRANSPORT when it was not reached; `sentence` says what
    to do; `violations` name broken fields as (field, rule, sentence).
    """

    def __init__(self, reason: str, sentence: str, violations: tuple[tuple[str, str, str], ...]) -> None:
        super().__init__(sentence)
        self.reason = reason  # type: ignore[misc]
        self.violations = violations


def question(  # noqa: PLR0913 - all that can be asked, by name
    dataset: str,
    measures: Sequence[MeasureName],
    *,
    from_day: str | date,
    until_day: str | date,
    group_by: Sequence[str] = (),
    where: Mapping[str, Condition] | None = None,
    rho: float | None = None,
    target_error: float | None = None,
    max_groups_per_person: int = 0,
    max_rows_per_group: int = 0,
    dropped_share: bool = False,
    top: int = 0,
) -> query_pb2.Question:
    """Build a question.

    Args:
        dataset: The dataset's name.
        measures: 1 to 4 of "count", "persons", (kind, column) with kind sum, mean, variance, histogram or median,
            ("quantiles", column, levels between 0 and 1), and ("ratio", column, what fits), the share of rows that do.
        from_day: The first day, UTC.
        until_day: The first day no longer inside, at most 400 days later.
        group_by: 0 to 3 string, bool or calendar columns; groups of an unknown column are found in the data.
        where: Column → what fits: a text or a list of texts, True or False, a number, or a range as
            (least, greatest) with None for no end.
        rho: What to pay, zCDP. This or target_error.
        target_error: Half the width of the first measure's 95 % interval to pay for.
        max_groups_per_person: A bound (K) below the dataset's; 0 for the dataset's.
        max_rows_per_group: A bound (L) below the dataset's; 0 for the dataset's.
        dropped_share: Whether the share of rows that the bounds drop is wanted, for a tenth of the price.
        top: With an unknown column: how many of the largest groups are wanted; 0 for all that were found.
    """
    built = query_pb2.Question(
        dataset=dataset,
        measures=[_measure(m) for m in measures],
        group_by=group_by,
        filters=[_filter(column, fits) for column, fits in (where or {}).items()],
        window=query_pb2.TimeWindow(from_day=str(from_day), until_day=str(until_day)),
        max_groups_per_person=max_groups_per_person,
        max_rows_per_group=max_rows_per_group,
        dropped_share=dropped_share,
        top=top,
    )
    if rho is not None and target_error is not None:
        raise QueryRefused("QUESTION_INVALID", "Give rho or target_error, not both.", ())
    if rho is not None and not 0 <= rho <= 10:
        raise QueryRefused("QUESTION_INVALID", "Give a rho between 0 and 10.", ())
    if rho is not None:
        built.rho_nano = round(rho * 1e9)
    if target_error is not None:
        built.target_error = target_error
    return built


def _measure(name: MeasureName) -> query_pb2.Measure:
    match name:
        case str():
            return query_pb2.Measure(kind=_kind(name))
        case ("median", str(column)):
            return query_pb2.Measure(kind=_kind("quantiles"), column=column, per_mille=[500])
        case ("quantiles", str(column), levels) if not isinstance(levels, str):
            return query_pb2.Measure(kind=_kind("quantiles"), column=column, per_mille=_per_mille(levels))
        case ("ratio", str(column), fits):
            return query_pb2.Measure(kind=_kind("ratio"), share_of=_filter(column, fits))
        case (str(kind), str(column)):
            return query_pb2.Measure(kind=_kind(kind), column=column)
    raise QueryRefused("QUESTION_INVALID", "Give a measure as the documentation of `question` says.", ())


def _kind(name: str) -> "query_pb2.MeasureKind.ValueType":
    return _KINDS.get(name, query_pb2.MEASURE_KIND_UNSPECIFIED)


def _per_mille(levels: Any) -> list[int]:
    if not all(isinstance(level, float) and 0 < level < 1 for level in levels):
        raise QueryRefused("QUESTION_INVALID", "Give the levels of quantiles as numbers between 0 and 1.", ())
    return sorted({round(1000 * level) for level in levels})


def _filter(column: str, fits: Condition) -> query_pb2.Filter:
    match fits:
        case bool():
            return query_pb2.Filter(column=column, equals=fits)
        case str():
            return query_pb2.Filter(column=column, one_of=query_pb2.ValueSet(values=[fits]))
        case int():
            return query_pb2.Filter(column=column, range=query_pb2.IntRange(min=fits, max=fits))
        case (int() | None as low, int() | None as high):
            return query_pb2.Filter(column=column, range=query_pb2.IntRange(min=low, max=high))
    return query_pb2.Filter(column=column, one_of=query_pb2.ValueSet(values=[str(value) for value in fits]))
