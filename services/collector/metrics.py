"""Every metric of the collector and of the lander: names, units, labels, buckets.

Labels hold names that the installation gives (sources, journals) and words of the code, never anything of an event.
Calls by reason, also those turned away for want of room, their seconds and the bytes they hold are counted for every
server in `services.grpc_gate`.
"""

import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import structlog
from prometheus_client import Counter, Gauge, Histogram, Metric
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from privacy.errors import MangroveError
from services.collector.status import JournalState, damaged_journals

log = structlog.get_logger()

VERDICTS = Counter("mangrove_collector_verdicts", "Verdicts on events.", ["source", "verdict"])
VIOLATIONS = Counter(
    "mangrove_collector_violations", "Rules that refused events broke, as field:RULE.", ["source", "rule"]
)
MASKING_FAILURES = Counter(
    "mangrove_masking_failures",
    "Texts that a detector could not search, by cause: error, timeout or missing.",
    ["source", "detector", "cause"],
)
ACK_SECONDS = Histogram(
    "mangrove_collector_ack_seconds",
    "Time from a batch's arrival to its verdicts, which follow the fsync, in seconds.",
    ["method"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
BATCH_EVENTS = Histogram(
    "mangrove_collector_batch_events",
    "Events of a batch.",
    ["source"],
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000),
)
WORKERS = Gauge(
    "mangrove_collector_workers", "Worker processes: alive, and wanted.", ["state"], multiprocess_mode="livesum"
)
RESTARTS = Counter("mangrove_collector_worker_restarts", "Workers that were started again, by cause.", ["cause"])

LANDED = Counter("mangrove_lander_records", "Rows that landed.", ["table"])
REPEATS = Counter("mangrove_lander_repeats", "Rows left out because the lake holds the event already.")
ROUND_SECONDS = Histogram(
    "mangrove_lander_round_seconds",
    "Time it took to land a journal's oldest records, in seconds.",
    buckets=(0.01, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60),
)
CONFLICTS = Counter("mangrove_lander_conflicts", "Appends that another lander forestalled.")
NOT_LANDED = Gauge(
    "mangrove_lander_journals_not_landed", "Journals that could not be landed in the last round, by reason.", ["reason"]
)


class JournalMetrics(Collector):
    """What waits in the journals, looked up at each scrape.

    Args:
        journals: The state of every journal now; a `MangroveError` of it leaves these metrics out of the scrape.
    """

    def __init__(self, journals: Callable[[], Iterable[JournalState]]) -> None:
        self._journals = journals

    def describe(self) -> Iterable[Metric]:
        """Return the families without samples."""
        return self._families(())

    def collect(self) -> Iterable[Metric]:
        """Return depth, age and bytes of each journal, and the lander's lag."""
        try:
            return self._families(list(self._journals()))
        except MangroveError as error:
            log.warning("journals_not_measured", reason=error.reason)
            return ()

    def _families(self, states: Iterable[JournalState]) -> tuple[Metric, ...]:
        depth = GaugeMetricFamily(
            "mangrove_journal_depth", "Events and refusals that wait to be landed.", labels=["journal"]
        )
        age = GaugeMetricFamily(
            "mangrove_journal_oldest_age_seconds", "Age of the oldest that waits, in seconds.", labels=["journal"]
        )
        size = GaugeMetricFamily("mangrove_journal_bytes", "Bytes on disk.", labels=["journal"])
        lag = GaugeMetricFamily(
            "mangrove_lander_lag_seconds", "Age of the oldest in any journal that has not landed, in seconds."
        )
        for state in states:
            depth.add_metric([state.name], state.waiting_events)
            age.add_metric([state.name], state.oldest_age_s)
            size.add_metric([state.name], state.bytes)
        lag.add_metric([], max((sample.value for sample in age.samples), default=0.0))
        return depth, age, size, lag


class DamagedMetrics(Collector):
    """How many damaged journals were set aside and wait to be salvaged, looked up at each scrape.

    Args:
        folder: Where SQLite's journals are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def describe(self) -> Iterable[Metric]:
        """Return the family without samples."""
        return [self._family()]

    def collect(self) -> Iterable[Metric]:
        """Return how many there are."""
        damaged = self._family()
        damaged.add_metric([], len(damaged_journals(self._folder)))
        return [damaged]

    def _family(self) -> GaugeMetricFamily:
        return GaugeMetricFamily("mangrove_journals_damaged", "Damaged journals that were set aside.")


class DiskMetrics(Collector):
    """How much room there is, looked up at each scrape.

    Args:
        folders: Folders by the name under which they are told, such as journal and lake. One that is not there
            is left out.
    """

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._folders = folders

    def describe(self) -> Iterable[Metric]:
        """Return the family without samples."""
        return [self._family()]

    def collect(self) -> Iterable[Metric]:
        """Return the bytes free for each folder."""
        free = self._family()
        for place, folder in self._folders.items():
            if folder.is_dir():
                free.add_metric([place], shutil.disk_usage(folder).free)
        return [free]

    def _family(self) -> GaugeMetricFamily:
        return GaugeMetricFamily("mangrove_disk_free_bytes", "Bytes free on the disk of a folder.", labels=["place"])
