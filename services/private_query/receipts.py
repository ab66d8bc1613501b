"""Puts a signed receipt behind the bytes of an answer."""

import hashlib
from collections.abc import Iterator

from privacy.dp.accounting import CONFIDENCE
from privacy.ledger.port import Reservation
from privacy.receipts import Receipt, Signer
from services.private_query.ports import NEIGHBOURS, PRIVACY_UNIT, Answer, Encode, Guarantee
from services.private_query.wire import answer_to_bytes, receipt_to_bytes


def receipted(signer: Signer) -> Encode:
    """Give what encodes answers with receipts that `signer` signs."""

    def encode(answer: Answer, reservation: Reservation) -> bytes:
        encoded = answer_to_bytes(answer)
        receipt = _receipt(answer.guarantee, reservation, encoded)
        return encoded + receipt_to_bytes(receipt.statement(), signer.sign(receipt), signer.raw_public_key)

    return encode


def _receipt(guarantee: Guarantee, reservation: Reservation, encoded: bytes) -> Receipt:
    return Receipt(
        partner=reservation.charge.partner,
        question=reservation.charge.question.hex(),
        privacy_unit=PRIVACY_UNIT,
        neighbour_relation=NEIGHBOURS,
        dataset=guarantee.dataset,
        table_version=guarantee.table_version,
        identity_version=guarantee.identity_version,
        rho_nano=guarantee.rho,
        epsilon=guarantee.epsilon,
        delta=guarantee.delta,
        max_groups_per_person=guarantee.max_groups_per_person,
        max_rows_per_group=guarantee.max_rows_per_group,
        noise=tuple(_noise(guarantee)),
        interval_level=CONFIDENCE,
        ledger_entry=reservation.number,
        ledger_hash=reservation.hash.hex(),
        at=reservation.at.isoformat(timespec="microseconds"),
        answer_sha256=hashlib.sha256(encoded).hexdigest(),
    )


def _noise(guarantee: Guarantee) -> Iterator[tuple[str, float]]:
    for noise in guarantee.noise:
        yield noise.measure, noise.scale
        if noise.count_scale:
            yield f"{noise.measure} rows", noise.count_scale
        if noise.square_scale:
            yield f"{noise.measure} squares", noise.square_scale
    if guarantee.finding is not None:
        yield "people in a group", guarantee.finding.scale
