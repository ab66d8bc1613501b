"""Which identifiers the company sees: often a person's own, sometimes what others use as well.

Each choice hangs on the seed and on whom it is about, never on what was drawn before. So two worlds of one seed that
share more or less hold the same events at the same times, and differ in identifiers alone.
"""

import random
from dataclasses import dataclass, replace
from enum import StrEnum

from mangrove.privacy.v1 import options_pb2 as ids
from services.simulator.people import Names, Person
from services.simulator.personal_data import PersonalData

_DAY_S = 86_400
_FAMILY, _ON_TABLET, _SIGNED_OUT = 4, 0.5, 0.1
_SIGNED_IN = 0.9
_NOT_ASKED = 0.05
_FIRMS = 20
_ROLES = ("info", "sales", "office", "service")
_GUEST_GIVES_EMAIL = 0.5
_GUEST_SHOWS = (
    ids.IDENTIFIER_TYPE_EMAIL,
    ids.IDENTIFIER_TYPE_COOKIE,
    ids.IDENTIFIER_TYPE_DEVICE,
    ids.IDENTIFIER_TYPE_SOCIAL,
)
_GIVEN_AWAY_AFTER_DAYS = (10, 20)
QUIET_DAYS = 16
"""How long nobody uses a thing that changes hands."""


@dataclass(frozen=True, slots=True)
class Sharing:
    """How often identifiers are not one person's for good. All but the last are shares, 0 to 1.

    Attributes:
        families: People in families of four with one tablet, which they use on half of their days; on one day in ten
            of these they are not signed in.
        switchboard: Phone conversations that show the call centre's number, the same for all; 19 callers in 20 are
            asked for their customer number.
        kiosk: Visits to a store that its tablet takes part in.
        role_accounts: People who write mail from their firm's address, such as info@.
        passed_on: Pairs of people of whom the second takes over the first one's device and phone number, after
            16 days in which nobody uses them.
        guests: People who never show a customer number, a card or a phone number: known by e-mail, cookie, device
            and handle.
        clears_cookies: People who have a new cookie each day.
        members: People who opened an account: their first event shows all that names them. They are signed in on nine
            of ten days on the web, by customer number or, if they have none, e-mail address, and say their phone number
            in stores.
        each_their_own: Show the person's own identifier in each place of a shared one.
    """

    families: float = 0.0
    switchboard: float = 0.0
    kiosk: float = 0.0
    role_accounts: float = 0.0
    passed_on: float = 0.0
    guests: float = 0.0
    clears_cookies: float = 0.0
    members: float = 0.0
    each_their_own: bool = False

    def unshared(self) -> "Sharing":
        """The same world, only that nobody's identifiers are anybody else's: what sharing costs is measured by it."""
        return replace(self, each_their_own=True)


class SharingLevel(StrEnum):
    """How much is shared in a world."""

    NONE = "none"
    USUAL = "usual"
    HEAVY = "heavy"


LEVELS = {
    SharingLevel.NONE: Sharing(members=0.5),
    SharingLevel.USUAL: Sharing(families=0.05, switchboard=0.25, kiosk=0.2, passed_on=0.02, members=0.5),
    SharingLevel.HEAVY: Sharing(
        families=0.1,
        switchboard=0.7,
        kiosk=0.6,
        role_accounts=0.05,
        passed_on=0.1,
        guests=0.1,
        clears_cookies=0.1,
        members=0.5,
    ),
}


@dataclass(frozen=True, slots=True)
class Scene:
    """Where identifiers are shown: `at` is in seconds from the start, `conversation_id` is empty outside of talks."""

    person: Person
    at: float
    channel: str
    conversation_id: str = ""


@dataclass(slots=True)
class Shown:
    """The identifiers of one event, and of which kinds those are that are not the person's own."""

    names: Names
    kinds: list[str]


