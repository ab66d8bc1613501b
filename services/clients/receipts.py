"""Checks the receipt of an answer offline, with nothing but the answer's bytes and the service's public key."""

from google.protobuf.message import DecodeError

from mangrove.query.v1 import query_pb2
from privacy.receipts import Receipt, ReceiptInvalid, checked, public_key_of


def check_receipt(raw: bytes, public_key: str) -> Receipt:
    """Check that the answer and its receipt are what the service gave, and return what the receipt says.

    Args:
        raw: The answer's bytes, `Answer.raw`.
        public_key: The service's public key in PEM, as the operator handed it over.

    Raises:
        ReceiptInvalid: if anything was changed, the key is another one, or there is no receipt.
    """
    key = public_key_of(public_key)
    try:
        response = query_pb2.RunQueryResponse.FromString(raw)
    except DecodeError:
        raise ReceiptInvalid("This is no answer. Give the bytes of one, as `Answer.raw` has them.") from None
    if not response.HasField("receipt"):
        raise ReceiptInvalid("The answer has no receipt: it was given before there were receipts, or it was cut off.")
    receipt = response.receipt
    response.ClearField("receipt")
    answer = response.SerializeToString(deterministic=True)
    return checked(receipt.statement.encode(), receipt.signature, key, answer)
