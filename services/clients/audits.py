"""What was measured of the service's noise, beside what it claims, as a partner gets it."""

from dataclasses import dataclass

from privacy.receipts import Measurement, ReceiptInvalid, public_key_of, signed_as


@dataclass(frozen=True, slots=True)
class PublishedAudit:
    """The last measurement that was published, and the code that answers now.

    `measured` is as the service told it: `check` says whether the operator's installation signed it.
    """

    measured: Measurement
    running_code: str
    statement: bytes
    signature: bytes

    @classmethod
    def of(cls, statement: bytes, signature: bytes, running_code: str) -> "PublishedAudit":
        """Read a statement; its signature is not checked.

        Raises:
            ReceiptInvalid: if it is of no format that is known here.
        """
        try:
            return cls(Measurement.of(statement), running_code, statement, signature)
        except (ValueError, TypeError):
            raise ReceiptInvalid("The measurement is of a format that is not known here. Renew the client.") from None

    @property
    def is_of_running_code(self) -> bool:
        """Whether the code that was measured is the one that answers."""
        return self.measured.code == self.running_code

    def check(self, public_key: str) -> Measurement:
        """Check the signature offline, and give what was measured.

        Args:
            public_key: The service's public key in PEM, as the operator handed it over; that of receipts.

        Raises:
            ReceiptInvalid: if it was not signed with that key, or was changed since.
        """
        return signed_as(Measurement, self.statement, self.signature, public_key_of(public_key))

    def sentence(self) -> str:
        """Say it in words."""
        found = self.measured
        same = "the code that answers now" if self.is_of_running_code else "other code than answers now"
        return (
            f"measured: at rho {found.rho_nano / 1e9:g} epsilon is at least {found.epsilon_at_least:.3f} with "
            f"{found.confidence:.0%} confidence, {found.epsilon_claimed:.3f} at delta {found.delta:g} is claimed "
            f"({found.of_claim:.0%} of it; {found.trials:,} trials, {found.at[:10]}, {same})"
        )
