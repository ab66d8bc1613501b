"""TLS of the gRPC servers: files that are read again when they are renewed, and the names of clients' certificates."""

import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import grpc
import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificates

from privacy.errors import MangroveError

log = structlog.get_logger()

_LOOK_AGAIN_S = 1.0


class TlsUnusable(MangroveError):
    """The TLS files are missing, no PEM, or do not belong together."""

    reason = "CANNOT_LISTEN"


_Files = tuple[bytes, bytes, bytes | None]


def server_credentials(cert: Path, key: Path, client_ca: Path | None = None) -> grpc.ServerCredentials:
    """Return a server's credentials; connections made after the files were renewed use what stands in them then.

    Files that do not belong together, such as a new certificate beside the old key, are left alone until they do,
    and a warning is logged.

    Args:
        cert: The certificate and those between it and its authority, PEM.
        key: Its private key, PEM, without a password.
        client_ca: The authorities, PEM, of which every client has to show a certificate; None to ask for none.

    Raises:
        TlsUnusable: if a file is missing or of no use.
    """
    renewal = _Renewal(cert, key, client_ca)
    return grpc.dynamic_ssl_server_credentials(
        _configuration(renewal.files),
        renewal.fetch,  # type: ignore[arg-type] # None is allowed and means no change
        require_client_authentication=client_ca is not None,
    )


def peer_names(auth_context: Mapping[str, Iterable[bytes]] | None) -> tuple[str, ...]:
    """Return the names of the client's certificate, none if it showed none.

    They are its subject alternative names; its common name counts only if there are none of these (RFC 6125, 6.4.4).

    Args:
        auth_context: What `context.auth_context()` gives of a call to a server that verifies client certificates.
    """
    context = auth_context or {}
    names = context.get("x509_subject_alternative_name") or context.get("x509_common_name") or ()
    return tuple(name.decode(errors="replace") for name in names)


class _Renewal:
    """What stands in the files, looked at again when a client connects, at most once a second."""

    def __init__(self, cert: Path, key: Path, client_ca: Path | None) -> None:
        self._paths = (cert, key, client_ca)
        self._lock = threading.Lock()
        self._looked_at = time.monotonic()
        self._broken = False
        try:
            self.files = self._read()
        except OSError:
            raise TlsUnusable(
                "The TLS files cannot be read. See tls_cert, tls_key and tls_client_ca in mangrove.toml."
            ) from None

    def fetch(self) -> grpc.ServerCertificateConfiguration | None:
        """Return a new configuration if the files were renewed, None if not; called before each handshake."""
        with self._lock:
            now = time.monotonic()
            if now - self._looked_at < _LOOK_AGAIN_S:
                return None
            self._looked_at = now
            try:
                files = self._read()
            except (OSError, TlsUnusable) as error:
                if not self._broken:
                    log.warning("tls_files_unusable", error_type=type(error).__name__)
                self._broken = True
                return None
            self._broken = False
            if files == self.files:
                return None
            self.files = files
        log.info("tls_files_renewed")
        return _configuration(files)

    def _read(self) -> _Files:
        cert, key, client_ca = self._paths
        files = (cert.read_bytes(), key.read_bytes(), None if client_ca is None else client_ca.read_bytes())
        _check(files)
        return files


def _check(files: _Files) -> None:
    cert, key, client_ca = files
    try:
        belongs = load_pem_x509_certificates(cert)[0].public_key() == load_pem_private_key(key, None).public_key()
        if client_ca is not None:
            load_pem_x509_certificates(client_ca)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise TlsUnusable(
            "The TLS files are not PEM: tls_cert and tls_client_ca hold certificates, tls_key a private key without a "
            "password."
        ) from None
    if not belongs:
        raise TlsUnusable("The certificate in tls_cert was not made for the private key in tls_key. Set both anew.")


def _configuration(files: _Files) -> grpc.ServerCertificateConfiguration:
    cert, key, client_ca = files
    return grpc.ssl_server_certificate_configuration([(key, cert)], root_certificates=client_ca)
