"""No attack learns anything, and each finds what it is there for once the defence is taken out."""

from collections.abc import Callable

import pytest

from tests.statistical import attacks
from tests.statistical.mutants import MUTANTS

ATTACKS = (
    attacks.noise_law,
    attacks.neighbours,
    attacks.order_of_rows,
    attacks.choice_of_rows,
    attacks.heavy_user,
    attacks.keys_of_one_person,
    attacks.differencing,
    attacks.averaging,
    attacks.floats_before_the_noise,
    attacks.seeds,
    attacks.workers,
)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_attack_learns_nothing(attack: Callable[[], None]) -> None:
    attack()


@pytest.mark.parametrize("name", MUTANTS)
def test_attack_finds_a_defence_taken_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    attack, take_out = MUTANTS[name]
    take_out(monkeypatch)
    with pytest.raises(attacks.Leak):
        attack()


def test_every_attack_has_a_mutant() -> None:
    found = {attack for attack, _ in MUTANTS.values()}
    assert set(ATTACKS) - found == {attacks.floats_before_the_noise, attacks.seeds}
