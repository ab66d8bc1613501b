import random

import pytest

from spark_jobs.identity.components import build_components

pytestmark = pytest.mark.spark


def union_find(edges: list[tuple[str, str]]) -> dict[str, str]:
    """The oracle: the smallest name each vertex is connected to."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        parent.setdefault(name, name)
        while parent[name] != name:
            name = parent[name]
        return name

    for a, b in edges:
        low, high = sorted((root(a), root(b)))
        parent[high] = low
    return {name: root(name) for name in parent}


def a_graph(name: str, chance: random.Random) -> list[tuple[str, str]]:
    vertices = chance.randint(2, 30)
    names = [f"{name}-{v:03d}" for v in range(vertices)]
    chance.shuffle(names)
    return [(chance.choice(names), chance.choice(names)) for _ in range(chance.randint(1, vertices))]


def a_path(name: str, length: int) -> list[tuple[str, str]]:
    return [(f"{name}-{n:03d}", f"{name}-{n + 1:03d}") for n in range(length)]


@pytest.mark.parametrize("seed", [1, 2])
def test_components_of_random_graphs_are_those_of_union_find(spark, seed):
    # Forty graphs in one job: their names keep them apart, so a mistake in one cannot hide in another.
    chance = random.Random(seed)
    edges = [edge for n in range(40) for edge in a_graph(f"g{n:02d}", chance)] + a_path("path", 37)
    edges = [(a, b) if chance.random() < 0.5 else (b, a) for a, b in edges if a != b]
    chance.shuffle(edges)
    found = build_components(spark.createDataFrame(edges, "token_a STRING, token_b STRING")).collect()
    assert {row["token"]: row["component"] for row in found} == union_find(edges)
    assert len(found) == len(union_find(edges))


def test_no_links_make_no_components(spark):
    assert build_components(spark.createDataFrame([], "token_a STRING, token_b STRING")).isEmpty()
