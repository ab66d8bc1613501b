"""Ed25519 over a receipt's statement (RFC 8032), and the public key as text."""

import hashlib

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from privacy.errors import MangroveError
from privacy.receipts.receipt import FORMAT, Receipt

_CONTEXT = f"{FORMAT}\n".encode()
"""Stands before what is signed, so that a signature under this key means a receipt and nothing else."""


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

    def sign(self, receipt: Receipt) -> bytes:
        """Sign a receipt's statement; 64 bytes."""
        return self._key.sign(_CONTEXT + receipt.statement())

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


def checked(statement: bytes, signature: bytes, key: Ed25519PublicKey, answer: bytes) -> Receipt:
    """Check that a receipt was signed with a key and belongs to an answer, and give what it says.

    Args:
        statement: What was signed.
        signature: 64 bytes.
        key: The service's public key, from somebody you trust and not from the receipt.
        answer: The answer's bytes without the receipt.

    Raises:
        ReceiptInvalid: if it was not signed with that key, or belongs to another answer.
    """
    try:
        key.verify(signature, _CONTEXT + statement)
        receipt = Receipt.of(statement)
    except (InvalidSignature, ValueError, TypeError):
        raise ReceiptInvalid(
            "The receipt was not signed with this key, or was changed since. Ask the operator for the key of that time."
        ) from None
    if receipt.answer_sha256 != hashlib.sha256(answer).hexdigest():
        raise ReceiptInvalid("The receipt is genuine, but it belongs to another answer: these numbers were changed.")
    return receipt
