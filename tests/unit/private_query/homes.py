"""Small installations for tests: a home with keys, partners, a catalogue and marts of generated people."""

import json
import random
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
from deltalake import CommitProperties, write_deltalake

from privacy.pseudonyms import FileKeyProvider, make_key_file
from services.access import hash_api_key, new_api_key
from services.private_query.catalogue import DEFAULT_CATALOGUE
from services.settings import FILE_NAME
from spark_jobs.lake import tables
from spark_jobs.lake.schemas import Table
from spark_jobs.lake.snapshot import IDENTITY_VERSION

FIRST_DAY = date(2026, 1, 1)
DAYS = 30
CHANNELS = ("web", "app", "chat", "voice")


@dataclass(frozen=True, slots=True)
class TestHome:
    """A home folder and the API keys of its partners, by name."""

    __test__ = False

    folder: Path
    keys: dict[str, str]


def conversations(people: int, *, seed: int = 1) -> pa.Table:
    """A mart with 1 to 8 conversations a person over 30 days from 2026-01-01; some values are missing."""
    rng = random.Random(seed)
    rows = []
    for person in range(people):
        for n in range(rng.randint(1, 8)):
            rows.append(
                {
                    "person_id": f"person-{person}",
                    "row_token": f"conversation-{person}-{n}",
                    "day": FIRST_DAY + timedelta(days=rng.randrange(DAYS)),
                    "channel": rng.choice(CHANNELS),
                    "language": rng.choice(["zh", "en", "fr", None]),
                    "outcome": rng.choice(["resolved", "abandoned"]),
                    "handed_over": rng.choice([True, False]),
                    "turns": rng.randint(1, 40),
                    "wait_s": rng.choice([None, 10, 60, 600]),
                    "satisfaction": rng.choice([None, None, 1, 3, 5]),
                }
            )
    return pa.Table.from_pylist(rows, schema=tables.PRIVATE_CONVERSATIONS.schema)


def write_mart(folder: Path, table: Table, rows: pa.Table, *, identity_version: int | None = None) -> None:
    """Append rows to a table of the home's lake: a new version, which may say of which people it is."""
    said = None if identity_version is None else {"userMetadata": json.dumps({IDENTITY_VERSION: identity_version})}
    path = str(folder / "lake" / table.path)
    write_deltalake(path, rows, mode="append", commit_properties=CommitProperties(custom_metadata=said))


def make_home(
    folder: Path,
    *,
    people: int = 200,
    partner_rho_nano: int = 500_000_000,
    dataset_rho_nano: int = 1_000_000_000,
    settings: str = "",
) -> TestHome:
    """A home with the datasets `conversations` for ada and bob, and `journeys`, without a mart, for bob."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE_NAME).write_text(settings)
    catalogue = DEFAULT_CATALOGUE.read_text()
    catalogue = catalogue.replace('partners = ["partner"]', 'partners = ["ada", "bob"]', 1)
    catalogue = catalogue.replace('partners = ["partner"]', 'partners = ["bob"]', 1)
    catalogue = catalogue.replace("partner_rho_nano = 500_000_000", f"partner_rho_nano = {partner_rho_nano}")
    catalogue = catalogue.replace("dataset_rho_nano = 1_000_000_000", f"dataset_rho_nano = {dataset_rho_nano}")
    (folder / "catalogue.toml").write_text(catalogue)
    make_key_file(folder / "keys.json", ["access", "truncation", "receipts"])
    secret = FileKeyProvider(folder / "keys.json").secret("access")
    keys = {name: new_api_key("partner") for name in ("ada", "bob")}
    (folder / "access.toml").write_text(
        "".join(
            f'[[caller]]\nname = "{name}"\nrole = "partner"\nkey_hash = "{hash_api_key(key, secret)}"\n'
            for name, key in keys.items()
        )
    )
    write_mart(folder, tables.PRIVATE_CONVERSATIONS, conversations(people))
    return TestHome(folder, keys)
