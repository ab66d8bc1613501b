import pytest

from spark_jobs.journeys.attribution import BOUGHT, LEFT, START, removal_effects


def test_a_channel_that_all_purchases_need_takes_as_much_as_the_one_before_it() -> None:
    moves = {(START, "web"): 10, ("web", "chat"): 10, ("chat", BOUGHT): 5, ("chat", LEFT): 5}
    assert removal_effects(moves) == {"chat": pytest.approx(0.5), "web": pytest.approx(0.5)}


def test_effects_are_those_of_a_chain_solved_by_hand() -> None:
    # Half begin on web, half in the app; web buys at 1/2, the app sends half to web and loses the rest.
    moves = {
        (START, "web"): 2,
        (START, "app"): 2,
        ("web", BOUGHT): 2,
        ("web", LEFT): 2,
        ("app", "web"): 1,
        ("app", LEFT): 1,
    }
    # To buy: 1/2 · 1/2 + 1/2 · 1/2 · 1/2 = 3/8; without web 0, without the app 1/4.
    effects = {"web": 1.0, "app": 1 - (1 / 4) / (3 / 8)}
    total = sum(effects.values())
    assert removal_effects(moves) == {name: pytest.approx(effect / total) for name, effect in effects.items()}


def test_loops_end_and_nobody_who_buys_owes_nothing() -> None:
    loop = {(START, "web"): 4, ("web", "chat"): 4, ("chat", "web"): 2, ("chat", BOUGHT): 1, ("chat", LEFT): 1}
    assert sum(removal_effects(loop).values()) == pytest.approx(1)
    assert removal_effects({(START, "web"): 3, ("web", LEFT): 3}) == {"web": 0.0}
    assert removal_effects({}) == {}
