"""The installation's configuration: one TOML file, read once, validated, unknown keys refused."""

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from privacy.errors import MangroveError

FILE_NAME = "mangrove.toml"


class SettingsInvalid(MangroveError):
    """The configuration file is missing or breaks a rule."""

    reason = "SETTINGS_INVALID"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CollectorSettings(_Section):
    """The collector: where it listens, how much it takes, where its journal lies."""

    address: str = "127.0.0.1:50051"
    metrics_port: int = Field(0, ge=0, le=65535)
    tls_cert: str = ""
    tls_key: str = ""
    reflection: bool = False
    journal: str = "journal/collector.sqlite"
    max_events: int = Field(1000, ge=1, le=10_000)
    max_batch_bytes: int = Field(4 * 1024 * 1024, ge=1024)
    max_unlanded_events: int = Field(5_000_000, ge=1)
    drain_s: float = Field(10.0, gt=0)


class LanderSettings(_Section):
    """The lander: how much it lands at once, how long it waits, when it compacts small files."""

    max_events: int = Field(50_000, ge=1)
    poll_s: float = Field(0.5, gt=0)
    compact_every: int = Field(20, ge=2)
    emotion_days: int = Field(30, ge=1)


class QuerySettings(_Section):
    """The private query service: where it listens, its ledger and its catalogue."""

    address: str = "127.0.0.1:50052"
    metrics_port: int = Field(0, ge=0, le=65535)
    tls_cert: str = ""
    tls_key: str = ""
    reflection: bool = False
    ledger: str = "ledger/ledger.sqlite"
    catalogue: str = "catalogue.toml"
    drain_s: float = Field(10.0, gt=0)


class Settings(_Section):
    """Everything an installation decides. Paths are relative to the home folder.

    `masking` is the masking policy; empty for the one that is built in.
    """

    lake: str = "lake"
    keys: str = "keys.json"
    access: str = "access.toml"
    mlflow: str = "mlflow"
    masking: str = ""
    collector: CollectorSettings = CollectorSettings()
    lander: LanderSettings = LanderSettings()
    query: QuerySettings = QuerySettings()


class Home:
    """An installation's folder and what its configuration says.

    Args:
        folder: The folder that `mangrove init` made.

    Raises:
        SettingsInvalid: if the configuration is missing or breaks a rule.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        path = self.folder / FILE_NAME
        try:
            self.settings = Settings.model_validate(tomllib.loads(path.read_text()))
        except FileNotFoundError:
            raise SettingsInvalid(
                f"No {FILE_NAME} in the home folder. Run `mangrove init` first, or name the folder with --home."
            ) from None
        except tomllib.TOMLDecodeError:
            raise SettingsInvalid(
                f"{FILE_NAME} is not valid TOML. Mend it, or make a new one with `mangrove init`."
            ) from None
        except ValidationError as error:
            where = ", ".join(".".join(str(p) for p in e["loc"]) for e in error.errors())
            raise SettingsInvalid(f"{FILE_NAME} breaks a rule at: {where}. See infra/config/mangrove.toml.") from None

    def path(self, relative: str) -> Path:
        """Where a configured path lies: relative ones are below the home folder."""
        return self.folder / relative

    @property
    def lake_root(self) -> str:
        """The lake's root: a local folder, or a URL such as s3a://bucket/lake."""
        return self.settings.lake if "://" in self.settings.lake else str(self.path(self.settings.lake))
