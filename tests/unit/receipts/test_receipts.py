"""A receipt is worth something only if nothing in it, and nothing of its answer, can be changed."""

import hashlib
import json
import os
from dataclasses import fields, replace
from typing import Any

import pytest

from privacy.receipts import Measurement, Receipt, ReceiptInvalid, Signer, checked, public_key_of, signed_as
from tests.measurements import a_measurement

ANSWER = b"the answer's bytes"
SIGNER = Signer(os.urandom(32))
KEY = public_key_of(SIGNER.public_key)


def a_receipt(**changes: Any) -> Receipt:
    receipt = Receipt(
        partner="ada",
        question="0a" * 32,
        privacy_unit="person",
        neighbour_relation="add or remove one person with all their rows",
        dataset="conversations",
        table_version=3,
        identity_version=7,
        rho_nano=12_500_000,
        epsilon=0.8123456789012345,
        delta=1e-6,
        max_groups_per_person=4,
        max_rows_per_group=3,
        noise=(("count", 37.94733192202055), ("mean_wait_s count", 12.5)),
        interval_level=0.95,
        ledger_entry=17,
        ledger_hash="ab" * 32,
        at="2026-11-21T09:00:00.000000+00:00",
        answer_sha256=hashlib.sha256(ANSWER).hexdigest(),
    )
    return replace(receipt, **changes)


def test_receipt_comes_back_as_it_was() -> None:
    receipt = a_receipt()
    assert checked(receipt.statement(), SIGNER.sign(receipt), KEY, ANSWER) == receipt


def test_statement_is_always_the_same_bytes() -> None:
    assert a_receipt().statement() == a_receipt().statement()
    assert Receipt.of(a_receipt().statement()).statement() == a_receipt().statement()


@pytest.mark.parametrize("field", [field.name for field in fields(Receipt)])
def test_no_field_can_be_changed(field: str) -> None:
    signature = SIGNER.sign(a_receipt())
    told = json.loads(a_receipt().statement())
    told[field] = [["count", 1.0]] if field == "noise" else told[field] * 2
    changed = json.dumps(told, sort_keys=True, separators=(",", ":")).encode()
    with pytest.raises(ReceiptInvalid, match="not signed"):
        checked(changed, signature, KEY, ANSWER)


def test_receipt_of_another_answer_is_refused() -> None:
    with pytest.raises(ReceiptInvalid, match="another answer"):
        checked(a_receipt().statement(), SIGNER.sign(a_receipt()), KEY, ANSWER + b"0")


def test_receipt_of_another_service_is_refused() -> None:
    other = Signer(os.urandom(32))
    with pytest.raises(ReceiptInvalid, match="not signed"):
        checked(a_receipt().statement(), other.sign(a_receipt()), KEY, ANSWER)


def test_signature_of_something_else_under_the_same_key_is_no_receipt() -> None:
    statement = a_receipt().statement()
    bare = SIGNER._key.sign(statement)
    with pytest.raises(ReceiptInvalid):
        checked(statement, bare, KEY, ANSWER)


@pytest.mark.parametrize("text", ["", "no key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_key_that_is_none_is_told(text: str) -> None:
    with pytest.raises(ReceiptInvalid, match="mangrove receipt key"):
        public_key_of(text)


def test_private_key_is_never_printed() -> None:
    secret = os.urandom(32)
    shown = f"{Signer(secret)!r} {Signer(secret)} {Signer(secret).public_key}"
    assert secret.hex() not in shown
    assert repr(secret)[2:-1] not in shown


def test_measurement_comes_back_as_it_was_and_is_no_receipt() -> None:
    measured = a_measurement()
    signature = SIGNER.sign(measured)
    assert signed_as(Measurement, measured.statement(), signature, KEY) == measured
    with pytest.raises(ReceiptInvalid, match="not signed"):
        signed_as(Receipt, measured.statement(), signature, KEY)
    better = replace(measured, epsilon_at_least=1.0).statement()
    with pytest.raises(ReceiptInvalid, match="not signed"):
        signed_as(Measurement, better, signature, KEY)