class Naming:
    """Turns a person's own identifiers into what the company sees.

    Args:
        seed: The world's seed.
        sharing: What is shared, and how much.
    """

    def __init__(self, seed: int, sharing: Sharing) -> None:
        self._seed = seed
        self._sharing = sharing
        self._met: set[str] = set()
        self._call_centre = self._data("call centre").mobile()
        self._kiosk = self._data("kiosk").opaque("dev-", 12)

    def shown(self, scene: Scene, names: Names) -> Shown:
        """What is seen of a person in a scene instead of `names`, the person's own."""
        shown = Shown([], [])
        for kind, own in self._kept(scene, names):
            name, value = self._stand_in(kind, scene) or ("", own)
            if name == "call_centre":
                self._look_up(scene, names, shown)
            self._show(shown, name, kind, own if self._sharing.each_their_own else value)
        in_store = scene.channel == "store" and not self._sharing.each_their_own
        if in_store and self._happens(self._sharing.kiosk, "kiosk", scene.person.key, _day(scene)):
            self._show(shown, "kiosk", ids.IDENTIFIER_TYPE_DEVICE, self._kiosk)
        return shown

    def _show(self, shown: Shown, name: str, kind: ids.IdentifierType.ValueType, value: str) -> None:
        shown.names.append((kind, value))
        if name and not self._sharing.each_their_own:
            shown.kinds.append(name)

    def _kept(self, scene: Scene, names: Names) -> Names:
        """The person's own identifiers, with the cookie of the day: more of a member's, less of a guest's."""
        person, day = scene.person, _day(scene)
        if self._happens(self._sharing.members, "member", person.key):
            names = self._of_member(scene, names)
        if self._happens(self._sharing.clears_cookies, "clears cookies", person.key):
            names = [(k, self._daily(v, day)) if k == ids.IDENTIFIER_TYPE_COOKIE else (k, v) for k, v in names]
        if scene.channel == "app" and self._on_tablet(scene) and self._happens(_SIGNED_OUT, "out", person.key, day):
            names = [name for name in names if name[0] != ids.IDENTIFIER_TYPE_CUSTOMER]
        if not self._happens(self._sharing.guests, "guest", person.key):
            return names
        names = [(kind, value) for kind, value in names if kind in _GUEST_SHOWS]
        if scene.channel in ("web", "app") and self._happens(_GUEST_GIVES_EMAIL, "gives e-mail", person.key, day):
            names = [name for name in names if name[0] != ids.IDENTIFIER_TYPE_EMAIL]
            return [*names, (ids.IDENTIFIER_TYPE_EMAIL, person.email)]
        return names

    def _of_member(self, scene: Scene, names: Names) -> Names:
        person = scene.person
        signs_in = person.customer or person.email
        known = ids.IDENTIFIER_TYPE_CUSTOMER if person.customer else ids.IDENTIFIER_TYPE_EMAIL
        more: list[tuple[ids.IdentifierType.ValueType, str | None]] = []
        if person.key not in self._met:
            self._met.add(person.key)
            more = [
                (known, signs_in),
                (ids.IDENTIFIER_TYPE_LOYALTY_CARD, person.loyalty_card),
                (ids.IDENTIFIER_TYPE_EMAIL, person.email),
                (ids.IDENTIFIER_TYPE_PHONE, person.phone),
                (ids.IDENTIFIER_TYPE_SOCIAL, person.handle),
            ]
        elif scene.channel in ("web", "chat") and self._happens(_SIGNED_IN, "signed in", person.key, _day(scene)):
            more = [(known, signs_in)]
        elif scene.channel == "store" and not names:
            more = [(ids.IDENTIFIER_TYPE_PHONE, person.phone)]
        shown = {kind: value for kind, value in reversed([*names, *more]) if value}
        return list(reversed(shown.items()))

    def _stand_in(self, kind: ids.IdentifierType.ValueType, scene: Scene) -> tuple[str, str] | None:
        """What is seen in place of the person's own identifier, and as what; None if nothing is."""
        person = scene.person
        if kind == ids.IDENTIFIER_TYPE_DEVICE and self._on_tablet(scene):
            return "family_tablet", self._data("tablet", person.number // _FAMILY).opaque("dev-", 12)
        if kind == ids.IDENTIFIER_TYPE_PHONE and self._through_switchboard(scene):
            return "call_centre", self._call_centre
        if kind in (ids.IDENTIFIER_TYPE_DEVICE, ids.IDENTIFIER_TYPE_PHONE) and self._holds_passed_on(scene):
            data = self._data("passed on", kind, person.number // 2)
            return "passed_on", data.mobile() if kind == ids.IDENTIFIER_TYPE_PHONE else data.opaque("dev-", 12)
        writes = kind == ids.IDENTIFIER_TYPE_EMAIL and scene.channel == "email"
        if writes and self._happens(self._sharing.role_accounts, "role account", person.key):
            chance = self._chance("role account of", person.key)
            return "role_account", f"{chance.choice(_ROLES)}@firm{chance.randrange(_FIRMS):02}.example.com"
        return None

    def _on_tablet(self, scene: Scene) -> bool:
        in_family = self._happens(self._sharing.families, "family", scene.person.number // _FAMILY)
        return in_family and self._happens(_ON_TABLET, "on tablet", scene.person.key, _day(scene))

    def _through_switchboard(self, scene: Scene) -> bool:
        calls = scene.channel == "voice" and scene.person.customer is not None
        return calls and self._happens(self._sharing.switchboard, "switchboard", scene.conversation_id)

    def _look_up(self, scene: Scene, names: Names, shown: Shown) -> None:
        """The agent asks who is calling."""
        number = scene.person.customer
        asked = not self._happens(_NOT_ASKED, "not asked", scene.conversation_id)
        if number is not None and asked and all(kind != ids.IDENTIFIER_TYPE_CUSTOMER for kind, _ in names):
            shown.names.append((ids.IDENTIFIER_TYPE_CUSTOMER, number))

    def _holds_passed_on(self, scene: Scene) -> bool:
        """Whether device and phone number are now those that one of two people passes on to the other."""
        pair = scene.person.number // 2
        if not self._happens(self._sharing.passed_on, "passes on", pair):
            return False
        last_day = self._chance("passed on at", pair).randint(*_GIVEN_AWAY_AFTER_DAYS)
        gives = scene.person.number % 2 == 0
        return _day(scene) <= last_day if gives else _day(scene) > last_day + QUIET_DAYS

    def _daily(self, cookie: str, day: int) -> str:
        return self._data("cookie", cookie, day).opaque("ck.", 14)

    def _data(self, *about: object) -> PersonalData:
        return PersonalData(self._chance(*about))

    def _happens(self, share: float, *about: object) -> bool:
        return share > 0 and self._chance(*about).random() < share

    def _chance(self, *about: object) -> random.Random:
        return random.Random(repr((self._seed, *about)))


def _day(scene: Scene) -> int:
    return int(scene.at // _DAY_S)
