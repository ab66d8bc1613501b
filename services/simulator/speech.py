"""Sentences of customers, bots and agents, put together from phrases and, now and then, personal data."""

import random
from collections.abc import Callable

from services.simulator.handover import Kind
from services.simulator.names import SURNAMES
from services.simulator.people import Person
from services.simulator.personal_data import PersonalData
from services.simulator.phrases import BY_LANGUAGE, Phrases

_REVEAL_WEIGHTS = {
    "mobile": 6, "name": 4, "email": 3, "title": 2, "surname": 1, "wechat": 2,
    "resident_id": 2, "bank_card": 2, "ipv4": 1, "plate": 1,
}  # fmt: skip


class Speaker:
    """Says what a person, a bot or an agent would say."""

    def __init__(self, rng: random.Random, data: PersonalData) -> None:
        self._rng = rng
        self._data = data

    def fill(self, person: Person, template: str) -> str:
        """Fill a template's slots with things that are not personal."""
        if "{" not in template:
            return template
        phrases, rng = BY_LANGUAGE[person.language], self._rng
        return template.format(
            product=rng.choice(phrases.products),
            place=rng.choice(phrases.places),
            order=f"MG-{rng.randint(10_000, 99_999)}",
            days=rng.randint(2, 15),
        )

    def line(self, person: Person, part: Callable[[Phrases], tuple[str, ...]]) -> str:
        """One phrase of a part, filled."""
        return self.fill(person, self._rng.choice(part(BY_LANGUAGE[person.language])))

    def topic_line(self, person: Person, topic: str) -> str:
        """A question about a topic, without greeting or personal data."""
        return self.line(person, lambda p: p.questions[topic])

    def reveal(self, person: Person) -> str:
        """A sentence in which the person gives away something personal."""
        kind = self._rng.choices(tuple(_REVEAL_WEIGHTS), weights=tuple(_REVEAL_WEIGHTS.values()))[0]
        template = self._rng.choice(BY_LANGUAGE[person.language].reveals[kind])
        return template.format(self._value(person, kind))

    def _value(self, person: Person, kind: str) -> str:  # noqa: PLR0911 - one way out for each kind of data
        data = self._data
        chinese = person.language == "zh"
        match kind:
            case "mobile":
                number = person.phone if self._rng.random() < 0.7 else data.mobile()
                return data.mobile_as_written(number)
            case "email":
                return data.email_as_written(person.email if self._rng.random() < 0.7 else data.email())
            case "bank_card":
                return data.bank_card_as_written(data.bank_card())
            case "resident_id":
                return data.resident_id()
            case "ipv4":
                return data.ipv4()
            case "plate":
                return data.plate()
            case "wechat":
                return data.wechat_id()
            case "title" if chinese:
                return data.chinese_title()
            case "surname" if chinese:
                # One character would be found everywhere: it is not remembered as planted.
                return self._rng.choice(SURNAMES)
            case _:
                return data.chinese_name() if chinese else data.english_name()

    def message(self, person: Person, kind: Kind, topic: str, before: str | None) -> str:
        """What the customer writes to the bot; `before` is the message before, None at first."""
        rng = self._rng
        if kind == "human":
            return self._asking_for_human(person, topic)
        if kind == "repeat" and before is not None:
            return before if rng.random() < 0.7 else self.line(person, lambda p: p.again) + before
        text = self.topic_line(person, topic)
        if kind == "angry":
            return f"{self.line(person, lambda p: p.angry)} {text} {self._some_reveal(person, 0.15)}".strip()
        if before is None:
            text = self.line(person, lambda p: p.greetings) + text
        ending = self.line(person, lambda p: p.polite) if rng.random() < 0.3 else ""
        return " ".join(part for part in (self._some_reveal(person, 0.3), text, ending) if part).strip()

    def _asking_for_human(self, person: Person, topic: str) -> str:
        wish = self.line(person, lambda p: p.human)
        return wish if self._rng.random() < 0.6 else f"{self.topic_line(person, topic)} {wish}"

    def _some_reveal(self, person: Person, share: float) -> str:
        return self.reveal(person).strip() if self._rng.random() < share else ""

    def to_agent(self, person: Person) -> str:
        """What the customer tells an agent: agents are told more than bots."""
        return f"{self.line(person, lambda p: p.to_agent)} {self._some_reveal(person, 0.5)}".strip()

    def mail(self, person: Person, text: str) -> str:
        """A message as an e-mail body of several lines, with details and a signature."""
        details = [self.reveal(person).strip() for _ in range(self._rng.randint(0, 2))]
        return "\n\n".join([text, *details, self.line(person, lambda p: p.polite)]).strip()

    def post(self, person: Person, topic: str) -> str:
        """A public post."""
        text = self.line(person, lambda p: p.posts.get(topic, p.posts["complaint"]))
        return f"{text} {self._some_reveal(person, 0.15)}".strip()

    def comment(self, person: Person, good: bool) -> str:
        """A comment beside a score, often empty."""
        text = self.line(person, lambda p: p.comments_good if good else p.comments_bad)
        return f"{text} {self._some_reveal(person, 0.08)}".strip()

    def search(self, person: Person) -> str:
        """What is typed into a search box; people paste wrong things into it, too."""
        if self._rng.random() < 0.02:
            return self._data.mobile_as_written(person.phone)
        return self.line(person, lambda p: p.searches)

    def page(self, person: Person, path: str) -> str:
        """A URL of the shop; now and then with personal data in its query or path."""
        if self._rng.random() < 0.075:
            return self._telling_page(person, path)
        base = f"https://shop.example.com/{path}"
        return f"{base}?ref={self._rng.choice(('home', 'mail', 'banner'))}" if self._rng.random() < 0.25 else base

    def _telling_page(self, person: Person, path: str) -> str:
        data = self._data
        shop = "https://shop.example.com"
        match self._rng.randrange(6):
            case 0:
                told = f"{path}?utm_source=mail&phone={data.remember(person.phone)}"
            case 1:
                told = f"{path}?email={data.in_url(data.remember(person.email))}&lang={person.language}"
            case 2:
                told = f"u/{data.remember(person.phone)}/{path}"
            case 3:
                told = f"users/{data.remember(person.email)}/{path}?tab=1"
            case 4:
                told = f"{path}?q={data.in_url(data.mobile_as_written(person.phone))}#contact"
            case _:
                told = f"{path}?id={data.resident_id()}"
        return f"{shop}/{told}"
