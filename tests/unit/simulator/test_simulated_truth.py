"""What is kept of the truth about simulated worlds."""

from pathlib import Path

import pytest

from services.simulator.truth import TruthExists, write_new_truth
from services.simulator.world import World


def test_the_truth_about_another_world_is_never_overwritten(tmp_path: Path) -> None:
    path, world = tmp_path / "truth.json", World.generate(1, 3)
    write_new_truth(world, path)
    before = path.read_bytes()
    write_new_truth(world, path)
    with pytest.raises(TruthExists):
        write_new_truth(World.generate(2, 3), path)
    assert path.read_bytes() == before
