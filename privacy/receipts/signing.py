"""Ed25519 over the statements of receipts and measurements (RFC 8032), and the public key as text."""

import hashlib
from typing import ClassVar, Protocol, TypeVar

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from privacy.errors import MangroveError
from privacy.receipts.receipt import Receipt


class Statement(Protocol):
    """What can be signed. Its format stands before it, so that a signature means this format and nothing else."""

    FORMAT: ClassVar[str]

    def statement(self) -> bytes:
        """Give the text that is signed."""
        ...

    @classmethod
    def of(cls: type["_S"], statement: bytes) -> "_S":
        """Read such a text.

        Raises:
            ValueError, TypeError: if it is none.
        """
        ...


_S = TypeVar("_S", bound=Statement)


class ReceiptInvalid(MangroveError):
    """A receipt, or the key to check it with, is not what it should be."""

    reason = "RECEIPT_INVALID"


class Signer:
    """Signs receipts. It is never printed.

    Args:
        secret: The private key, 32 random bytes.
    """

    def __init__(self, secret: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(secret)

    @property
    def public_key(self) -> str:
        """The key to check with, PEM."""
        pem = self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return pem.decode()

    @property
    def raw_public_key(self) -> bytes:
        """The same as 32 bytes."""
        return self._key.public_key().public_bytes_raw()

    def sign(self, signed: Statement) -> bytes:
        """Sign a statement; 64 bytes."""
        return self._key.sign(_context(type(signed)) + signed.statement())

    def __repr__(self) -> str:
        return "Signer(…)"


def public_key_of(pem: str) -> Ed25519PublicKey:
    """Read a public key.

    Raises:
        ReceiptInvalid: if it is no Ed25519 key in PEM.
    """
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise ReceiptInvalid("The key is no public Ed25519 key in PEM. `mangrove receipt key` prints the right one.")
    return key


def signed_as(kind: type[_S], statement: bytes, signature: bytes, key: Ed25519PublicKey) -> _S:
    """Check that a statement of some kind was signed with a key, and give what it says.

    Args:
        kind: `Receipt` or `Measurement`.
        statement: What was signed.
        signature: 64 bytes.
        key: The service's public key, from somebody you trust and not from the service's answer.

    Raises:
        ReceiptInvalid: if it was not signed with that key, or is of another kind.
    """
    try:
        key.verify(signature, _context(kind) + statement)
        return kind.of(statement)
    except (InvalidSignature, ValueError, TypeError):
        raise ReceiptInvalid(
            "What was given was not signed with this key, or was changed since. Ask the operator for the key of that "
            "time."
        ) from None


def checked(statement: bytes, signature: bytes, key: Ed25519PublicKey, answer: bytes) -> Receipt:
    """Check that a receipt was signed with a key and belongs to an answer, and give what it says.

    Args:
        statement: What was signed.
        signature: 64 bytes.
        key: As in `signed_as`.
        answer: The answer's bytes without the receipt.

    Raises:
        ReceiptInvalid: if it was not signed with that key, or belongs to another answer.
    """
    receipt = signed_as(Receipt, statement, signature, key)
    if receipt.answer_sha256 != hashlib.sha256(answer).hexdigest():
        raise ReceiptInvalid("The receipt is genuine, but it belongs to another answer: these numbers were changed.")
    return receipt


def _context(kind: type[Statement]) -> bytes:
    return f"{kind.FORMAT}\n".encode()
