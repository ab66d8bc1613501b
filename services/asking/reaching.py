"""How a terminal reaches the query service: an address, a key that is never on the command line, TLS."""

import os
from dataclasses import dataclass
from pathlib import Path

from services.addresses import checked
from services.asking.reading import AskInvalid
from services.clients.connection import ClientTls
from services.clients.query import QueryClient

KEY, KEY_FILE, ADDRESS = "MANGROVE_API_KEY", "MANGROVE_API_KEY_FILE", "MANGROVE_QUERY_ADDRESS"


@dataclass(frozen=True, slots=True)
class Reach:
    """Where the service is and what to show it. `tls` without files trusts the authorities that gRPC brings along."""

    address: str
    key_file: Path | None
    tls: bool
    ca: Path | None
    cert: Path | None
    cert_key: Path | None

    def client(self) -> QueryClient:
        """Connect.

        Raises:
            AddressInvalid: if the address is no host:port.
            AskInvalid: if there is no API key.
            TlsInvalid: if the files for TLS are of no use.
        """
        files = (self.ca, self.cert, self.cert_key)
        tls = ClientTls(*files) if self.tls or any(files) else None
        return QueryClient(checked(self.address), _api_key(self.key_file), tls)


def _api_key(file: Path | None) -> str:
    try:
        key = os.environ.get(KEY, "") if file is None else file.read_text()
    except (OSError, UnicodeDecodeError):
        raise AskInvalid("The file of the API key cannot be read. See --key-file and who may read it.") from None
    key = key.strip()
    if not key or not (key.isascii() and key.isprintable()):
        raise AskInvalid(f"An API key is needed: name its file with --key-file or {KEY_FILE}, or set {KEY}.")
    return key
