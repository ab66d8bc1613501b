"""What was measured of a service's noise beside what it claims, as it is signed and published."""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Self


@dataclass(frozen=True, slots=True)
class Measurement:
    """The last measurement of epsilon with canaries.

    `at` is when it ended (ISO 8601, UTC), `code` what was measured and `mart` on what. Each question cost `rho_nano`;
    epsilon is at `delta`. `trials` is how often it was guessed in each of the two marts whether a canary is there, and
    `wrong_*` how many guesses were wrong. `*_at_least` hold at `confidence`: `mu` is the strength of Gaussian noise,
    `epsilon_at_least` takes noise for Gaussian and `epsilon_at_least_any_noise` does not.
    """

    FORMAT: ClassVar[str] = "mangrove-audit-1"

    at: str
    code: str
    mart: str
    rho_nano: int
    delta: float
    confidence: float
    answers: int
    canaries: int
    trials: int
    wrong_without: int
    wrong_with: int
    mu_claimed: float
    mu_at_least: float
    epsilon_claimed: float
    epsilon_at_least: float
    epsilon_at_least_any_noise: float

    @property
    def of_claim(self) -> float:
        """The share of the claimed epsilon that was measured; above 1 the claim is broken."""
        return self.epsilon_at_least / self.epsilon_claimed

    def statement(self) -> bytes:
        """Give the text that is signed and handed over: JSON in one line, always the same."""
        return json.dumps({"format": self.FORMAT, **asdict(self)}, sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def of(cls, statement: bytes) -> Self:
        """Read a statement.

        Raises:
            ValueError, TypeError: if it is none of this format.
        """
        told: dict[str, Any] = json.loads(statement)
        if told.pop("format", None) != cls.FORMAT or told.keys() != {field.name for field in fields(cls)}:
            raise ValueError(cls.FORMAT)
        return cls(**told)
