"""The installation's configuration: one TOML file, read once, validated, unknown keys refused."""

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from privacy.errors import MangroveError
from services.addresses import AddressInvalid, checked

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

FILE_NAME = "mangrove.toml"

PurposeName = Literal["service", "analytics", "learning"]


def _address(text: str) -> str:
    try:
        return checked(text)
    except AddressInvalid as error:
        raise ValueError(error.sentence) from None


def _address_or_none(text: str) -> str:
    return _address(text) if text else text


Address = Annotated[str, AfterValidator(_address)]
Port = Annotated[int, Field(ge=0, le=65535)]


class SettingsInvalid(MangroveError):
    """The configuration file is missing or breaks a rule."""

    reason = "SETTINGS_INVALID"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class JournalSettings(_Section):
    """Where acknowledged events wait to be landed, and how much may wait.

    `kind` is "sqlite", one file a worker in `folder`, or "kafka". `max_waiting_events` and `min_free_bytes` (of
    the disk) bound SQLite's journals, each worker's own: over them batches are refused until the lander catches up.
    `remembered` is how many event ids a worker remembers to tell duplicates, at least. With `kafka_partitions` a topic
    that is not there is made, with so many copies. `kafka_options` go to
    librdkafka as they are, such as `security.protocol`; a value `env:NAME` is taken from the environment.
    """

    kind: Literal["sqlite", "kafka"] = "sqlite"
    folder: str = "journal"
    max_waiting_events: int = Field(5_000_000, ge=1)
    min_free_bytes: int = Field(256 * 1024 * 1024, ge=0)
    remembered: int = Field(500_000, ge=1000)
    kafka_servers: str = "127.0.0.1:9092"
    kafka_topic: str = "mangrove-events"
    kafka_group: str = "mangrove-landers"
    kafka_partitions: int = Field(0, ge=0)
    kafka_replicas: int = Field(3, ge=1)
    kafka_options: dict[str, str] = {}


class SourceLimits(_Section):
    """What one source may send over all workers. Zero means no limit.

    Steady events and bytes a second, bursts of so many seconds of them, and events a UTC day.
    """

    events_per_s: float = Field(0, ge=0)
    bytes_per_s: float = Field(0, ge=0)
    burst_s: float = Field(10, gt=0)
    events_per_day: int = Field(0, ge=0)


class CollectorSettings(_Section):
    """The collector: where it listens, how much it takes at once, how it defends itself.

    `tls_client_ca` asks every client for a certificate of that authority; `local_cert` and `local_key` are what
    commands of this installation show then (the edge, imports, simulate, status), empty for `tls_cert` and `tls_key`.
    `max_calls` bounds the calls,
    `max_streams` the streams and `max_held_bytes` the bytes of requests that a worker holds at once, and a quarter of
    calls and streams is kept from any one source; `receive_s` is how long a client may take
    to hand a request over. `unknown_fields` says what becomes of events with fields that the schema does not
    have: "refuse" them, or "mask" what can be read as text and keep it. When it stops, a worker still takes calls
    for `pause_s`, so that health checks can see it go, and then lets running ones finish within `drain_s`.
    """

    address: Address = "127.0.0.1:50051"
    metrics_port: Port = 0
    workers: int = Field(1, ge=1, le=64)
    tls_cert: str = ""
    tls_key: str = ""
    tls_client_ca: str = ""
    local_cert: str = ""
    local_key: str = ""
    reflection: bool = False
    max_events: int = Field(1000, ge=1, le=10_000)
    max_batch_bytes: int = Field(4 * 1024 * 1024, ge=1024)
    max_calls: int = Field(256, ge=1)
    max_streams: int = Field(64, ge=1)
    max_held_bytes: int = Field(64 * 1024 * 1024, ge=1024)
    receive_s: float = Field(30.0, gt=0)
    stream_window: int = Field(8, ge=1, le=1000)
    unknown_fields: Literal["refuse", "mask"] = "refuse"
    pause_s: float = Field(0.5, ge=0)
    drain_s: float = Field(10.0, gt=0)
    limits: SourceLimits = SourceLimits()
    source_limits: dict[str, SourceLimits] = {}


class WebhookSettings(_Section):
    """One webhook: who calls it, as which source its events are taken, and where its secrets are.

    `secret` and `token` are `env:NAME` or `file:PATH`, never the secret itself; which of them a kind needs, and
    what it takes as consent, docs/adapters.md says. `api_key` is likewise where the source's API key is.
    """

    kind: Literal["chatwoot", "messenger", "wechat"]
    api_key: str
    secret: str
    token: str = ""
    app_id: str = ""
    purposes: tuple[PurposeName, ...] = ("service",)
    tolerance_s: float = Field(300.0, gt=0)


