"""Asks the private query service in plain Python and gives the answers as data frames and pictures.

```python
with QueryClient("127.0.0.1:50052", api_key) as client:
    answer = client.ask(
        "conversations", ["count", ("mean", "wait_s")], group_by=["channel"], where={"language": "zh"},
        from_day="2026-01-01", until_day="2026-02-01", target_error=50,
    )
answer.frame
```
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import grpc
import pandas as pd
import plotly.graph_objects as go

from mangrove.query.v1 import query_pb2, query_pb2_grpc
from services.clients.connection import ClientTls, bearer, channel
from services.clients.questions import MeasureName, QueryRefused, question
from services.clients.refusals import refusal_of

_TIMEOUT_S = 60.0
_LARGEST_ANSWER = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a dataset: what it holds, and its public values or bounds."""

    name: str
    type: str
    meaning: str
    public_values: tuple[str, ...]
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Description:
    """What can be asked about a dataset. One person touches at most K groups with L rows each."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    max_groups_per_person: int
    max_rows_per_group: int
    delta: float


@dataclass(frozen=True, slots=True)
class Noise:
    """The noise of one measure. `half_width` is of the 95 % interval; 0 for a mean: unknown."""

    measure: str
    scale: float
    count_scale: float
    half_width: float


@dataclass(frozen=True, slots=True)
class Preview:
    """What a question would cost, as rho and as epsilon at delta, and how exact its answer would be."""

    rho: float
    epsilon: float
    delta: float
    noise: tuple[Noise, ...]
    groups: int
    affordable: bool


@dataclass(frozen=True, slots=True)
class Guarantee:
    """What protects the people behind an answer, and from what it was made."""

    privacy_unit: str
    neighbour_relation: str
    dataset: str
    table_version: int
    identity_version: int
    rho: float
    epsilon: float
    delta: float
    max_groups_per_person: int
    max_rows_per_group: int
    noise: tuple[Noise, ...]


@dataclass(frozen=True, slots=True)
class Budget:
    """The partner's own budget on a dataset, in rho."""

    dataset: str
    limit: float
    spent: float
    left: float


@dataclass(frozen=True, slots=True)
class Answer:
    """A private answer.

    `frame` has the keys, then for each measure M the columns M, M_low and M_high: the estimate and the ends
    of its 95 % interval. `reused` says that it was paid for before. `raw` are the bytes of the answer.
    """

    frame: pd.DataFrame
    keys: tuple[str, ...]
    measures: tuple[str, ...]
    guarantee: Guarantee
    reused: bool
    raw: bytes

    def plot(self, measure: str = "") -> go.Figure:
        """Draw one measure, the first by default, as points with their 95 % intervals.

        The first key runs along the axis; further keys together make the colours.
        """
        shown = measure or self.measures[0]
        figure = go.Figure()
        for name, part in self._series():
            along = part[self.keys[0]] if self.keys else pd.Series(["all"])
            ends = {
                "array": part[f"{shown}_high"] - part[shown],
                "arrayminus": part[shown] - part[f"{shown}_low"],
            }
            figure.add_scatter(
                x=along,
                y=part[shown],
                mode="markers",
                name=name,
                error_y={"type": "data", "symmetric": False, **ends},
            )
        promise = f"ε = {self.guarantee.epsilon:.2f} at δ = {self.guarantee.delta:g}, bars: 95 % of the noise"
        figure.update_layout(title=f"{shown} ({promise})", xaxis_title=" ".join(self.keys[:1]), yaxis_title=shown)
        return figure

    def _series(self) -> list[tuple[str, pd.DataFrame]]:
        if len(self.keys) < 2:
            return [("", self.frame)]
        groups = self.frame.groupby(list(self.keys[1:]), sort=False)
        return [(", ".join(str(part) for part in name), frame) for name, frame in groups]


