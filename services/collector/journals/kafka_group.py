"""Which partitions of a Kafka journal a process has: those that the landers' group gives it, or all to look at."""

import time
from collections.abc import Sequence

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from services.collector.journals.kafka_feed import KafkaFeed
from services.collector.journals.kafka_topic import KafkaTopic
from services.collector.ports import JournalUnavailable

log = structlog.get_logger()

_POLL_S = 0.1
_JOIN_S = 15.0
_REBALANCE_EVENTS = 100


class KafkaFeeds:
    """The partitions that this lander has among all landers of a group.

    A consumer joins the group and reads nothing: the feeds read. A lander that lost a partition and lands on is
    fenced off by the table itself.

    Args:
        topic: The topic.
        group: The landers' group.

    Raises:
        SettingsInvalid: if librdkafka does not take the settings.
    """

    def __init__(self, topic: KafkaTopic, group: str) -> None:
        self._topic = topic
        self._group = group
        self._partitions: set[int] = set()
        self._feeds: dict[int, KafkaFeed] = {}
        self._joined = False
        self._member = _member(topic, group)
        self._member.subscribe([topic.name], on_assign=self._assign, on_revoke=self._revoke, on_lost=self._revoke)

    def assigned(self) -> Sequence[KafkaFeed]:
        """Return the feeds of the partitions; the first call waits until the group let this lander in.

        Call it every five minutes at least, or the group gives the partitions to others.

        Raises:
            KafkaTopicUnfit: if there is no such topic, or it may not be read.
            JournalUnavailable: if the brokers do not answer.
        """
        if not self._joined:
            self._topic.identity()
            self._join()
        self._serve(0.0)
        for partition, feed in list(self._feeds.items()):
            if partition not in self._partitions or not feed.is_current:
                self._feeds.pop(partition).close()
        new = self._partitions - self._feeds.keys()
        if new:
            identity = self._topic.identity()
            for partition in sorted(new):
                self._feeds[partition] = KafkaFeed(self._topic, identity, partition, self._group, self._commit)
        return list(self._feeds.values())

    def close(self) -> None:
        """Leave the group, so that others get the partitions at once."""
        for feed in self._feeds.values():
            feed.close()
        self._feeds.clear()
        self._member.close()

    def _join(self) -> None:
        until = time.monotonic() + _JOIN_S
        while not self._joined:
            if time.monotonic() > until:
                log.warning("kafka_group_not_joined", group=self._group)
                raise JournalUnavailable
            self._serve(_POLL_S)

    def _serve(self, timeout_s: float) -> None:
        """Let the group's news in; what else comes are errors, as this consumer is paused."""
        try:
            messages = self._member.consume(_REBALANCE_EVENTS, timeout_s)
        except KafkaException as error:
            log.error("kafka_group_error", group=self._group, code=error.args[0].name())
            raise JournalUnavailable from None
        for problem in filter(None, (message.error() for message in messages)):
            log.warning("kafka_group_error", group=self._group, code=problem.name())

    def _assign(self, member: Consumer, partitions: list[TopicPartition]) -> None:
        member.incremental_assign(partitions)
        member.pause(partitions)
        self._partitions |= {partition.partition for partition in partitions}
        self._joined = True
        log.info("partitions_assigned", topic=self._topic.name, partitions=sorted(self._partitions))

    def _revoke(self, member: Consumer, partitions: list[TopicPartition]) -> None:
        member.incremental_unassign(partitions)
        self._partitions -= {partition.partition for partition in partitions}
        log.info("partitions_revoked", topic=self._topic.name, partitions=sorted(self._partitions))

    def _commit(self, position: TopicPartition) -> None:
        try:
            self._member.commit(offsets=[position], asynchronous=True)
        except KafkaException as error:
            log.warning("position_not_told", group=self._group, code=error.args[0].name())


class KafkaPartitions:
    """All partitions, whoever lands them: it joins no group, so no lander is disturbed.

    Args:
        topic: The topic.
        group: The landers' group, whose position says what has landed.

    Raises:
        KafkaTopicUnfit: if there is no such topic, or it may not be looked at.
        JournalUnavailable: if the brokers do not answer.
    """

    def __init__(self, topic: KafkaTopic, group: str) -> None:
        identity = topic.identity()
        self._feeds = [KafkaFeed(topic, identity, number, group) for number in range(topic.partitions())]

    def assigned(self) -> Sequence[KafkaFeed]:
        """Return a feed for each partition."""
        return self._feeds

    def close(self) -> None:
        """Let go of all partitions."""
        for feed in self._feeds:
            feed.close()


def _member(topic: KafkaTopic, group: str) -> Consumer:
    member: Consumer = topic.brokers.client(
        Consumer,
        "lander",
        fixed={
            "group.id": group,
            "enable.auto.commit": False,
            "partition.assignment.strategy": "cooperative-sticky",
            "auto.offset.reset": "latest",
        },
        # A lander that was killed is missed soon.
        defaults={"session.timeout.ms": 10_000, "heartbeat.interval.ms": 2_000, "reconnect.backoff.max.ms": 1000},
    )
    return member
