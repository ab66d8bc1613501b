"""The engine on Spark, for marts that do not fit into one machine's memory.

Each task takes all rows of its share of the people, and truncates and aggregates them with the very code of the
embedded engine; Spark adds up what the tasks give. So both engines give the same aggregates.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from privacy.dp.aggregates import ExactAggregates, Vector, add_up, widths
from privacy.dp.keys import CandidateKeys, Keys, PublicKeys
from privacy.dp.rows import PERSON, ROW_TOKEN, decode
from services.private_query.catalogue import DAY, Dataset
from services.private_query.engine import DeltaEngine
from services.private_query.planning import Plan
from services.private_query.ports import DatasetUnavailable, ExactEngine, Snapshot
from services.private_query.selecting import columns_for, exact_of
from spark_jobs.lake import tables

_PART = pa.schema(
    [
        ("measure", pa.int32()),
        ("vector", pa.int32()),
        ("labels", pa.list_(pa.string())),
        ("coordinate", pa.int64()),
        ("amount", pa.int64()),
    ]
)
_PART_IN_SQL = "measure int, vector int, labels array<string>, coordinate bigint, amount bigint"
_PERSONS, _DROPPED = -1, -2

_Part = list[tuple[int, int, list[str], int, int]]
_Batches = Iterator[pa.RecordBatch]


class SparkEngine(ExactEngine):
    """The marts below one lake root, read by Spark at the version that delta-rs pinned.

    Args:
        spark: A session with Delta; the engine's own once it is closed.
        lake_root: A local folder or a URL such as s3a://bucket/lake.
    """

    def __init__(self, spark: SparkSession, lake_root: str) -> None:
        self._spark = spark
        self._root = lake_root.rstrip("/")
        self._pins = DeltaEngine(lake_root)

    def pin(self, dataset: Dataset) -> Snapshot:
        """Fix the newest version of a mart, and the version of the identity graph that its people are of."""
        return self._pins.pin(dataset)

    def aggregate(self, snapshot: Snapshot, plan: Plan, secret: bytes) -> ExactAggregates:
        """Truncate and aggregate a share of the people in each task, and add up."""
        try:
            rows = self._rows(snapshot, plan)
            parts = rows.repartition(PERSON).mapInArrow(_aggregates_of(plan, secret), _PART_IN_SQL)
            summed = parts.groupBy("measure", "vector", "labels", "coordinate").agg(F.sum("amount").alias("amount"))
            return _put_together(summed.toArrow(), plan)
        except PySparkException:
            raise DatasetUnavailable from None

    def close(self) -> None:
        """Stop the session."""
        self._spark.stop()

    def _rows(self, snapshot: Snapshot, plan: Plan) -> DataFrame:
        labels, numbers = columns_for(plan)
        path = f"{self._root}/{tables.BY_NAME[plan.dataset.table].path}"
        mart = self._spark.read.format("delta").option("versionAsOf", snapshot.table_version).load(path)
        window = (F.col(DAY) >= F.lit(plan.from_day)) & (F.col(DAY) < F.lit(plan.until_day))
        return mart.where(window).select(PERSON, ROW_TOKEN, *labels, *numbers)


def _aggregates_of(plan: Plan, secret: bytes) -> Callable[[_Batches], _Batches]:
    labels, numbers = columns_for(plan)

    def aggregate(batches: _Batches) -> _Batches:
        taken = list(batches)
        if taken:
            rows = decode(pa.Table.from_batches(taken), secret, labels=labels, numbers=numbers)
            yield _told(exact_of(rows, plan, secret))

    return aggregate


def _told(exact: ExactAggregates) -> pa.RecordBatch:
    part: _Part = []
    for i, (measure, vectors) in enumerate(zip(exact.asked.measures, exact.vectors, strict=True)):
        for j, (vector, width) in enumerate(zip(vectors, widths(measure), strict=True)):
            _tell(part, (i, j), vector, width, exact.keys)
    if exact.persons is not None:
        _tell(part, (_PERSONS, 0), exact.persons, 1, exact.keys)
    if exact.dropped is not None:
        part += [(_DROPPED, 0, [], place, amount) for place, amount in enumerate(exact.dropped.tolist())]
    columns = zip(*part, strict=True) if part else ((),) * len(_PART)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, _PART, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=_PART)


def _tell(part: _Part, of: tuple[int, int], vector: Vector, width: int, keys: Keys) -> None:
    """Tell what is not 0: by its place where groups are public, else by the labels of its group."""
    for place in np.flatnonzero(vector).tolist():
        amount = int(vector[place])
        if isinstance(keys, PublicKeys):
            part.append((*of, [], place, amount))
        else:
            part.append((*of, list(keys.combination(place // width)), place % width, amount))


def _put_together(summed: pa.Table, plan: Plan) -> ExactAggregates:
    found = summed.to_pydict()
    rows = list(zip(*(found[name] for name in _PART.names), strict=True))
    keys, group_of = _keys(plan, [labels for of, _, labels, _, _ in rows if of == _PERSONS])
    shape = {(i, j): w for i, m in enumerate(plan.asked.measures) for j, w in enumerate(widths(m))}
    shape[_PERSONS, 0] = 1
    vectors = {of: np.zeros(width * keys.size, np.int64) for of, width in shape.items()}
    dropped = np.zeros(2, np.int64)
    for measure, vector, labels, coordinate, amount in rows:
        if measure == _DROPPED:
            dropped[coordinate] = amount
        else:
            of = (measure, vector)
            group = group_of[tuple(labels)] if labels else 0
            vectors[of][group * shape[of] + coordinate] = amount
    persons = None if plan.groups is not None else vectors[_PERSONS, 0]
    return add_up(plan.asked, keys, vectors, persons, dropped if plan.asked.most_rows else None)


def _keys(plan: Plan, groups: Sequence[list[str]]) -> tuple[Keys, dict[tuple[str, ...], int]]:
    if isinstance(plan.keys, PublicKeys):
        return plan.keys, {}
    columns = list(zip(*groups, strict=True)) or [()] * len(plan.keys.names)
    labels = tuple(
        values if values is not None else tuple(sorted(set(column)))
        for values, column in zip(plan.keys.values, columns, strict=True)
    )
    places = [{label: place for place, label in enumerate(own)} for own in labels]
    codes = sorted([place[label] for place, label in zip(places, group, strict=True)] for group in groups)
    matrix: npt.NDArray[np.int64] = np.array(codes, np.int64).reshape(-1, len(labels))
    keys = CandidateKeys(plan.keys.names, labels, matrix)
    return keys, {keys.combination(number): number for number in range(keys.size)}
