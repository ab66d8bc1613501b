"""Receipts: what an answer promises about the people behind it, signed by the service that gave it.

A guarantee, a ledger entry and the hash of the answer's bytes come in, or what a self-audit measured; a signed
statement leaves, which anybody who has the public key checks without asking anyone.
"""

from privacy.receipts.measurement import Measurement
from privacy.receipts.receipt import Receipt
from privacy.receipts.signing import ReceiptInvalid, Signer, checked, public_key_of, signed_as

__all__ = ["Measurement", "Receipt", "ReceiptInvalid", "Signer", "checked", "public_key_of", "signed_as"]
