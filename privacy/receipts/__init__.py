"""Receipts: what an answer promises about the people behind it, signed by the service that gave it.

A guarantee, a ledger entry and the hash of the answer's bytes come in; a signed statement leaves, which anybody who
has the public key checks without asking anyone.
"""

from privacy.receipts.receipt import Receipt
from privacy.receipts.signing import ReceiptInvalid, Signer, checked, public_key_of

__all__ = ["Receipt", "ReceiptInvalid", "Signer", "checked", "public_key_of"]
