"""What a receipt says, and the bytes that are signed."""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Self


@dataclass(frozen=True, slots=True)
class Receipt:
    """The promise of one answer.

    `question` is its canonical hash and `answer_sha256` that of the answer's bytes without the receipt, both in
    hexadecimal. `noise` gives for each noisy vector what it belongs to and its standard deviation. `interval_level`
    is how often an interval holds the exact value. `ledger_entry` and `ledger_hash` name the charge in the ledger's
    chain, made `at` (ISO 8601, UTC). The other fields mean what they mean in the answer's guarantee.
    """

    FORMAT: ClassVar[str] = "mangrove-receipt-1"

    partner: str
    question: str
    privacy_unit: str
    neighbour_relation: str
    dataset: str
    table_version: int
    identity_version: int
    rho_nano: int
    epsilon: float
    delta: float
    max_groups_per_person: int
    max_rows_per_group: int
    noise: tuple[tuple[str, float], ...]
    interval_level: float
    ledger_entry: int
    ledger_hash: str
    at: str
    answer_sha256: str

    def statement(self) -> bytes:
        """Give the text that is signed and handed over: JSON in one line, always the same."""
        told = {"format": self.FORMAT, **asdict(self)}
        return json.dumps(told, sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def of(cls, statement: bytes) -> Self:
        """Read a statement whose signature was checked.

        Raises:
            ValueError: if it is none of this format.
        """
        told: dict[str, Any] = json.loads(statement)
        if told.pop("format", None) != cls.FORMAT or told.keys() != {field.name for field in fields(cls)}:
            raise ValueError(cls.FORMAT)
        return cls(**{**told, "noise": tuple((name, scale) for name, scale in told["noise"])})
