"""What is promised of TLS files: a server starts with good ones only, and says which setting to look at."""

from pathlib import Path

import pytest
import trustme
from structlog.testing import capture_logs

from services import tls
from services.tls import TlsUnusable, peer_names, server_credentials


def write_leaf(folder: Path, leaf: trustme.LeafCert) -> tuple[Path, Path]:
    cert, key = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    key.write_bytes(leaf.private_key_pem.bytes())
    return cert, key


def test_good_files_make_credentials_with_and_without_client_certificates(tmp_path: Path) -> None:
    ca = trustme.CA()
    cert, key = write_leaf(tmp_path, ca.issue_cert("localhost"))
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    assert server_credentials(cert, key) is not None
    assert server_credentials(cert, key, tmp_path / "ca.pem") is not None


def test_files_that_are_missing_no_pem_or_of_two_pairs_are_refused(tmp_path: Path) -> None:
    ca = trustme.CA()
    cert, key = write_leaf(tmp_path, ca.issue_cert("localhost"))
    other = tmp_path / "other.pem"
    other.write_bytes(ca.issue_cert("localhost").private_key_pem.bytes())
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("nothing")
    with pytest.raises(TlsUnusable, match="tls_cert, tls_key and tls_client_ca"):
        server_credentials(cert, tmp_path / "missing.pem")
    with pytest.raises(TlsUnusable, match="was not made for the private key"):
        server_credentials(cert, other)
    for files in ((nothing, key, None), (cert, nothing, None), (cert, key, nothing), (key, cert, None)):
        with pytest.raises(TlsUnusable, match="not PEM"):
            server_credentials(*files)


def test_files_that_break_while_a_server_runs_warn_once_and_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "_LOOK_AGAIN_S", 0.0)
    ca = trustme.CA()
    cert, key = write_leaf(tmp_path, ca.issue_cert("localhost"))
    renewal = tls._Renewal(cert, key, None)
    assert renewal.fetch() is None
    with capture_logs() as logs:
        renewed = ca.issue_cert("localhost")
        cert.write_bytes(renewed.cert_chain_pems[0].bytes())
        assert [renewal.fetch(), renewal.fetch()] == [None, None]
        key.unlink()
        assert renewal.fetch() is None
        key.write_bytes(renewed.private_key_pem.bytes())
        assert renewal.fetch() is not None
        assert renewal.fetch() is None
    assert [entry["event"] for entry in logs] == ["tls_files_unusable", "tls_files_renewed"]
    assert str(tmp_path) not in str(logs)


@pytest.mark.parametrize(
    ("context", "names"),
    [
        (None, ()),
        ({}, ()),
        ({"transport_security_type": [b"ssl"]}, ()),
        ({"x509_subject_alternative_name": [b"a.example.com", b"b.example.com"]}, ("a.example.com", "b.example.com")),
        ({"x509_common_name": [b"shop"]}, ("shop",)),
        ({"x509_common_name": [b"shop"], "x509_subject_alternative_name": [b"a.example.com"]}, ("a.example.com",)),
        ({"x509_common_name": [b"\xff"]}, ("\ufffd",)),
    ],
)
def test_the_names_of_a_client_are_those_that_its_authority_vouched_for(
    context: dict[str, list[bytes]] | None, names: tuple[str, ...]
) -> None:
    assert peer_names(context) == names
