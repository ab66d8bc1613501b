"""Measurements of epsilon for tests that publish one."""

from dataclasses import replace
from typing import Any

from privacy.receipts import Measurement


def a_measurement(**changes: Any) -> Measurement:
    measured = Measurement(
        at="2026-11-21T09:00:00+00:00",
        code="0.1.0+0123456789abcdef",
        mart="private/conversations, generated: 700 cells of 48 people",
        rho_nano=500_000_000,
        delta=1e-6,
        confidence=0.95,
        answers=200,
        canaries=175,
        trials=35_000,
        wrong_without=10_378,
        wrong_with=11_283,
        mu_claimed=1.0,
        mu_at_least=0.968,
        epsilon_claimed=5.222,
        epsilon_at_least=4.709,
        epsilon_at_least_any_noise=0.803,
    )
    return replace(measured, **changes)
