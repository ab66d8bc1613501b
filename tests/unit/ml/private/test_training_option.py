from dataclasses import replace

import pytest

from ml.next_action.task import HandOver, NextActionModel
from ml.private.check import check_privacy
from ml.private.edges import NEXT_ACTION
from ml.private.training import Privately
from ml.registry import Registry
from ml.tasks import NotPrivate, chosen, privately
from ml.train import CARD, train
from tests.unit.ml.moments import moments, write_features

PRIVATELY = Privately(NEXT_ACTION, epsilon=8.0, delta=1e-6)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("private")
    write_features(root / "lake", moments(6000, people=5000))
    return root


def test_the_guarantee_and_its_price_are_on_the_card_and_the_model_can_be_champion(place):
    first = train(HandOver(), str(place / "lake"), place / "mlflow")
    assert first.promoted, first.sentence
    private = train(HandOver(PRIVATELY), str(place / "lake"), place / "mlflow", check_privacy)
    assert private.is_new
    assert private.promoted, private.sentence
    registry = Registry(place / "mlflow", "handover")
    run = registry.run_of(private.version)
    assert 0 < run.data.metrics["epsilon"] <= 8.0
    assert run.data.metrics["membership_low"] <= 0.55
    card = registry.text_of(run.info.run_id, CARD)
    assert "| epsilon | delta | AUC |" in card
    assert "Trained with differential privacy for each person" in card
    assert not isinstance(registry.champion().model, NextActionModel)
    assert registry.champion_version() == private.version
    again = train(HandOver(PRIVATELY), str(place / "lake"), place / "mlflow")
    assert (again.is_new, again.rivals) == (False, private.rivals)


def test_a_champion_counts_as_a_rival_only_with_a_guarantee_at_least_as_strong(place):
    split = HandOver().split(HandOver().learnable(moments(3000, people=2500)))
    strong, weak = (HandOver(Privately(NEXT_ACTION, epsilon, 1e-6)).fit(split) for epsilon in (1.0, 4.0))
    task = HandOver(Privately(NEXT_ACTION, 2.0, 1e-6))
    assert task.accepts(strong)
    assert not task.accepts(weak)
    assert not task.accepts(HandOver().fit(split))
    assert HandOver().accepts(weak)


def test_a_champion_for_other_inputs_is_no_rival():
    split = HandOver().split(HandOver().learnable(moments(3000, people=2500)))
    old = HandOver().fit(split)
    assert HandOver().accepts(old)
    old.columns = replace(old.columns, numbers=old.columns.numbers[:-1])
    assert not HandOver().accepts(old)


def test_what_can_give_no_guarantee_says_so():
    assert [task.name for task in privately(chosen(["handover", "resolution"]), 2.0, 1e-6)] == [
        "handover",
        "resolution",
    ]
    with pytest.raises(NotPrivate, match="Name them with --epsilon"):
        privately(chosen(["segments"]), 2.0, 1e-6)
