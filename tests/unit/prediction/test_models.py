"""What every source of models promises to the handlers."""

from collections.abc import Callable

import pytest

from ml.online import Champions
from services.prediction.ports import Models
from tests.fakes.prediction import FakeModels, FakeRegistry


def followed() -> Models:
    registry = FakeRegistry("one", "two", OSError())
    online = Champions({"handover": registry, "resolution": FakeRegistry()}, lambda model: model)
    for version in (2, 3):
        registry.promote(version)
        online.refresh()
    return online


@pytest.fixture(params=[followed, lambda: FakeModels({"handover": "two"}, {"handover": 3}, version=2)])
def models(request: pytest.FixtureRequest) -> Models:
    make: Callable[[], Models] = request.param
    return make()


def test_it_tells_what_answers_and_what_does_not(models: Models) -> None:
    lineup = models.now()
    assert list(lineup.loaded) == ["handover"]
    assert (lineup.loaded["handover"].model, lineup.loaded["handover"].version) == ("two", 2)
    assert lineup.loaded["handover"].loaded_at.utcoffset() is not None
    assert lineup.failed == {"handover": 3}
