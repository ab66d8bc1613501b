"""Tokens as numbers: the kernel handles no names until it has decided."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from spark_jobs.identity.groups import Numbers, components

_SEEDS = range(16)


def places(tokens: pl.Series, *others: pl.Series) -> list[Numbers]:
    """Where each of the `others` stands among the distinct `tokens`; -1 where it does not.

    Names are compared by 64-bit hashes of which none is that of two tokens; so a name that is not there is mistaken
    for one that is with a chance of tokens / 2**64.
    """
    for seed in _SEEDS:
        keys = tokens.hash(seed)
        if keys.n_unique() == len(keys):
            break
    else:
        raise ValueError("tokens repeat")
    index = pl.DataFrame({"key": keys, "place": np.arange(len(keys), dtype=np.int32)})
    asked = pl.concat([other.hash(seed).alias("key") for other in others]).to_frame()
    found = asked.join(index, on="key", how="left", maintain_order="left")["place"].fill_null(-1).to_numpy()
    ends = np.cumsum([len(other) for other in others])
    return np.split(found, ends[:-1])


def versions_of(aliases: pl.DataFrame) -> pl.DataFrame:
    """What is one value under several keys (token, same_as): each token with the smallest of its value's.

    Args:
        aliases: Pairs of tokens (a, b) of one value.
    """
    tokens = pl.concat([aliases["a"], aliases["b"].alias("a")]).unique().sort()
    if tokens.is_empty():
        return pl.DataFrame(schema={"token": pl.String, "same_as": pl.String})
    group = components(len(tokens), *places(tokens, aliases["a"], aliases["b"]))
    versions = pl.DataFrame({"token": tokens, "group": group})
    return versions.select("token", same_as=pl.col("token").min().over("group"))


def units_of(same_as: Sequence[str | None] | pl.Series) -> Numbers:
    """Number what counts as one token: those with the same `same_as` together, each with none for itself."""
    named = pl.Series(same_as, dtype=pl.String)
    if named.null_count() == len(named):
        return np.arange(len(named), dtype=np.int32)
    of_name = named.rank("dense").cast(pl.Int32).fill_null(0).to_numpy()
    alone = np.flatnonzero(of_name == 0)
    units = of_name - 1
    units[alone] = np.arange(len(alone)) + int(of_name.max())
    return units.astype(np.int32)
