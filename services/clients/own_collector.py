"""How commands of an installation reach its own collector: on this machine, and over TLS if it has TLS."""

from pathlib import Path

from cryptography import x509

from services.clients.connection import ClientTls, TlsInvalid
from services.settings import Home

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}


def address_of(home: Home, port: int | None = None) -> str:
    """Return host:port of the collector, which may listen on every interface; `port` is another one of its host."""
    host, _, own_port = home.settings.collector.address.rpartition(":")
    return f"{_EVERYWHERE.get(host, host)}:{own_port if port is None else port}"


def tls_of(home: Home) -> ClientTls | None:
    """Return how the collector is reached over TLS, None if it has none.

    Nobody but the holder of the certificate in `tls_cert` may answer, under whatever address it listens. Where it
    asks clients for a certificate, that of `local_cert` is shown, or else its own.

    Raises:
        TlsInvalid: if `tls_cert` is no certificate.
    """
    settings = home.settings.collector
    if not settings.tls_cert:
        return None
    cert = key = None
    if settings.local_cert or settings.local_key:
        cert, key = _path(home, settings.local_cert), _path(home, settings.local_key)
    elif settings.tls_client_ca:
        cert, key = home.path(settings.tls_cert), _path(home, settings.tls_key)
    return ClientTls(home.path(settings.tls_cert), cert, key, _name_in(home.path(settings.tls_cert)))


def _path(home: Home, configured: str) -> Path | None:
    return home.path(configured) if configured else None


def _name_in(certificate: Path) -> str:
    """Return a name that a certificate is valid for: its holder is called where it listens, not by that name."""
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return "localhost"
    except (OSError, ValueError):
        raise TlsInvalid(
            "The collector's certificate cannot be read. See tls_cert of [collector] in mangrove.toml, and who may "
            "read the file."
        ) from None
    return str(next(iter(names)).value).replace("*", "collector")
