"""Turns wire messages into the words of the domain and back."""

from collections.abc import Iterable

from mangrove.query.v1 import query_pb2
from privacy.dp.mechanism import Finding
from privacy.dp.types import Estimate
from services.private_query.catalogue import CALENDAR, Dataset, IntColumn, StringColumn
from services.private_query.handlers import BudgetState, Preview
from services.private_query.ports import NEIGHBOURS, PRIVACY_UNIT, Answer, Bound, Guarantee, MeasureNoise
from services.private_query.published import Signed
from services.private_query.question import (
    AskedMeasure,
    Between,
    Equals,
    Filter,
    OneOf,
    Question,
    RhoPrice,
    TargetError,
)

_KINDS: dict[int, str] = {
    query_pb2.MEASURE_KIND_COUNT: "count",
    query_pb2.MEASURE_KIND_PERSONS: "persons",
    query_pb2.MEASURE_KIND_SUM: "sum",
    query_pb2.MEASURE_KIND_MEAN: "mean",
    query_pb2.MEASURE_KIND_VARIANCE: "variance",
    query_pb2.MEASURE_KIND_QUANTILES: "quantiles",
    query_pb2.MEASURE_KIND_HISTOGRAM: "histogram",
    query_pb2.MEASURE_KIND_RATIO: "ratio",
}
_ZERO = -0.0
"""Protobuf leaves 0.0 out of a message, but not this: so sizes do not depend on numbers."""

_TYPES = {
    "string": query_pb2.COLUMN_TYPE_STRING,
    "bool": query_pb2.COLUMN_TYPE_BOOL,
    "int": query_pb2.COLUMN_TYPE_INT,
}


def question_from_proto(message: query_pb2.Question) -> Question:
    """Read a question as it was asked; nothing is checked yet."""
    price: RhoPrice | TargetError | None = None
    if message.HasField("rho_nano"):
        price = RhoPrice(message.rho_nano)
    elif message.HasField("target_error"):
        price = TargetError(message.target_error)
    return Question(
        dataset=message.dataset,
        measures=tuple(_measure(m) for m in message.measures),
        group_by=tuple(message.group_by),
        filters=tuple(_filter(f) for f in message.filters),
        from_day=message.window.from_day,
        until_day=message.window.until_day,
        price=price,
        max_groups_per_person=message.max_groups_per_person,
        max_rows_per_group=message.max_rows_per_group,
        dropped_share=message.dropped_share,
        top=message.top,
    )


def _measure(message: query_pb2.Measure) -> AskedMeasure:
    share_of = _filter(message.share_of) if message.HasField("share_of") else None
    return AskedMeasure(_KINDS.get(message.kind, ""), message.column, tuple(message.per_mille), share_of)


def _filter(message: query_pb2.Filter) -> Filter:
    match message.WhichOneof("condition"):
        case "one_of":
            return Filter(message.column, OneOf(tuple(message.one_of.values)))
        case "equals":
            return Filter(message.column, Equals(message.equals))
        case "range":
            ends = message.range
            low = ends.min if ends.HasField("min") else None
            high = ends.max if ends.HasField("max") else None
            return Filter(message.column, Between(low, high))
    return Filter(message.column, None)


def answer_to_bytes(answer: Answer) -> bytes:
    """Encode an answer as it is stored and sent: a RunQueryResponse, always with the same bytes."""
    response = query_pb2.RunQueryResponse(
        key_columns=answer.key_columns,
        measure_columns=answer.measure_columns,
        guarantee=_guarantee(answer.guarantee),
        dropped_share=None if answer.dropped_share is None else _estimate(answer.dropped_share),
    )
    new_row = response.rows.add
    for keys, estimates in answer.rows:
        new_estimate = new_row(keys=keys).estimates.add
        for value, low, high in estimates:
            new_estimate(value=value or _ZERO, low=low or _ZERO, high=high or _ZERO)
    return response.SerializeToString(deterministic=True)


def _estimate(estimate: Estimate) -> query_pb2.Estimate:
    value, low, high = estimate
    return query_pb2.Estimate(value=value or _ZERO, low=low or _ZERO, high=high or _ZERO)


def receipt_to_bytes(statement: bytes, signature: bytes, public_key: bytes) -> bytes:
    """Encode a receipt so that, put behind an answer's bytes, it is a field of the answer."""
    receipt = query_pb2.Receipt(statement=statement.decode(), signature=signature, public_key=public_key)
    return query_pb2.RunQueryResponse(receipt=receipt).SerializeToString(deterministic=True)


