"""How clients reach servers: plain text or TLS, with or without a certificate of their own, quick to come back."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from privacy.errors import MangroveError

_LARGEST_ANSWER = 16 * 1024 * 1024

# A dead server is noticed within 30 s also when its machine vanished without a word, and the pause between two
# tries to connect stays short, so that a restarted server is found at once. Each client has a connection of its
# own: several of them spread over the processes that share a port.
_OPTIONS = (
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 5_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.use_local_subchannel_pool", 1),
)


class TlsInvalid(MangroveError):
    """The files for TLS are of no use."""

    reason = "TLS_INVALID"


@dataclass(frozen=True, slots=True)
class ClientTls:
    """TLS of a client, as PEM files.

    `ca` is the authority that signed the server's certificate; None for the authorities that gRPC brings along.
    `cert` and `key` are the client's own, for servers that ask for one (mTLS): both or none. `name` is what the
    server's certificate has to be for, empty for the host that is called.
    """

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    name: str = ""

    def credentials(self) -> grpc.ChannelCredentials:
        """Read the files.

        Raises:
            TlsInvalid: if a file cannot be read, or one of `cert` and `key` is missing.
        """
        if (self.cert is None) != (self.key is None):
            raise TlsInvalid("A certificate of one's own needs both cert and key; one is missing. Give both or none.")
        try:
            ca, key, cert = (path.read_bytes() if path else None for path in (self.ca, self.key, self.cert))
        except OSError:
            raise TlsInvalid(
                "A TLS file cannot be read. See the paths of ca, cert and key, and who may read."
            ) from None
        return grpc.ssl_channel_credentials(ca, key, cert)


def channel(
    address: str, tls: ClientTls | None = None, *, gzip: bool = False, largest_answer: int = _LARGEST_ANSWER
) -> grpc.Channel:
    """Open a channel; it connects with the first call.

    Args:
        address: host:port.
        tls: None for plain text, which sends API keys unprotected: only on this machine or in a trusted network.
        gzip: Whether requests are compressed.
        largest_answer: The most bytes of an answer that are read.

    Raises:
        TlsInvalid: if the files for TLS are of no use.
    """
    how = _how(tls, gzip, largest_answer)
    return grpc.secure_channel(address, tls.credentials(), **how) if tls else grpc.insecure_channel(address, **how)


def aio_channel(
    address: str, tls: ClientTls | None = None, *, gzip: bool = False, largest_answer: int = _LARGEST_ANSWER
) -> grpc.aio.Channel:
    """Open a channel for asyncio; arguments and errors are those of `channel`."""
    how = _how(tls, gzip, largest_answer)
    if tls is None:
        return grpc.aio.insecure_channel(address, **how)
    return grpc.aio.secure_channel(address, tls.credentials(), **how)


def bearer(api_key: str) -> tuple[tuple[str, str], ...]:
    """Return the metadata that proves who calls."""
    return (("authorization", f"Bearer {api_key}"),)


def _how(tls: ClientTls | None, gzip: bool, largest_answer: int) -> dict[str, Any]:
    options: list[tuple[str, int | str]] = [*_OPTIONS, ("grpc.max_receive_message_length", largest_answer)]
    if tls is not None and tls.name:
        options.append(("grpc.ssl_target_name_override", tls.name))
    return {"options": options, "compression": grpc.Compression.Gzip if gzip else None}
