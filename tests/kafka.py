"""A real Kafka broker for tests: one process on loopback, from the jars that `make setup-kafka` fetched."""

import base64
import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from services.collector.journals.kafka import Bounds, KafkaJournal
from services.collector.journals.kafka_brokers import KafkaBrokers
from services.collector.journals.kafka_feed import KafkaFeed
from services.collector.journals.kafka_group import KafkaFeeds
from services.collector.journals.kafka_topic import KafkaTopic
from services.demo.servers import free_port

READY_S = 60

_ROOT = Path(__file__).parent.parent
_JARS = _ROOT / ".kafka" / "jars"
_JVM = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")


class Broker:
    """A broker with its data in a folder; stopped and started again it has the same address and data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._java = _java()
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._properties = folder / "broker.properties"
        controller = free_port()
        self._properties.write_text(
            (_ROOT / "infra" / "kafka" / "broker.properties").read_text()
            + f"listeners=PLAINTEXT://127.0.0.1:{self._port},CONTROLLER://127.0.0.1:{controller}\n"
            + f"controller.quorum.voters=1@127.0.0.1:{controller}\n"
            + f"log.dirs={folder / 'data'}\n"
        )
        # An id that began with a dash would be taken for an option.
        cluster = "A" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]
        self._run("kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(self._properties)).wait(READY_S)

    @property
    def servers(self) -> str:
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start, and wait until it answers."""
        self._process = self._run("kafka.Kafka", str(self._properties))
        admin = AdminClient({"bootstrap.servers": self.servers, "log_level": 0, "reconnect.backoff.max.ms": 200})
        until = time.monotonic() + READY_S
        while True:
            try:
                if admin.list_topics(timeout=1).brokers:
                    return
            except KafkaException:
                pass
            if self._process.poll() is not None or time.monotonic() > until:
                self.kill()
                raise AssertionError(f"the broker did not start: see {self._folder / 'broker.log'}")

    def stop(self) -> None:
        """Let it end in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._end(signal.SIGKILL)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It keeps its connections and answers nothing until the block is left."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def topic(self, partitions: int = 1, config: dict[str, str] | None = None) -> KafkaTopic:
        """A new topic."""
        topic = KafkaTopic(KafkaBrokers(self.servers), f"events-{uuid.uuid4().hex[:8]}")
        topic.make(partitions, replicas=1, config=config)
        return topic

    def _end(self, signum: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(signum)
            self._process.wait(READY_S)
            self._process = None

    def _run(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self._folder / "broker.log").open("ab") as log:
            return subprocess.Popen([self._java, *_JVM, "-cp", f"{_JARS}/*", *arguments], stdout=log, stderr=log)


@contextmanager
def running_broker(folder: Path) -> Iterator[Broker]:
    """A broker with its data in a folder, until the block is left; the test is skipped where it cannot be run."""
    broker = Broker(folder)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()


@contextmanager
def both_ends(topic: KafkaTopic, bounds: Bounds | None = None) -> Iterator[tuple[KafkaJournal, KafkaFeed]]:
    """A journal in a topic of one partition, and its feed; both are closed when the block is left."""
    with closing(KafkaFeeds(topic, f"landers-{uuid.uuid4().hex[:8]}")) as feeds:
        (feed,) = feeds.assigned()
        with closing(KafkaJournal(topic, bounds)) as journal:
            yield journal, feed


def _java() -> str:
    java = shutil.which("java", path=f"{os.environ.get('JAVA_HOME', '')}/bin{os.pathsep}{os.environ['PATH']}")
    if java is not None and any(_JARS.glob("kafka_*.jar")):
        return java
    missing = "Kafka's jars or Java are missing: run `make setup-kafka`"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)