def answer_from_bytes(answer: bytes) -> query_pb2.RunQueryResponse:
    """Read an answer that was encoded here."""
    return query_pb2.RunQueryResponse.FromString(answer)


def _noise(noise: Iterable[MeasureNoise]) -> list[query_pb2.MeasureNoise]:
    return [
        query_pb2.MeasureNoise(
            measure=n.measure,
            scale=n.scale,
            count_scale=n.count_scale,
            half_width=n.half_width,
            square_scale=n.square_scale,
        )
        for n in noise
    ]


def _bound(bound: Bound) -> query_pb2.Bound:
    return query_pb2.Bound(rho_nano=bound.rho, epsilon=bound.epsilon)


def _finding(found: Finding | None) -> query_pb2.Finding | None:
    if found is None:
        return None
    return query_pb2.Finding(scale=found.scale, threshold=found.threshold, delta=found.delta)


def _guarantee(guarantee: Guarantee) -> query_pb2.Guarantee:
    return query_pb2.Guarantee(
        privacy_unit=PRIVACY_UNIT,
        neighbour_relation=NEIGHBOURS,
        dataset=guarantee.dataset,
        table_version=guarantee.table_version,
        identity_version=guarantee.identity_version,
        rho_nano=guarantee.rho,
        epsilon=guarantee.epsilon,
        delta=guarantee.delta,
        max_groups_per_person=guarantee.max_groups_per_person,
        max_rows_per_group=guarantee.max_rows_per_group,
        noise=_noise(guarantee.noise),
        person=_bound(guarantee.person),
        person_day=_bound(guarantee.person_day),
        finding=_finding(guarantee.finding),
    )


def preview_to_proto(preview: Preview) -> query_pb2.PreviewQueryResponse:
    """Write what a question would cost."""
    return query_pb2.PreviewQueryResponse(
        rho_nano=preview.price,
        epsilon=preview.epsilon,
        delta=preview.delta,
        noise=_noise(preview.noise),
        groups=preview.groups,
        affordable=preview.affordable,
        epsilon_after=preview.epsilon_after,
        threshold=preview.threshold,
    )


def list_to_proto(datasets: Iterable[Dataset]) -> query_pb2.ListDatasetsResponse:
    """Write the names and meanings of datasets."""
    return query_pb2.ListDatasetsResponse(
        datasets=[query_pb2.DatasetSummary(name=d.name, meaning=d.meaning) for d in datasets]
    )


def dataset_to_proto(dataset: Dataset) -> query_pb2.DescribeDatasetResponse:
    """Write what can be asked about a dataset."""
    columns = [
        query_pb2.ColumnDescription(
            name=column.name,
            type=_TYPES[column.type],
            meaning=column.meaning,
            public_values=() if isinstance(column, IntColumn) else column.public_values,
            min=column.min if isinstance(column, IntColumn) else 0,
            max=column.max if isinstance(column, IntColumn) else 0,
            bins=column.all_bins if isinstance(column, IntColumn) else (),
            unknown=isinstance(column, StringColumn) and column.unknown,
        )
        for column in dataset.column
    ]
    columns += [
        query_pb2.ColumnDescription(name=name, type=query_pb2.COLUMN_TYPE_CALENDAR, meaning=meaning)
        for name, meaning in CALENDAR.items()
    ]
    return query_pb2.DescribeDatasetResponse(
        dataset=dataset.name,
        meaning=dataset.meaning,
        columns=columns,
        max_groups_per_person=dataset.max_groups_per_person,
        max_rows_per_group=dataset.max_rows_per_group,
        delta=dataset.delta,
        max_rows_per_person=dataset.max_rows_per_person,
    )


def budget_to_proto(budget: BudgetState) -> query_pb2.GetBudgetResponse:
    """Write a partner's budget."""
    return query_pb2.GetBudgetResponse(
        dataset=budget.dataset,
        limit_rho_nano=budget.limit,
        spent_rho_nano=budget.spent,
        left_rho_nano=budget.left,
        spent_epsilon=budget.epsilon,
        delta=budget.delta,
        renewed_on="" if budget.renewed_on is None else budget.renewed_on.isoformat(),
    )


def measurement_to_proto(last: Signed | None, running_code: str) -> query_pb2.GetAuditResponse:
    """Write what was measured last, and which code answers."""
    if last is None:
        return query_pb2.GetAuditResponse(running_code=running_code)
    signed = query_pb2.Measurement(
        statement=last.statement.decode(), signature=last.signature, public_key=last.public_key
    )
    return query_pb2.GetAuditResponse(last=signed, running_code=running_code)
