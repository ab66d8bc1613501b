"""Private answers as data frames and pictures, and what is told about datasets, prices and budgets."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from mangrove.query.v1 import query_pb2


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a dataset: what it holds, and its public values (unless they are unknown) or bounds and bins."""

    name: str
    type: str
    meaning: str
    public_values: tuple[str, ...]
    low: int
    high: int
    bins: tuple[int, ...]
    unknown: bool


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
    """The noise of one measure. `half_width` is of the 95 % interval; 0 where it depends on the data."""

    measure: str
    scale: float
    count_scale: float
    half_width: float
    square_scale: float


@dataclass(frozen=True, slots=True)
class Bound:
    """What many answers together can tell, as rho and as epsilon at the guarantee's delta."""

    rho: float
    epsilon: float


@dataclass(frozen=True, slots=True)
class Finding:
    """How unknown groups were found: those whose noisy number of people reaches the threshold are shown."""

    scale: float
    threshold: int
    delta: float


@dataclass(frozen=True, slots=True)
class Preview:
    """What a question would cost, as rho and as epsilon at delta, and how exact its answer would be.

    `epsilon_after` is that of all that was spent on the dataset so far, with this question. `groups` is 0 and
    `threshold` set where the groups are unknown.
    """

    rho: float
    epsilon: float
    delta: float
    noise: tuple[Noise, ...]
    groups: int
    affordable: bool
    epsilon_after: float
    threshold: int


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
    person: Bound
    person_day: Bound
    finding: Finding | None


@dataclass(frozen=True, slots=True)
class Budget:
    """The partner's own budget on a dataset, in rho; what is spent as epsilon at delta; the day it is new, or ""."""

    dataset: str
    limit: float
    spent: float
    left: float
    spent_epsilon: float
    delta: float
    renewed_on: str


@dataclass(frozen=True, slots=True)
class Share:
    """A share with the ends of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Answer:
    """A private answer.

    `frame` has the keys, then for each measure M the columns M, M_low and M_high: the estimate and the ends
    of its 95 % interval. `dropped_share` is the share of rows that the bounds dropped, if it was asked for.
    `reused` says that it was paid for before. `raw` are the bytes of the answer.
    """

    frame: pd.DataFrame
    keys: tuple[str, ...]
    measures: tuple[str, ...]
    guarantee: Guarantee
    reused: bool
    raw: bytes
    dropped_share: Share | None = None

    def plot(self, measure: str = "") -> go.Figure:
        """Draw one measure, the first by default, as points with their 95 % intervals.

        The first key runs along the axis; further keys together make the colours. A histogram, named such as
        histogram_wait_s, has its bins along the axis and a colour a group.
        """
        shown = measure or self.measures[0]
        if shown not in self.measures or shown.startswith("histogram_"):
            return self._histogram(shown.partition("_from_")[0])
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
        figure.update_layout(
            title=f"{shown} ({self._promise()})", xaxis_title=" ".join(self.keys[:1]), yaxis_title=shown
        )
        return figure

    def _histogram(self, name: str) -> go.Figure:
        bins = [column for column in self.measures if column.startswith(f"{name}_from_")]
        along = [int(column.rpartition("_")[2]) for column in bins]
        figure = go.Figure()
        for _, row in self.frame.iterrows():
            values = [row[column] for column in bins]
            above = [row[f"{column}_high"] - row[column] for column in bins]
            below = [row[column] - row[f"{column}_low"] for column in bins]
            group = ", ".join(str(row[key]) for key in self.keys)
            ends = {"type": "data", "symmetric": False, "array": above, "arrayminus": below}
            figure.add_scatter(x=along, y=values, mode="lines", line_shape="hv", name=group, error_y=ends)
        figure.update_layout(title=f"{name} ({self._promise()})", xaxis_title="from", yaxis_title="rows")
        return figure

    def _promise(self) -> str:
        return f"ε = {self.guarantee.epsilon:.2f} at δ = {self.guarantee.delta:g}, bars: 95 % of the noise"

    def _series(self) -> list[tuple[str, pd.DataFrame]]:
        if len(self.keys) < 2:
            return [("", self.frame)]
        groups = self.frame.groupby(list(self.keys[1:]), sort=False)
        return [(", ".join(str(part) for part in name), frame) for name, frame in groups]


def noise_from_proto(noise: Iterable[query_pb2.MeasureNoise]) -> tuple[Noise, ...]:
    """Read the noise of measures."""
    return tuple(Noise(n.measure, n.scale, n.count_scale, n.half_width, n.square_scale) for n in noise)


def answer_from_proto(response: query_pb2.RunQueryResponse, *, reused: bool) -> Answer:
    """Read an answer."""
    keys, measures = tuple(response.key_columns), tuple(response.measure_columns)
    columns: dict[str, list[Any]] = {key: [row.keys[n] for row in response.rows] for n, key in enumerate(keys)}
    for n, measure in enumerate(measures):  # + 0.0: the service sends 0 as -0.0
        found = [row.estimates[n] for row in response.rows]
        columns[measure] = [e.value + 0.0 for e in found]
        columns[f"{measure}_low"] = [e.low + 0.0 for e in found]
        columns[f"{measure}_high"] = [e.high + 0.0 for e in found]
    raw = response.SerializeToString(deterministic=True)
    share = response.dropped_share if response.HasField("dropped_share") else None
    dropped = None if share is None else Share(share.value + 0.0, share.low + 0.0, share.high + 0.0)
    return Answer(pd.DataFrame(columns), keys, measures, _guarantee(response.guarantee), reused, raw, dropped)


def _guarantee(told: query_pb2.Guarantee) -> Guarantee:
    finding = told.finding if told.HasField("finding") else None
    return Guarantee(
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
        noise_from_proto(told.noise),
        Bound(told.person.rho_nano / 1e9, told.person.epsilon),
        Bound(told.person_day.rho_nano / 1e9, told.person_day.epsilon),
        None if finding is None else Finding(finding.scale, finding.threshold, finding.delta),
    )
