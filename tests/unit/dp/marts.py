"""Small marts for tests, and their way to exact aggregates without a service."""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from privacy.dp.aggregates import Asked, ExactAggregates, aggregate
from privacy.dp.keys import CandidateKeys, PublicKeys, candidates
from privacy.dp.lots import order_key
from privacy.dp.rows import PersonRows, Truths, decode
from privacy.dp.truncation import BoundedContributions, Contributions, truncate
from privacy.dp.types import ContributionBounds, IntBounds, Measure

SECRET = b"s" * 32
KEY = order_key(SECRET, b"q" * 32)
KEYS = PublicKeys(("channel", "language"), (("web", "app", "chat"), ("zh", "en")))
WAIT = IntBounds(-50, 200)
MEASURES = (
    Measure("count"),
    Measure("persons"),
    Measure("sum", "wait_s", WAIT),
    Measure("mean", "wait_s", WAIT),
)
ALL_MEASURES = (
    *MEASURES,
    Measure("variance", "wait_s", WAIT),
    Measure("histogram", "wait_s", WAIT, (-50, 0, 20, 100)),
    Measure("quantiles", "wait_s", WAIT, WAIT.bins(), (500,)),
    Measure("ratio", "wait_s", mark="waited"),
)

Row = tuple[str, str | None, str | None, int | None]
RowWithToken = tuple[str, str | None, str | None, int | None, str]


def table(rows: Sequence[Row]) -> pa.Table:
    """A mart whose row tokens follow from the rows' places, so that they stay when others leave."""
    return with_tokens([(*row, f"t{n}") for n, row in enumerate(rows)])


def with_tokens(rows: Sequence[RowWithToken]) -> pa.Table:
    people, channels, languages, waits, tokens = zip(*rows, strict=True) if rows else ((),) * 5
    return pa.table(
        {
            "person_id": pa.array(people, pa.string()),
            "row_token": pa.array(tokens, pa.string()),
            "channel": pa.array(channels, pa.string()),
            "language": pa.array(languages, pa.string()),
            "wait_s": pa.array(waits, pa.int64()),
        }
    )


def decoded(mart: pa.Table, secret: bytes = SECRET) -> PersonRows:
    return decode(mart, secret, labels=["channel", "language"], numbers=["wait_s"])


def contributions(mart: pa.Table, keys: PublicKeys = KEYS, secret: bytes = SECRET) -> Contributions:
    rows = decoded(mart, secret)
    places = []
    for name, values in zip(keys.names, keys.values, strict=True):
        lookup = rows.codes[name].places({value: place for place, value in enumerate(values)})
        places.append(lookup[rows.codes[name].numbers])
    return Contributions(rows.people, rows.lots, keys.number(places, rows.size), rows.numbers, marks(rows))


def marks(rows: PersonRows) -> Mapping[str, Truths]:
    wait = rows.numbers["wait_s"]
    waited = wait.values > 10
    return {"waited": waited if wait.known is None else waited & wait.known}


def bounded(mart: pa.Table, bounds: ContributionBounds, key: bytes = KEY) -> BoundedContributions:
    return truncate(contributions(mart), KEYS, bounds, key, with_rows=True)


def exact(
    mart: pa.Table,
    bounds: ContributionBounds,
    measures: tuple[Measure, ...] = MEASURES,
    *,
    most_rows: int = 0,
) -> ExactAggregates:
    kept = truncate(contributions(mart), KEYS, bounds, KEY, with_rows=True)
    return aggregate(kept, Asked(measures, bounds, most_rows))


def found_in(mart: pa.Table, names: tuple[str, ...] = ("channel", "language")) -> tuple[Contributions, CandidateKeys]:
    rows = decoded(mart)
    columns = [rows.codes[name] for name in names]
    keys, cells = candidates(names, tuple(c.labels for c in columns), [c.numbers for c in columns])
    return Contributions(rows.people, rows.lots, cells, rows.numbers, marks(rows)), keys


def exact_candidates(
    mart: pa.Table, bounds: ContributionBounds, measures: tuple[Measure, ...] = MEASURES
) -> ExactAggregates:
    rows, keys = found_in(mart)
    kept = truncate(rows, keys, bounds, KEY, with_rows=True)
    return aggregate(kept, Asked(measures, bounds), candidates=True)
