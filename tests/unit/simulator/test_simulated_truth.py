"""What is kept of the truth about simulated worlds."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from services.simulator.truth import TruthExists, truth, write_new_truth
from services.simulator.world import World


def test_the_truth_about_another_world_is_never_overwritten(tmp_path: Path) -> None:
    path, world = tmp_path / "truth.json", World.generate(1, 3)
    write_new_truth(world, path)
    before = path.read_bytes()
    write_new_truth(world, path)
    with pytest.raises(TruthExists):
        write_new_truth(World.generate(2, 3), path)
    assert path.read_bytes() == before


def test_the_truth_tells_the_planted_figures_of_the_journeys_that_it_lists() -> None:
    told = truth(World.generate(1, 300))
    journeys, figures = told["journeys"], told["planted"]
    assert figures["journeys"] == len(journeys)
    assert figures["loop_share"] == pytest.approx(sum(one["loops"] > 0 for one in journeys) / len(journeys), abs=1e-6)
    changes = Counter(change for one in journeys for change in pairwise(one["channels"]))
    listed = {(a, b): n for a, row in figures["transitions"].items() for b, n in row.items()}
    assert listed == dict(changes)
    assert 0 < figures["online_offline_online_share"] < 0.1
