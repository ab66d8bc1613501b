"""Truncation: no person brings more than K groups and L rows a group into an aggregate.

Guarantee: let M and M' be marts that differ by one person with all their rows. `truncate` treats each person
by themselves (which of a person's rows stay depends on that person's rows and on a secret key alone), so both
results are the same for everybody else, and differ by at most K groups with at most L rows each.
"""

import functools
import hashlib
import hmac
from dataclasses import InitVar, dataclass, field

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from privacy.dp.keys import PublicKeys
from privacy.dp.types import ContributionBounds

PERSON = "person_id"
ROW_TOKEN = "row_token"  # noqa: S105 - the name of a column

_SEAL = object()
_IN_MEMORY = {"threads": "2", "temp_directory": "", "autoload_known_extensions": "false"}

# Persons within both bounds are not hashed: for them every order keeps everything.
_KEPT = """
WITH counted AS (
    SELECT *, count(*) OVER (PARTITION BY person) AS held FROM contributions
), ranked AS (
    SELECT
        place,
        dense_rank() OVER (
            PARTITION BY person
            ORDER BY CASE WHEN held > $groups THEN sha256($key || person || chr(31) || cell) END, cell
        ) AS group_rank,
        row_number() OVER (
            PARTITION BY person, cell
            ORDER BY CASE WHEN held > $rows THEN sha256($key || chr(30) || token) END, token
        ) AS row_rank
    FROM counted
)
SELECT place, row_rank FROM ranked WHERE group_rank <= $groups AND row_rank <= $rows ORDER BY place
"""


@functools.cache
def _database() -> duckdb.DuckDBPyConnection:
    # Opening one takes 25 ms. Each question has a cursor of its own, whose views no other cursor sees.
    return duckdb.connect(config=_IN_MEMORY)


@dataclass(frozen=True, slots=True, eq=False)
class BoundedContributions:
    """Rows of which no person has more than `bounds` allow. Only `truncate` can build it.

    `cells[i]` is the number of row i's group, `ranks[i]` its place from 1 among the rows of its person in
    its group, `columns` the rest of the rows.
    """

    cells: npt.NDArray[np.int64] = field(repr=False)
    ranks: npt.NDArray[np.int64] = field(repr=False)
    columns: pa.Table = field(repr=False)
    bounds: ContributionBounds
    keys: PublicKeys
    seal: InitVar[object] = None

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("Only privacy.dp.truncation.truncate builds BoundedContributions.")


def order_key(secret: bytes, question: bytes) -> str:
    """Derive the key under which one question orders groups and rows, hex.

    HMAC-SHA256 of the question's hash under this installation's truncation secret: who does not hold the
    secret cannot choose events so that they survive, or crowd others out.
    """
    return hmac.new(secret, b"mangrove truncation v1" + question, hashlib.sha256).hexdigest()


def truncate(rows: pa.Table, keys: PublicKeys, bounds: ContributionBounds, key: str) -> BoundedContributions:
    """Keep at most `bounds.groups` groups a person and `bounds.rows` rows a person and group.

    Rows without a person, without a token, or outside the public keys are left out first: a test of each row
    alone. Groups are taken in the order of SHA-256(key, person, group), rows in that of SHA-256(key, token);
    the same rows in any order give the same result.

    Args:
        rows: person_id, row_token (unique) and the keys as strings, and the measured columns.
        keys: The groups of the answer.
        bounds: The most one person can bring in; already narrowed to the groups there are.
        key: From `order_key`.
    """
    contributions = pa.table(
        {
            "place": pa.array(np.arange(rows.num_rows)),
            "person": rows[PERSON],
            "token": rows[ROW_TOKEN],
            "cell": keys.number(rows),
        }
    ).drop_null()
    parameters = {"key": key, "groups": bounds.groups, "rows": bounds.rows}
    with _database().cursor() as db:
        db.register("contributions", contributions)
        kept = db.sql(_KEPT, params=parameters).to_arrow_table()
    places = kept["place"].combine_chunks()
    cells = pc.take(keys.number(rows), places)
    measured = [name for name in rows.column_names if name not in {PERSON, ROW_TOKEN, *keys.names}]
    return BoundedContributions(
        cells.to_numpy(zero_copy_only=False),
        kept["row_rank"].to_numpy(),
        rows.select(measured).take(places),
        bounds,
        keys,
        seal=_SEAL,
    )