class EdgeSettings(_Section):
    """The HTTP edge: where it listens, how much it takes, where the collector is and which webhooks it serves.

    `collector` is host:port, empty for this installation's own, which is reached as `[collector]` says. Of another
    one `collector_ca` is the PEM file of its authority, `collector_cert` and `collector_key` the edge's own
    certificate, if it asks for one; of this installation's own they take the place of what `[collector]` says.
    `default_purposes` is what customers allowed when a message says nothing about it, `consent_categories` what
    the categories of a message's consent allow. `webhooks` are declared by name; the name is part of the URL,
    /webhooks/NAME.
    """

    address: Address = "127.0.0.1:8080"
    tls_cert: str = ""
    tls_key: str = ""
    collector: Annotated[str, AfterValidator(_address_or_none)] = ""
    collector_ca: str = ""
    collector_cert: str = ""
    collector_key: str = ""
    max_body_bytes: int = Field(512 * 1024, ge=1024)
    timeout_s: float = Field(10.0, gt=0)
    drain_s: float = Field(10.0, gt=0)
    default_purposes: tuple[PurposeName, ...] = ()
    consent_categories: dict[str, tuple[PurposeName, ...]] = {}
    webhooks: dict[str, WebhookSettings] = {}


class TracingSettings(_Section):
    """Where spans go (OTLP over gRPC, such as http://127.0.0.1:4317; empty for nowhere) and what share of calls."""

    endpoint: str = ""
    ratio: float = Field(0.01, ge=0, le=1)


class LanderSettings(_Section):
    """The lander: how much it lands at once, how long it waits, when it compacts small files.

    `remembered` is how many of the newest events of bronze it compares new ones with, at least.
    """

    max_bytes: int = Field(32 * 1024 * 1024, ge=1024)
    remembered: int = Field(5_000_000, ge=1000)
    poll_s: float = Field(0.5, gt=0)
    metrics_port: Port = 0
    compact_every: int = Field(120, ge=2)
    emotion_days: int = Field(30, ge=1)


class QuerySettings(_Section):
    """The private query service: where it listens, its ledger and its catalogue.

    `tls_client_ca` asks every partner for a certificate of that authority. `ledger` is the path of an SQLite file,
    or a PostgreSQL address such as `postgresql://mangrove@db.example.com/ledger`, which several services may share;
    `env:NAME` takes either from the environment, where a password may stand. `engine` says where exact aggregates
    are computed: "embedded", in the service itself, or on "spark", for marts that do not fit into its memory;
    `spark_master` is a cluster such as spark://host:7077 then, empty for this machine.
    """

    address: Address = "127.0.0.1:50052"
    metrics_port: Port = 0
    tls_cert: str = ""
    tls_key: str = ""
    tls_client_ca: str = ""
    reflection: bool = False
    ledger: str = "ledger/ledger.sqlite"
    catalogue: str = "catalogue.toml"
    engine: Literal["embedded", "spark"] = "embedded"
    spark_master: str = ""
    drain_s: float = Field(10.0, gt=0)


class PredictionSettings(_Section):
    """The prediction service: where it listens, how often it looks for other champions, how much it takes at once.

    `tls_client_ca` asks every source for a certificate of that authority. Every `reload_s` seconds the registry is
    asked which versions are champions. `threads` requests are worked on at once and `max_waiting` more may wait; over
    that they are turned away. `max_request_bytes` bounds one request, `max_held_bytes` all that are held at once.
    """

    address: Address = "127.0.0.1:50053"
    metrics_port: Port = 0
    tls_cert: str = ""
    tls_key: str = ""
    tls_client_ca: str = ""
    reflection: bool = False
    reload_s: float = Field(5.0, gt=0)
    threads: int = Field(2, ge=1, le=64)
    max_waiting: int = Field(64, ge=0)
    max_request_bytes: int = Field(4 * 1024 * 1024, ge=1024)
    max_held_bytes: int = Field(64 * 1024 * 1024, ge=1024)
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
    audit: str = "audit.jsonl"
    collector: CollectorSettings = CollectorSettings()
    journal: JournalSettings = JournalSettings()
    edge: EdgeSettings = EdgeSettings()
    tracing: TracingSettings = TracingSettings()
    lander: LanderSettings = LanderSettings()
    query: QuerySettings = QuerySettings()
    prediction: PredictionSettings = PredictionSettings()


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
            where = "; ".join(_broken(one) for one in error.errors())
            raise SettingsInvalid(f"{FILE_NAME} breaks a rule at {where}. See infra/config/mangrove.toml.") from None

    def path(self, relative: str) -> Path:
        """Where a configured path lies: relative ones are below the home folder."""
        return self.folder / relative

    @property
    def lake_root(self) -> str:
        """The lake's root: a local folder, or a URL such as s3a://bucket/lake."""
        return self.settings.lake if "://" in self.settings.lake else str(self.path(self.settings.lake))


def _broken(error: "ErrorDetails") -> str:
    """Say where a rule is broken and what it is, without what stands there: it may be a secret at a wrong place."""
    context = error.get("ctx", {})
    rules = {
        "extra_forbidden": "there is no such setting",
        "less_than_equal": f"at most {context.get('le')}",
        "greater_than_equal": f"at least {context.get('ge')}",
        "literal_error": f"one of {context.get('expected')}",
        "value_error": str(context.get("error", "")).rstrip("."),
    }
    rule = rules.get(error["type"], "")
    return ".".join(str(part) for part in error["loc"]) + (f" ({rule})" if rule else "")
