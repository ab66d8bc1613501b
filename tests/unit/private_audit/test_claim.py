"""What was measured is held to what is claimed."""

import pytest

from services.private_audit.measured import ClaimBroken, hold_to_claim
from tests.measurements import a_measurement


def test_more_than_is_claimed_breaks_the_claim() -> None:
    with pytest.raises(ClaimBroken, match=r"at least 5\.223, 5\.222 is claimed"):
        hold_to_claim(a_measurement(epsilon_at_least=5.223))


@pytest.mark.parametrize("measured", [0.0, 4.7, 5.222])
def test_less_or_as_much_keeps_it(measured: float) -> None:
    hold_to_claim(a_measurement(epsilon_at_least=measured))
