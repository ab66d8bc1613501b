"""What a platform sends and how it is refused: the words that all webhooks share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from mangrove.event.v1 import event_pb2
from services.edge.errors import EdgeError


class SignatureInvalid(EdgeError):
    """No signature, a wrong one, or one made too long ago or ahead of time. They are told apart by nobody."""

    reason = "SIGNATURE_INVALID"
    status = 401

    def __init__(self) -> None:
        super().__init__(
            "The delivery is not signed as it should be, or its time is too far from this server's. See that the "
            "webhook's secret is the platform's and that both clocks are right."
        )


class VerificationRefused(EdgeError):
    """A platform's question whether this is its webhook does not show what only the platform knows."""

    reason = "VERIFICATION_REFUSED"
    status = 403

    def __init__(self) -> None:
        super().__init__(
            "The question does not show the webhook's token. See that the token is the same here and at the platform."
        )


class PayloadMalformed(EdgeError):
    """A delivery is signed as it should be, but is not what the platform documents."""

    reason = "PAYLOAD_MALFORMED"
    status = 400

    def __init__(self) -> None:
        super().__init__("The delivery is not what the platform documents; nothing of it was taken.")


@dataclass(frozen=True, slots=True)
class Delivery:
    """What was sent, by anybody.

    Attributes:
        headers: Headers in lower case and parameters of the query; one that was sent twice is left out.
        query: Parameters of the query likewise.
        body: The body's bytes as they came.
    """

    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Authentic:
    """A delivery that the platform signed; only a webhook's `authenticate` makes one.

    Attributes:
        signature: The signature that was found right. A platform makes another one for every delivery.
        content: The signed content, decrypted where the platform encrypts.
        signed_at_ns: When it was signed, nanoseconds since the Unix epoch; zero where the signature covers no time.
    """

    signature: str
    content: bytes
    signed_at_ns: int = 0


class Webhook(Protocol):
    """One platform's deliveries: whether they are the platform's, and what they say."""

    @property
    def answer(self) -> str:
        """The body by which the platform knows that a delivery was taken."""
        ...

    def authenticate(self, delivery: Delivery) -> Authentic:
        """Return what was signed.

        Raises:
            SignatureInvalid: if the platform did not sign it, or not just now.
            PayloadMalformed: if the signature is right and what it covers cannot be decrypted.
        """
        ...

    def events(self, authentic: Authentic) -> list[event_pb2.Event]:
        """Return the events of a delivery; none if it says nothing that we keep.

        Raises:
            PayloadMalformed: if it is not what the platform documents.
        """
        ...


@runtime_checkable
class Verifiable(Protocol):
    """A webhook whose platform asks, with a GET, whether it is one before it sends anything."""

    def verify(self, query: Mapping[str, str]) -> str:
        """Return what the platform wants to read.

        Raises:
            VerificationRefused: if it is not the platform that asks.
        """
        ...
