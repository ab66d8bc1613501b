"""Builds questions for the private query service from plain Python."""

from collections.abc import Mapping, Sequence
from datetime import date

from mangrove.query.v1 import query_pb2
from privacy.errors import MangroveError

MeasureName = str | tuple[str, str]
Condition = str | bool | int | Sequence[str] | tuple[int | None, int | None]

_KINDS = {
    "count": query_pb2.MEASURE_KIND_COUNT,
    "persons": query_pb2.MEASURE_KIND_PERSONS,
    "sum": query_pb2.MEASURE_KIND_SUM,
    "mean": query_pb2.MEASURE_KIND_MEAN,
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


def question(
    dataset: str,
    measures: Sequence[MeasureName],
    *,
    from_day: str | date,
    until_day: str | date,
    group_by: Sequence[str] = (),
    where: Mapping[str, Condition] | None = None,
    rho: float | None = None,
    target_error: float | None = None,
) -> query_pb2.Question:
    """Build a question.

    Args:
        dataset: The dataset's name.
        measures: 1 to 4 of "count", "persons", ("sum", column), ("mean", column).
        from_day: The first day, UTC.
        until_day: The first day no longer inside, at most 400 days later.
        group_by: 0 to 3 string, bool or calendar columns.
        where: Column → what fits: a text or a list of texts, True or False, a number, or a range as
            (least, greatest) with None for no end.
        rho: What to pay, zCDP. This or target_error.
        target_error: Half the width of the first measure's 95 % interval to pay for.
    """
    built = query_pb2.Question(
        dataset=dataset,
        measures=[_measure(m) for m in measures],
        group_by=group_by,
        filters=[_filter(column, fits) for column, fits in (where or {}).items()],
        window=query_pb2.TimeWindow(from_day=str(from_day), until_day=str(until_day)),
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
    kind, column = (name, "") if isinstance(name, str) else name
    return query_pb2.Measure(kind=_KINDS.get(kind, query_pb2.MEASURE_KIND_UNSPECIFIED), column=column)


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