class QueryClient:
    """A partner's connection to the private query service; a context manager.

    Args:
        address: host:port.
        api_key: The partner's key.
        tls: How to reach it over TLS; None for plain text, which sends the key unprotected: only on this machine or
            inside a trusted network.

    Every method raises `QueryRefused` when the service does not answer.
    """

    def __init__(self, address: str, api_key: str, tls: ClientTls | None = None) -> None:
        self._channel = channel(address, tls, largest_answer=_LARGEST_ANSWER)
        self._stub = query_pb2_grpc.PrivateQueryServiceStub(self._channel)
        self._metadata = bearer(api_key)

    def datasets(self) -> dict[str, str]:
        """Give the names of the datasets there are for this partner, with their meanings."""
        response, _ = self._call(self._stub.ListDatasets, query_pb2.ListDatasetsRequest())
        return {d.name: d.meaning for d in response.datasets}

    def describe(self, dataset: str) -> Description:
        """Say what can be asked about a dataset."""
        request = query_pb2.DescribeDatasetRequest(dataset=dataset)
        response, _ = self._call(self._stub.DescribeDataset, request)
        columns = tuple(
            Column(c.name, _type_name(c.type), c.meaning, tuple(c.public_values), c.min, c.max)
            for c in response.columns
        )
        bounds = (response.max_groups_per_person, response.max_rows_per_group)
        return Description(response.dataset, response.meaning, columns, *bounds, response.delta)

    def preview(self, dataset: str, measures: Sequence[MeasureName], **asked: Any) -> Preview:
        """Say what a question would cost; it takes the same arguments as `ask`, and costs nothing."""
        request = query_pb2.PreviewQueryRequest(question=question(dataset, measures, **asked))
        found, _ = self._call(self._stub.PreviewQuery, request)
        costs = (found.rho_nano / 1e9, found.epsilon, found.delta)
        return Preview(*costs, _noise(found.noise), found.groups, found.affordable)

    def ask(self, dataset: str, measures: Sequence[MeasureName], **asked: Any) -> Answer:
        """Ask a question and pay its price; asking the same again costs nothing.

        Args:
            dataset: The dataset's name.
            measures: 1 to 4 of "count", "persons", ("sum", column), ("mean", column).
            **asked: The other arguments of `question`, by name.
        """
        request = query_pb2.RunQueryRequest(question=question(dataset, measures, **asked))
        response, trailing = self._call(self._stub.RunQuery, request)
        return _answer(response, reused=trailing.get("mangrove-reused") == "true")

    def budget(self, dataset: str) -> Budget:
        """Say what this partner has spent on a dataset, and what is left."""
        response, _ = self._call(self._stub.GetBudget, query_pb2.GetBudgetRequest(dataset=dataset))
        amounts = (response.limit_rho_nano, response.spent_rho_nano, response.left_rho_nano)
        return Budget(response.dataset, *(amount / 1e9 for amount in amounts))

    def close(self) -> None:
        """Release the connection."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, method: Any, request: Any) -> tuple[Any, dict[str, Any]]:
        try:
            response, call = method.with_call(request, metadata=self._metadata, timeout=_TIMEOUT_S)
        except grpc.RpcError as error:
            refusal = refusal_of(error)
            raise QueryRefused(refusal.reason, refusal.sentence, refusal.violations) from None
        return response, dict(call.trailing_metadata() or ())


def _type_name(number: Any) -> str:
    return query_pb2.ColumnType.Name(number).removeprefix("COLUMN_TYPE_").lower()


def _noise(noise: Any) -> tuple[Noise, ...]:
    return tuple(Noise(n.measure, n.scale, n.count_scale, n.half_width) for n in noise)


def _answer(response: query_pb2.RunQueryResponse, *, reused: bool) -> Answer:
    keys, measures = tuple(response.key_columns), tuple(response.measure_columns)
    columns: dict[str, list[Any]] = {key: [row.keys[n] for row in response.rows] for n, key in enumerate(keys)}
    for n, measure in enumerate(measures):
        found = [row.estimates[n] for row in response.rows]
        columns[measure] = [e.value for e in found]
        columns[f"{measure}_low"] = [e.low for e in found]
        columns[f"{measure}_high"] = [e.high for e in found]
    told = response.guarantee
    guarantee = Guarantee(
        told.privacy_unit,
        told.neighbour_relation,
        told.dataset,
        told.table_version,
        told.identity_version,
        told.rho_nano / 1e9,
        told.epsilon,
        told.delta,
        told.max_groups_per_person,
        told.max_rows_per_group,
        _noise(told.noise),
    )
    raw = response.SerializeToString(deterministic=True)
    return Answer(pd.DataFrame(columns), keys, measures, guarantee, reused, raw)
