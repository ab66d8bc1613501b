"""One person's way through one need: what they do on web, app, social and in stores, act after act."""

import random
from dataclasses import dataclass, field
from typing import Any

from mangrove.event.v1 import event_pb2 as pb
from mangrove.privacy.v1 import options_pb2 as ids
from services.simulator.people import Names, Person
from services.simulator.personal_data import PersonalData
from services.simulator.recorder import Recorder, struct
from services.simulator.speech import Speaker

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
_SCREENS = ("home", "product", "orders", "cart", "profile", "help", "deals")
_PATHS = ("products", "products/detail", "deals", "help", "orders", "account", "reviews")


@dataclass(slots=True)
class Stage:
    """What all people's ways share: the chance, the personal data, the speaker and the recorder."""

    rng: random.Random
    data: PersonalData
    speaker: Speaker
    recorder: Recorder


@dataclass(slots=True, repr=False)
class Walk:
    """Where a person stands within one need.

    `at` is seconds from the start. `visited` lists channels in the order in which they were entered.
    """

    person: Person
    need: str
    at: float
    stage: Stage
    cookie: str
    logged_in: bool = False
    visited: list[str] = field(default_factory=list)
    price_minor: int = 0
    paid: bool = False
    filed: bool = False
    last_talk: str | None = None
    events: int = 0

    @property
    def loops(self) -> int:
        """How often the person came back to a channel that they had left."""
        return len(self.visited) - len(set(self.visited))

    def pause(self, low: float, high: float) -> None:
        """Let time pass, in seconds."""
        self.at += self.stage.rng.uniform(low, high)

    def chance(self, share: float) -> bool:
        """Whether something happens that happens with this probability."""
        return self.stage.rng.random() < share

    def names(self, channel: str) -> Names:
        """The person's own identifiers that belong to a channel."""
        person, names = self.person, []
        match channel:
            case "web":
                names = [(ids.IDENTIFIER_TYPE_COOKIE, self.cookie)]
            case "app" if person.device is not None:
                names = [(ids.IDENTIFIER_TYPE_DEVICE, person.device)]
            case "voice":
                names = [(ids.IDENTIFIER_TYPE_PHONE, self.stage.data.mobile_as_written(person.phone))]
            case "email":
                names = [(ids.IDENTIFIER_TYPE_EMAIL, self.stage.data.email_as_written(person.email))]
            case "social" if person.handle is not None:
                names = [(ids.IDENTIFIER_TYPE_SOCIAL, person.handle)]
            case "store" if person.loyalty_card is not None:
                names = [(ids.IDENTIFIER_TYPE_LOYALTY_CARD, person.loyalty_card)]
        known = channel == "app" or (channel == "web" and self.logged_in)
        if known and person.customer is not None:
            names.append((ids.IDENTIFIER_TYPE_CUSTOMER, person.customer))
        return names

    def with_customer(self, names: Names, share: float) -> Names:
        """The names and, with some probability, the customer number, because somebody looked it up."""
        number = self.person.customer
        if number is None or not self.chance(share) or any(v == number for _, v in names):
            return names
        return [*names, (ids.IDENTIFIER_TYPE_CUSTOMER, number)]

    def enter(self, channel: str) -> None:
        """Note a change of channel."""
        if not self.visited or self.visited[-1] != channel:
            self.visited.append(channel)

    def act(self, channel: str, names: Names | None = None, conversation_id: str = "", **body: Any) -> str:
        """Record one event now and return its id."""
        self.enter(channel)
        self.events += 1
        names = self.names(channel) if names is None else names
        return self.stage.recorder.record(self.person, self.at, channel, names, conversation_id, **body)

    def browse(self, channel: str, pages: int) -> None:
        """Look at pages or screens, search now and then."""
        rng, speaker = self.stage.rng, self.stage.speaker
        for _ in range(pages):
            if channel == "web":
                self._view_page()
            elif channel == "app":
                self.act("app", screen_viewed=pb.ScreenViewed(screen=rng.choice(_SCREENS)))
            self.pause(5, 90)
        if self.chance(0.25) and channel in ("web", "app"):
            found = pb.Searched(query=speaker.search(self.person), result_count=rng.randint(0, 60))
            self.act(channel, searched=found)
            self.pause(5, 60)
        if self.chance(0.1) and channel in ("web", "app"):
            self.act(channel, clicked=pb.Clicked(element=rng.choice(("banner", "size-guide", "video", "reviews"))))
            self.pause(3, 30)

    def _view_page(self) -> None:
        rng, speaker = self.stage.rng, self.stage.speaker
        path = f"{rng.choice(_PATHS)}/{rng.randint(100, 999)}"
        page = pb.PageViewed(url=speaker.page(self.person, path), title=speaker.line(self.person, lambda p: p.products))
        if self.chance(0.3):
            page.referrer = speaker.page(self.person, "home")
        self.act("web", page_viewed=page)

    def log_in(self) -> None:
        """Log in on the web: the cookie and the customer number are seen together for the first time."""
        if self.person.customer is None or self.logged_in:
            return
        self.logged_in = True
        names = self.names("web")
        if self.chance(0.4):
            names = [*names, (ids.IDENTIFIER_TYPE_EMAIL, self.person.email)]
        self.act("web", names, clicked=pb.Clicked(element="login", url="https://shop.example.com/login"))
        self.pause(5, 40)

    def fill_cart(self, channel: str) -> None:
        """Put something into the cart; take it out and put it back now and then."""
        rng = self.stage.rng
        self.price_minor = rng.randint(20, 2500) * 100
        product = self.stage.speaker.line(self.person, lambda p: p.products)
        price = pb.Money(amount_minor=self.price_minor, currency="CNY")
        for quantity in (1, -1, 1) if self.chance(0.08) else (1,):
            self.act(channel, cart_changed=pb.CartChanged(product=product, quantity=quantity, price=price))
            self.pause(5, 60)

    def order(self, channel: str) -> str:
        """Place the order and return its number; a form with contact details may go with it."""
        order_id = f"MG-{self.stage.recorder.new_id()[:12]}"
        contact: Names = []
        if self.chance(0.5):
            contact.append((ids.IDENTIFIER_TYPE_PHONE, self.stage.data.mobile_as_written(self.person.phone)))
        if self.chance(0.4):
            contact.append((ids.IDENTIFIER_TYPE_EMAIL, self.person.email))
        total = pb.Money(amount_minor=self.price_minor, currency="CNY")
        self.act(
            channel,
            [*self.names(channel), *contact],
            order_placed=pb.OrderPlaced(order_id=order_id, total=total, item_count=1),
        )
        self.pause(5, 40)
        if self.chance(0.12):
            self.write_form(channel)
        return order_id

    def pay(self, channel: str, order_id: str, succeeds: bool) -> None:
        """Try to pay."""
        status = pb.PAYMENT_STATUS_SUCCEEDED if succeeds else pb.PAYMENT_STATUS_FAILED
        amount = pb.Money(amount_minor=self.price_minor, currency="CNY")
        self.act(channel, payment_made=pb.PaymentMade(order_id=order_id, status=status, amount=amount))
        self.paid = self.paid or succeeds
        self.pause(10, 120)

    def write_form(self, channel: str) -> None:
        """Send a form: personal data deep inside, as text, numbers, keys and labels."""
        data, person, speaker = self.stage.data, self.person, self.stage.speaker
        values: dict[str, Any]
        match self.stage.rng.randrange(6):
            case 0:
                contact = {"phone": data.mobile_as_written(person.phone)}
                values = {"order": {"note": speaker.reveal(person), "contact": contact}}
            case 1:
                about = [speaker.reveal(person), data.remember(person.email)]
                values = {"recipient": {"about": about}, "gift": True}
            case 2:
                values = {"callback_number": int(data.remember(person.phone)), "attempts": 2}
            case 3:
                values = {"contacts": {data.remember(person.phone): {"note": speaker.reveal(person)}}}
            case 4:
                card = data.bank_card_as_written(data.bank_card())
                values = {"payment": {"card": card, "months": [3, 6]}}
            case _:
                values = {"verification": [{"kind": "resident", "value": data.resident_id()}, data.ipv4()]}
        made = pb.Custom(name="form_sent", properties=struct(values))
        if self.chance(0.5):
            made.labels["form"] = "contact"
            made.labels["reply_to"] = data.remember(person.email)
        self.act(channel, custom=made)
        self.pause(5, 60)

    def visit_store(self, action: str) -> None:
        """Be in a store, with the loyalty card, with the phone number, or without a name."""
        rng = self.stage.rng
        names = self.names("store")
        if not names and self.chance(0.7):
            names = [(ids.IDENTIFIER_TYPE_PHONE, self.person.phone)]
        if names:
            names = self.with_customer(names, 0.3)
        note = f"{action}: {self.stage.speaker.reveal(self.person)}" if self.chance(0.1) else action
        store = f"{rng.choice(('SH', 'BJ', 'GZ', 'CD'))}-{rng.randint(1, 40):03}"
        self.act("store", names, store_visited=pb.StoreVisited(store=store, action=note))
        self.pause(5 * MINUTE, 40 * MINUTE)

    def post(self, topic: str) -> None:
        """Post in public."""
        text = self.stage.speaker.post(self.person, topic)
        handle = self.person.handle or ""
        url = "https://social.example.org/p/" + self.stage.recorder.new_id()[:10]
        self.act("social", social_posted=pb.SocialPosted(text=text, author_handle=handle, url=url))
        self.pause(2 * MINUTE, 30 * MINUTE)

    def file_complaint(self, channel: str) -> None:
        """Complain formally."""
        speaker = self.stage.speaker
        text = f"{speaker.topic_line(self.person, 'complaint')} {speaker.reveal(self.person)}".strip()
        names = self.with_customer(self.names(channel), 0.6)
        self.act(channel, names, complaint_filed=pb.ComplaintFiled(category=self.need, text=text))
        self.filed = True
        self.pause(10, 200)

    def change_consent(self) -> None:
        """Give or take back the consent to learning; people whose consent ends say so here."""
        if self.person.withdraws_at is not None and self.at >= self.person.withdraws_at:
            change = pb.ConsentChanged(withdrawn=[pb.PURPOSE_ANALYTICS, pb.PURPOSE_LEARNING])
        elif pb.PURPOSE_LEARNING in self.person.allows:
            change = pb.ConsentChanged(granted=[pb.PURPOSE_LEARNING])
        else:
            change = pb.ConsentChanged(withdrawn=[pb.PURPOSE_LEARNING])
        channel = "app" if self.person.device is not None else "web"
        self.act(channel, consent_changed=change)
        self.pause(5, 60)

    def outcome(self) -> str:
        """How the need ended: bought, resolved, transferred, escalated or abandoned."""
        if self.paid:
            return "bought"
        if self.filed or self.last_talk == "escalated":
            return "escalated"
        return self.last_talk if self.last_talk in ("resolved", "transferred") else "abandoned"
