"""Makes an installation: keys, who may call, the configuration.

Running it again adds what is missing and changes nothing else; callers are added only when they are named.
"""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from privacy.errors import MangroveError
from privacy.linkage import LINKAGE_KEY
from privacy.pseudonyms import MASKED_TYPES, PERSON_TYPES, REFERENCE_TYPES, FileKeyProvider, make_key_file
from services.access import Role
from services.access.administration import Administration, NameInvalid, check_name
from services.audit import AuditLog
from services.settings import FILE_NAME, Home

POLICY_FILE = "masking.toml"
FIRST_SOURCE, FIRST_PARTNER = "demo", "partner"
"""Who may call in a new installation, unless others are named."""
RECEIPTS = "receipts"
"""The name of the private key that signs receipts."""
SECRETS = ("access", "truncation", LINKAGE_KEY, RECEIPTS)
"""Secrets beside the pseudonym keys: for API keys, the order of truncation, profiles' encodings, and receipts."""

_CONFIGURATION = """# Mangrove's configuration; paths are relative to this folder.
# All settings: infra/config/mangrove.toml.
lake = "lake"
keys = "keys.json"
access = "access.toml"
mlflow = "mlflow"
masking = "masking.toml"

[collector]
address = "127.0.0.1:{collector_port}"
metrics_port = 0

[query]
address = "127.0.0.1:{query_port}"
metrics_port = 0

[prediction]
address = "127.0.0.1:{prediction_port}"
metrics_port = 0
"""


class CredentialMissing(MangroveError):
    """There is no API key file for a caller."""

    reason = "CREDENTIAL_MISSING"


@dataclass(frozen=True, slots=True)
class Installed:
    """What `mangrove init` made or found."""

    home: Home
    new_callers: tuple[str, ...]


def install(
    folder: Path,
    *,
    source: str | None = None,
    partner: str | None = None,
    collector_port: int = 50051,
    query_port: int = 50052,
    prediction_port: int = 50053,
) -> Installed:
    """Make the keys, a source, a partner and the configuration in a folder; what is there stays.

    Where somebody may call already, nobody is added who is not named: a key that nobody asked for is a door.

    Args:
        folder: The home folder; it is made with mode 0700.
        source: Name of a source of events; None for `FIRST_SOURCE` in a new installation and nobody in another.
        partner: Name of a partner, likewise; a fresh catalogue lets it ask about every dataset.
        collector_port: Where the collector will listen on loopback.
        query_port: Where the query service will listen on loopback.
        prediction_port: Where the prediction service will listen on loopback.

    Raises:
        NameInvalid: if a name holds other characters than letters, digits, _ and -, or both are the same.
        CallerExists: if there is a partner of the source's name, or the other way round.
        KeysUnavailable: if there is a key file that cannot be used.
    """
    named: tuple[tuple[str | None, str, Role], ...] = (
        (source, FIRST_SOURCE, "source"),
        (partner, FIRST_PARTNER, "partner"),
    )
    wanted = [(default if name is None else name, role) for name, default, role in named]
    for name, _ in wanted:
        check_name(name)
    if wanted[0][0] == wanted[1][0]:
        raise NameInvalid
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    configuration = folder / FILE_NAME
    if not configuration.exists():
        ports = {"collector_port": collector_port, "query_port": query_port, "prediction_port": prediction_port}
        configuration.write_text(_CONFIGURATION.format(**ports))
    catalogue = folder / "catalogue.toml"
    if not catalogue.exists():
        default = (files("services.private_query") / "catalogue.toml").read_text()
        catalogue.write_text(default.replace('partners = ["partner"]', f'partners = ["{wanted[1][0]}"]'))
    home = Home(folder)
    policy = home.path(home.settings.masking)
    if home.settings.masking == POLICY_FILE and not policy.exists():
        policy.write_text((files("services.collector") / "masking.toml").read_text())
    keys = home.path(home.settings.keys)
    make_key_file(keys, (*PERSON_TYPES, *REFERENCE_TYPES, *MASKED_TYPES, *SECRETS))
    administration = administration_of(home, FileKeyProvider(keys).secret("access"))
    known = administration.callers() if home.path(home.settings.access).exists() else ()
    if known:
        wanted = [(name, role) for name, _, role in named if name is not None]
    made = [name for name, role in wanted if (name, role) not in {(entry.name, entry.role) for entry in known}]
    for name, role in wanted:
        if name in made:
            administration.add(name, role)
    return Installed(home, tuple(made))


def api_key_of(home: Home, name: str) -> str:
    """Return the API key that was left for a caller when it was made.

    Raises:
        CredentialMissing: if it left none, or the file was moved.
    """
    try:
        return credential_path(home, name).read_text().strip()
    except FileNotFoundError:
        raise CredentialMissing(
            f"There is no credentials/{name}.key in this home folder: its key was handed over, or there is no such "
            f"caller. `mangrove access list` shows who there is; `mangrove access add {name}` makes a source, and "
            f"`mangrove access rotate {name}` gives one that there is a new key."
        ) from None


def credential_path(home: Home, name: str) -> Path:
    """Where the API key of a caller is left when it is made."""
    return home.path("credentials") / f"{name}.key"


def administration_of(home: Home, secret: bytes) -> Administration:
    """Return what changes who may call, for a home folder and the secret under which its API keys are hashed."""
    audit = AuditLog(home.path(home.settings.audit))
    return Administration(home.path(home.settings.access), home.path("credentials"), secret, audit)
