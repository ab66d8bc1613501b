"""The Kafka topic that both ends of the journal share: which one it is, what it must be like, how it is made."""

import time
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its stubs forgot to export four of them
    AdminClient,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    TopicDescription,
)

from privacy.errors import MangroveError
from services.collector.journals.kafka_brokers import ErrorLog, KafkaBrokers
from services.collector.ports import JournalUnavailable

T = TypeVar("T")

_ANSWER_S = 5.0
_READY_S = 10.0
_KEPT_MS = 7 * 24 * 3600 * 1000
_FORBIDDEN = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
}
_REFUSED = {KafkaError.TOPIC_EXCEPTION, KafkaError.POLICY_VIOLATION, KafkaError.INVALID_CONFIG}
_MOVED = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH,
}


class KafkaTopicUnfit(JournalUnavailable):
    """The topic is missing, may not be used, or would lose what was acknowledged."""

    reason = "KAFKA_TOPIC_UNFIT"

    def __init__(self, sentence: str) -> None:
        MangroveError.__init__(self, sentence)


@dataclass(frozen=True, slots=True)
class TopicIdentity:
    """Which topic it is: one that is made anew under the same name, or in another cluster, is another."""

    cluster_id: str
    topic_id: str


class KafkaTopic:
    """A topic.

    Args:
        brokers: Where it lies.
        name: Its name.
        max_message_bytes: The largest message: a batch is one, and masked JSON is larger than what was sent.
    """

    def __init__(self, brokers: KafkaBrokers, name: str, *, max_message_bytes: int = 16 * 1024 * 1024) -> None:
        self.brokers = brokers
        self.name = name
        self.max_message_bytes = max_message_bytes
        self._tell = ErrorLog("admin")

    def identity(self) -> TopicIdentity:
        """Return which topic it is now.

        Raises:
            KafkaTopicUnfit: if there is none, or it may not be looked at.
            JournalUnavailable: if the brokers do not answer.
        """
        topic_id = str(self._description().topic_id)
        try:
            return TopicIdentity(str(self._admin.cluster_id(_ANSWER_S)), topic_id)
        except KafkaException as error:
            raise self._error(error) from None

    def partitions(self) -> int:
        """Return how many partitions it has.

        Raises:
            KafkaTopicUnfit: if there is no such topic, or it may not be looked at.
            JournalUnavailable: if the brokers do not answer.
        """
        return len(self._description().partitions)

    def ends(self, partition: int) -> tuple[int, int]:
        """Return the first offset that a partition holds, and the one that its next message gets.

        A consumer could tell it too, but would ask behind its fetch, which the broker lets wait for new messages.

        Raises:
            KafkaTopicUnfit: if there is no such topic, or it may not be looked at.
            JournalUnavailable: if the brokers do not answer.
        """
        place = TopicPartition(self.name, partition)
        first, end = (
            self._offset(place, spec)
            for spec in (OffsetSpec.earliest(), OffsetSpec.latest())  # type: ignore[no-untyped-call]
        )
        return first, end

    def check(self) -> None:
        """See that an acknowledged message cannot get lost with one broker, and that the largest one fits.

        Raises:
            KafkaTopicUnfit: if the topic is missing or not like that.
            JournalUnavailable: if the brokers do not answer.
        """
        copies = min(len(partition.replicas) for partition in self._description().partitions)
        resource = ConfigResource(ConfigResource.Type.TOPIC, self.name)
        found = self._answer(self._admin.describe_configs([resource], request_timeout=_ANSWER_S)[resource])
        config = {name: entry.value for name, entry in found.items()}
        in_sync = min(copies, int(config["min.insync.replicas"]))
        if in_sync < 2 and int(config["flush.messages"]) != 1:
            raise KafkaTopicUnfit(
                f"The Kafka topic '{self.name}' may lose acknowledged events: {copies} copies, of which "
                f"{in_sync} must be written. Have at least three copies and set min.insync.replicas=2; with a single "
                "broker set flush.messages=1."
            )
        if config["unclean.leader.election.enable"] != "false":
            raise KafkaTopicUnfit(
                f"The Kafka topic '{self.name}' may lose acknowledged events when a copy that lags becomes its leader. "
                "Set unclean.leader.election.enable=false."
            )
        if config["cleanup.policy"] != "delete":
            raise KafkaTopicUnfit(f"The Kafka topic '{self.name}' is compacted. Set cleanup.policy=delete.")
        if int(config["max.message.bytes"]) < self.max_message_bytes:
            raise KafkaTopicUnfit(
                f"The Kafka topic '{self.name}' takes messages of {config['max.message.bytes']} bytes, and a batch may "
                f"need more. Set max.message.bytes={self.max_message_bytes} or more."
            )

    def make(self, partitions: int, *, replicas: int, config: Mapping[str, str] | None = None) -> None:
        """Make the topic if there is none; one that is there is left as it is.

        Args:
            partitions: How many landers can share the work at most.
            replicas: How many brokers keep a copy. With one, each message is synced to its disk.
            config: More of the topic's settings; events are kept seven days if it does not say otherwise.

        Raises:
            KafkaTopicUnfit: if it may not be made, or not so.
            JournalUnavailable: if the brokers do not answer.
        """
        durable = {"flush.messages": "1"} if replicas == 1 else {"min.insync.replicas": "2"}
        size = {"max.message.bytes": str(self.max_message_bytes)}
        settings = {"cleanup.policy": "delete", "retention.ms": str(_KEPT_MS), **durable, **size, **(config or {})}
        new = NewTopic(self.name, partitions, replicas, config=settings)
        try:
            self._admin.create_topics([new], request_timeout=_ANSWER_S)[self.name].result()
        except KafkaException as error:
            code = error.args[0].code()
            if code in {KafkaError.INVALID_REPLICATION_FACTOR, KafkaError.INVALID_PARTITIONS}:
                raise KafkaTopicUnfit(
                    f"The Kafka topic '{self.name}' cannot have {partitions} partitions with {replicas} copies: "
                    "there must be at least as many brokers as copies."
                ) from None
            if code != KafkaError.TOPIC_ALREADY_EXISTS:
                raise self._error(error) from None
        self._await_leaders()

    def _await_leaders(self) -> None:
        """Wait until every partition of a new topic can be used."""
        until = time.monotonic() + _READY_S
        while True:
            try:
                for partition in range(self.partitions()):
                    self.ends(partition)
            except JournalUnavailable:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)
            else:
                return

    @cached_property
    def _admin(self) -> AdminClient:
        client: AdminClient = self.brokers.client(AdminClient, "admin", fixed={}, defaults={})
        return client

    def _description(self) -> TopicDescription:
        found = self._admin.describe_topics(TopicCollection([self.name]), request_timeout=_ANSWER_S)
        description: TopicDescription = self._answer(found[self.name])
        return description

    def _offset(self, place: TopicPartition, spec: OffsetSpec, *, again: bool = True) -> int:
        asked = {place: spec}
        found = self._admin.list_offsets(
            asked, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=_ANSWER_S
        )
        try:
            return int(found[place].result().offset)
        except KafkaException as error:
            if not (again and error.args[0].code() in _MOVED):
                raise self._error(error) from None
        # The admin client does not look for the new leader by itself.
        with suppress(KafkaException):
            self._admin.list_topics(self.name, timeout=_ANSWER_S)
        return self._offset(place, spec, again=False)

    def _answer(self, future: "Future[T]") -> T:
        try:
            return future.result()
        except KafkaException as error:
            raise self._error(error) from None

    def _error(self, error: KafkaException) -> MangroveError:
        cause: KafkaError = error.args[0]
        if cause.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return KafkaTopicUnfit(
                f"There is no Kafka topic '{self.name}'. Make it with as many partitions as landers are to share it, "
                f"three copies, min.insync.replicas=2 and max.message.bytes={self.max_message_bytes}."
            )
        if cause.code() in _FORBIDDEN:
            return KafkaTopicUnfit(
                f"The brokers do not let this installation use the Kafka topic '{self.name}'. It needs Describe, "
                "DescribeConfigs, Write (collector) and Read (lander) on the topic, and Read on the lander's group."
            )
        if cause.code() in _REFUSED:
            return KafkaTopicUnfit(
                f"The brokers do not take the topic '{self.name}' ({cause.name()}): its name or settings break a rule "
                "of theirs."
            )
        self._tell(cause)
        return JournalUnavailable()
