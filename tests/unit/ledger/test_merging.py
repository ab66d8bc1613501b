"""What earlier answers cost people who were merged or split since, against counting by hand."""

import polars as pl
import pytest

from privacy.dp.types import NanoRho
from privacy.ledger.merging import Merged, merged

Moves = list[tuple[int, str, str | None]]
THREE: Moves = [(1, "a", "p"), (1, "b", "q"), (1, "c", "r")]


def after(moves: Moves, spent: dict[int, int]) -> Merged:
    history = pl.DataFrame(
        moves, schema={"version": pl.Int64, "token": pl.String, "person_id": pl.String}, orient="row"
    )
    return merged(history, {version: NanoRho(rho) for version, rho in spent.items()})


def test_nobody_merged_loses_what_the_answers_cost() -> None:
    assert after(THREE, {1: 10}) == Merged(1, 1, NanoRho(10))
    assert after([*THREE, (2, "d", "p")], {1: 10, 2: 5}) == Merged(2, 1, NanoRho(15))


def test_person_who_was_n_persons_lost_n_squared_times() -> None:
    assert after([*THREE, (2, "b", "p")], {1: 10}) == Merged(2, 2, NanoRho(40))
    assert after([*THREE, (2, "b", "p"), (3, "c", "p")], {1: 10}) == Merged(3, 3, NanoRho(90))


def test_each_answer_counts_with_the_people_of_its_own_version() -> None:
    """In version 1 one was three, in version 2 two, in version 3 one: 9, 4 and 1 times."""
    assert after([*THREE, (2, "b", "p"), (3, "c", "p")], {1: 10, 2: 10, 3: 10}) == Merged(3, 3, NanoRho(140))


def test_bound_is_that_of_one_person_and_not_of_the_worst_of_each_answer() -> None:
    """Two people were two each, in different versions: none was two in both."""
    moves: Moves = [(1, "a", "p"), (1, "b", "q"), (2, "b", "p"), (2, "c", "r"), (2, "d", "s"), (3, "d", "r")]
    assert after(moves, {1: 10, 2: 100}) == Merged(3, 2, NanoRho(400))


def test_part_of_somebody_is_two_steps_away() -> None:
    assert after([(1, "a", "p"), (1, "b", "p"), (2, "b", "q")], {1: 10}) == Merged(2, 2, NanoRho(40))


def test_part_of_somebody_merged_with_another_is_three_steps_away() -> None:
    moves: Moves = [(1, "a", "p"), (1, "b", "p"), (1, "c", "r"), (2, "b", "r")]
    assert after(moves, {1: 10}) == Merged(2, 3, NanoRho(90))


def test_merge_that_was_undone_costs_nothing_more() -> None:
    assert after([*THREE, (2, "b", "p"), (3, "b", "q")], {1: 10}) == Merged(3, 1, NanoRho(10))


@pytest.mark.parametrize(
    "moves",
    [
        [(1, "t", "p"), (2, "t#2", "q")],
        [(1, "t", "p"), (1, "t#2", "q"), (2, "t#2", None), (2, "t", "p")],
    ],
)
def test_token_that_got_or_lost_a_second_holder_is_followed_to_both(moves: Moves) -> None:
    assert after(moves, {1: 10}).steps > 1


def test_answers_without_a_graph_count_once() -> None:
    assert after([*THREE, (2, "b", "p")], {0: 7, 1: 10}) == Merged(2, 2, NanoRho(47))
    assert after([], {0: 7}) == Merged(0, 1, NanoRho(7))
