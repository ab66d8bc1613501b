"""How well identity resolution found the people of a simulated world."""

from collections.abc import Callable, Mapping

import pandas as pd
import pyarrow as pa

from spark_jobs.identity.evaluation import PairwiseScores, pairwise


def pairwise_scores(
    resolved: pa.Table | pd.DataFrame, truth: Mapping[str, str], token_of: Callable[[str], str]
) -> PairwiseScores:
    """Compare who is who in the lake with the truth, over all pairs of events.

    Left out are events that never reached the lake, and events of the lake that the truth does not know.

    Args:
        resolved: Columns `event_id` (token) and `person_id`, a row an event; a null person is one alone.
        truth: Raw event id → person key.
        token_of: Turns a raw event id into the token under which the lake knows it.
    """
    frame = resolved.to_pandas() if isinstance(resolved, pa.Table) else resolved
    found_of = dict(zip(frame["event_id"], frame["person_id"], strict=True))
    people: list[str] = []
    true_people: list[str] = []
    for event_id, person in truth.items():
        token = token_of(event_id)
        if token in found_of:
            found = found_of[token]
            people.append(f"alone {len(people)}" if pd.isna(found) else f"person {found}")
            true_people.append(person)
    return pairwise(people, true_people)
