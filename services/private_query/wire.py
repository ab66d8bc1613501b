"""Turns wire messages into the words of the domain and back."""

from collections.abc import Iterable

from mangrove.query.v1 import query_pb2
from services.private_query.catalogue import CALENDAR, Dataset, IntColumn
from services.private_query.handlers import BudgetState, Preview
from services.private_query.ports import NEIGHBOURS, PRIVACY_UNIT, Answer, Guarantee, MeasureNoise
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
}
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
        measures=tuple(AskedMeasure(_KINDS.get(m.kind, ""), m.column) for m in message.measures),
        group_by=tuple(message.group_by),
        filters=tuple(_filter(f) for f in message.filters),
        from_day=message.window.from_day,
        until_day=message.window.until_day,
        price=price,
    )


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
    )
    for keys, estimates in answer.rows:
        row = response.rows.add(keys=keys)
        for estimate in estimates:
            row.estimates.add(value=estimate.value, low=estimate.low, high=estimate.high)
    return response.SerializeToString(deterministic=True)


def answer_from_bytes(answer: bytes) -> query_pb2.RunQueryResponse:
    """Read an answer that was encoded here."""
    return query_pb2.RunQueryResponse.FromString(answer)


def _noise(noise: Iterable[MeasureNoise]) -> list[query_pb2.MeasureNoise]:
    return [
        query_pb2.MeasureNoise(measure=n.measure, scale=n.scale, count_scale=n.count_scale, half_width=n.half_width)
        for n in noise
    ]


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
    )


def budget_to_proto(budget: BudgetState) -> query_pb2.GetBudgetResponse:
    """Write a partner's budget."""
    return query_pb2.GetBudgetResponse(
        dataset=budget.dataset,
        limit_rho_nano=budget.limit,
        spent_rho_nano=budget.spent,
        left_rho_nano=budget.left,
    )
