"""The last measurement of epsilon, signed, in a file of the home folder: written by an officer, read by the service."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from privacy.errors import MangroveError
from privacy.receipts import Measurement, ReceiptInvalid, Signer, public_key_of, signed_as
from services.audit import AuditLog
from services.private_files import write_private
from services.settings import Home

_FILE = "measured-epsilon.json"


class MeasurementUnreadable(MangroveError):
    """The file of the last measurement is not what was signed."""

    reason = "MEASUREMENT_UNREADABLE"

    def __init__(self) -> None:
        super().__init__(
            "What was last measured cannot be read, or was changed since it was signed. It has to be measured and "
            "published again: `mangrove audit epsilon --publish`."
        )


@dataclass(frozen=True, slots=True)
class Signed:
    """A measurement's statement with its signature, and the public key that fits, 32 bytes."""

    statement: bytes
    signature: bytes
    public_key: bytes


class Published:
    """What was published in a home folder; services see a new measurement with the next call.

    Args:
        home: The installation.
        signer: The key that signs receipts.
    """

    def __init__(self, home: Home, signer: Signer) -> None:
        self._path: Path = home.path(_FILE)
        self._audit = AuditLog(home.path(home.settings.audit))
        self._signer = signer

    def publish(self, measured: Measurement) -> None:
        """Put a measurement in the place of the last one, all or nothing, after a line in the audit.

        Raises:
            AuditUnavailable: if the audit cannot be written.
        """
        statement, signature = measured.statement(), self._signer.sign(measured)
        digest = hashlib.sha256(statement).hexdigest()
        self._audit.note("audit.publish", code=measured.code, trials=measured.trials, statement_sha256=digest)
        write_private(self._path, json.dumps({"statement": statement.decode(), "signature": signature.hex()}) + "\n")

    def last(self) -> Signed | None:
        """Give what was published last, None if nothing was.

        Raises:
            MeasurementUnreadable: if the file is broken, or was not signed with this installation's key.
        """
        try:
            told = json.loads(self._path.read_text())
            statement, signature = told["statement"].encode(), bytes.fromhex(told["signature"])
            signed_as(Measurement, statement, signature, public_key_of(self._signer.public_key))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError, ReceiptInvalid):
            raise MeasurementUnreadable from None
        return Signed(statement, signature, self._signer.raw_public_key)
