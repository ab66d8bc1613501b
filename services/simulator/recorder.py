"""Writes events down in the wire format, and beside them what is true of them.

Here the sending side's faults are drawn: events that arrive late, arrive twice, or break a rule.
"""

import random
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.struct_pb2 import Struct

from mangrove.event.v1 import event_pb2 as pb
from mangrove.privacy.v1 import options_pb2 as ids
from services.simulator.journeys import Visit
from services.simulator.people import Names, Person
from services.simulator.personal_data import PersonalData
from services.simulator.sharing import Naming, Scene, Shown

CHANNELS = {
    "web": pb.CHANNEL_WEB, "app": pb.CHANNEL_APP, "chat": pb.CHANNEL_CHAT, "voice": pb.CHANNEL_VOICE,
    "email": pb.CHANNEL_EMAIL, "social": pb.CHANNEL_SOCIAL, "store": pb.CHANNEL_STORE,
}  # fmt: skip
LATE_SHARE = 0.02
DUPLICATE_SHARE = 0.005
INVALID_SHARE = 0.018
UNSET_CONSENT_SHARE = 0.1
_CITIES = (
    (31.23, 121.47),
    (39.90, 116.41),
    (23.13, 113.26),
    (30.57, 104.07),
    (22.54, 114.06),
    (51.51, -0.13),
)
_USER_AGENTS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_2 like Mac OS X)",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/131",
    "MangroveShop/7.4 (Android 15)",
)


@dataclass(slots=True)
class Marks:
    """What is true of single events: whose they are, and which are out of the ordinary. All are event ids.

    `shared` has, by kind, those that show an identifier that is not the person's own or not for good; `visits` has
    each person's events that may be stored, in the order of recording.
    """

    person_of: dict[str, str] = field(default_factory=dict)
    invalid: dict[str, str] = field(default_factory=dict)
    without_consent: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    nameless: list[str] = field(default_factory=list)
    shared: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    visits: dict[str, list[Visit]] = field(default_factory=lambda: defaultdict(list))


class Recorder:
    """Builds events and keeps them with the moment at which they are sent.

    `sent` holds (seconds from the start, order of recording, event).
    """

    def __init__(self, rng: random.Random, data: PersonalData, naming: Naming, start_unix_s: int) -> None:
        self._rng = rng
        self._data = data
        self._naming = naming
        self._start_unix_s = start_unix_s
        self.sent: list[tuple[float, int, pb.Event]] = []
        self.marks = Marks()

    def new_id(self) -> str:
        """An opaque id: 32 hexadecimal digits."""
        return f"{self._rng.getrandbits(128):032x}"

    def record(
        self, person: Person, at: float, channel: str, names: Names, conversation_id: str = "", **body: Any
    ) -> str:
        """Write one event down, `at` seconds from the start, and return its id.

        `names` are the person's own; which of them are seen, the world's sharing decides. `body` is one keyword: the
        name of the body in the schema and its message.
        """
        shown = self._naming.shown(Scene(person, at, channel, conversation_id), names)
        event = pb.Event(
            event_id=self.new_id(),
            channel=CHANNELS[channel],
            occurred_at_unix_nano=self._start_unix_s * 10**9 + round(at * 1000) * 10**6,
            identifiers=[pb.Identifier(type=kind, value=self._data.remember(value)) for kind, value in shown.names],
            conversation_id=conversation_id,
            context=self._context(person, channel),
            **body,
        )
        self._consent(event, person, at)
        self._note(event, person, shown)
        self._visit(event, person, channel)
        self._send(event, at)
        allowed = pb.PURPOSE_ANALYTICS in event.consent.purposes
        if not conversation_id and allowed and self._rng.random() < INVALID_SHARE:
            self._record_broken(event, person, at)
        return event.event_id

    def _context(self, person: Person, channel: str) -> pb.Context:
        rng = self._rng
        context = pb.Context(locale="zh-CN" if person.language == "zh" else rng.choice(("en-US", "en-GB", "en")))
        if channel in ("web", "app", "chat"):
            context.user_agent = rng.choice(_USER_AGENTS)
            if rng.random() < 0.7:
                context.ip = self._data.ipv4()
        if channel in ("app", "store") and rng.random() < 0.4:
            latitude, longitude = rng.choice(_CITIES)
            context.location.latitude = round(latitude + rng.uniform(-0.2, 0.2), 6)
            context.location.longitude = round(longitude + rng.uniform(-0.2, 0.2), 6)
        return context

    def _consent(self, event: pb.Event, person: Person, at: float) -> None:
        purposes = person.allows_at(at)
        if pb.PURPOSE_ANALYTICS in purposes:
            event.consent.purposes.extend(purposes)
            return
        if self._rng.random() >= UNSET_CONSENT_SHARE:
            event.consent.purposes.extend(purposes)
        if event.WhichOneof("body") != "consent_changed":
            self.marks.without_consent.append(event.event_id)

    def _note(self, event: pb.Event, person: Person, shown: Shown) -> None:
        marks = self.marks
        marks.person_of[event.event_id] = person.key
        for kind in shown.kinds:
            marks.shared[kind].append(event.event_id)
        if not shown.names:
            marks.nameless.append(event.event_id)

    def _visit(self, event: pb.Event, person: Person, channel: str) -> None:
        """Note what may be stored: all else no pipeline can know."""
        if pb.PURPOSE_ANALYTICS in event.consent.purposes or event.HasField("consent_changed"):
            pays = event.payment_made.status == pb.PAYMENT_STATUS_SUCCEEDED
            self.marks.visits[person.key].append(Visit(event.occurred_at_unix_nano // 10**6, channel, pays))

    def _send(self, event: pb.Event, at: float) -> None:
        sent_at = at + self._rng.uniform(0.05, 2.0)
        if self._rng.random() < LATE_SHARE:
            sent_at += self._rng.uniform(600, 86_400)
            self.marks.late.append(event.event_id)
        self.sent.append((sent_at, len(self.sent), event))
        if self._rng.random() < DUPLICATE_SHARE:
            self.sent.append((sent_at + self._rng.uniform(0.5, 7200), len(self.sent), event))
            self.marks.duplicates.append(event.event_id)

    def _record_broken(self, event: pb.Event, person: Person, at: float) -> None:
        broken = pb.Event()
        broken.CopyFrom(event)
        broken.event_id = self.new_id()
        self.marks.person_of[broken.event_id] = person.key
        self.marks.invalid[broken.event_id] = self._break(broken)
        self.sent.append((at + self._rng.uniform(0.05, 2.0), len(self.sent), broken))

    def _break(self, event: pb.Event) -> str:
        """Break one rule of the schema and name it."""
        rule = self._rng.choice(("channel", "occurred_at", "locale", "identifier", "body", "latitude", "store"))
        match rule:
            case "channel":
                event.channel = pb.CHANNEL_UNSPECIFIED
            case "occurred_at":
                event.occurred_at_unix_nano = 0
            case "locale":
                event.context.locale = "somewhere"
            case "identifier":
                event.identifiers.add(type=ids.IDENTIFIER_TYPE_EMAIL, value="")
            case "body":
                event.ClearField(event.WhichOneof("body"))  # type: ignore[arg-type]
            case "latitude":
                event.context.location.latitude = 123.4
            case "store":
                event.store_visited.CopyFrom(pb.StoreVisited(store="the one near the river"))
        return rule


def struct(values: dict[str, Any]) -> Struct:
    """Plain values as a protobuf Struct."""
    made = Struct()
    made.update(values)
    return made
