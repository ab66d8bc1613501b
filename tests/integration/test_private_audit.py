"""Epsilon measured with canaries on the real service: never above the claim, and near it.

A short form here; `MANGROVE_AUDIT_ANSWERS=200` (35,000 trials in each mart) shows nine tenths of the claim.
"""

import os

import pytest

from privacy.dp.types import NanoRho
from services.private_audit.measured import audit

ANSWERS = int(os.environ.get("MANGROVE_AUDIT_ANSWERS", "40"))
RHO = NanoRho(4_500_000_000)


@pytest.mark.slow
def test_measured_epsilon_is_below_the_claim_and_near_it() -> None:
    found = audit(rho=RHO, answers=ANSWERS)
    assert found.epsilon_at_least <= found.epsilon_claimed
    assert found.of_claim >= (0.9 if found.trials >= 35_000 else 0.85)
    assert found.trials == ANSWERS * 175
