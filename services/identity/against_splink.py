"""Splink as the peer of `mangrove bench identity`: it sees the plain values, Mangrove their encodings only."""

import importlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any

from privacy.errors import MangroveError

_THRESHOLD = 0.95
_FEWEST_TRAINED = 2


class SplinkMissing(MangroveError):
    """Splink was asked for and is not installed."""

    reason = "SPLINK_MISSING"

    def __init__(self) -> None:
        super().__init__(
            "Splink is not installed, for nothing but this comparison uses it. Run `pip install 'splink==5.*'` in the "
            "environment of Mangrove and try again, or leave --against out."
        )


def splink_resolver(columns: Mapping[str, Sequence[str]], traits: Mapping[str, str]) -> Callable[[], Sequence[str]]:
    """Return what runs Splink with a comparison that suits each trait.

    Args:
        columns: The values of each column, empty where there is none.
        traits: The column of each trait.

    Raises:
        SplinkMissing: if it is not installed.
    """
    if importlib.util.find_spec("splink") is None:
        raise SplinkMissing
    splink: Any = importlib.import_module("splink")
    library: Any = importlib.import_module("splink.comparison_library")
    import pandas as pd

    used = {trait: columns[name] for trait, name in traits.items()}
    # Where both parts are there, the whole name says nothing more.
    if {"given_name", "surname"} <= used.keys():
        used.pop("full_name", None)
    frame = pd.DataFrame(used).replace("", None)
    frame.insert(0, "unique_id", range(len(frame)))

    def resolve() -> Sequence[str]:
        names = list(used)
        pairs = [splink.block_on(a, b) for a, b in combinations(names, 2)]
        settings = splink.SettingsCreator(
            link_type="dedupe_only",
            comparisons=[_comparison(library, trait) for trait in names],
            blocking_rules_to_generate_predictions=pairs or [splink.block_on(names[0])],
        )
        database = splink.DuckDBAPI()
        linker = splink.Linker(database.register(frame), settings)
        certain = [splink.block_on(*three) for three in combinations(names, 3)] or pairs
        linker.training.estimate_probability_two_random_records_match(certain, recall=0.7)
        linker.training.estimate_u_using_random_sampling(max_pairs=1e6)
        for name in names[: max(_FEWEST_TRAINED, len(names) // 2)]:
            linker.training.estimate_parameters_using_expectation_maximisation(splink.block_on(name))
        likely = linker.inference.predict(threshold_match_probability=_THRESHOLD)
        groups = linker.clustering.cluster_pairwise_predictions_at_threshold(
            likely, threshold_match_probability=_THRESHOLD
        ).as_pandas_dataframe()
        return [str(group) for group in groups.sort_values("unique_id")["cluster_id"]]

    return resolve


def _comparison(library: Any, trait: str) -> Any:
    if trait == "birth_date":
        return library.LevenshteinAtThresholds(trait, [1, 2])
    if trait == "email":
        return library.EmailComparison(trait)
    if trait in ("gender", "state", "country"):
        return library.ExactMatch(trait)
    if trait in ("postcode", "national_id", "house_number", "phone"):
        return library.LevenshteinAtThresholds(trait, [1, 2])
    return library.JaroWinklerAtThresholds(trait, [0.92, 0.8]).configure(term_frequency_adjustments=True)
