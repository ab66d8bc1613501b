"""Personal data of people who do not exist: right by checksum, varied in form, and remembered.

What is written into events is remembered in `planted`, in each form in which it was written and in its
plain form, so that a scan of the stored bytes can look for it. Sources: GB 11643-1999 (resident ids),
ISO/IEC 7812-1 (bank cards), RFC 5737 (addresses), RFC 2606 (domains), GA 36-2018 (plates).
"""

import random
from urllib.parse import quote

from services.simulator.names import FIRST_NAMES, GIVEN_CHARACTERS, LAST_NAMES, NICKS, SURNAMES

# No 170-179: clocks of this decade, in any unit, begin with 17 and would look like planted numbers.
_MOBILE_PREFIXES = (
    *range(130, 140), 147, *range(150, 154), *range(155, 160), 166, *range(180, 190), 191, 193, 198, 199,
)  # fmt: skip
_REGIONS = (
    "110101",
    "120103",
    "310115",
    "320106",
    "330106",
    "350203",
    "420111",
    "440305",
    "510107",
    "610113",
)
_CARD_PREFIXES = ("622202", "621700", "622848", "620522", "625910", "453242", "543098")
_PROVINCES = "京沪粤浙苏川鄂陕闽鲁湘渝"
_PLATE_CHARACTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"
_EMAIL_DOMAINS = ("example.com", "example.org", "example.net")
_DOCUMENTATION_NETWORKS = ("192.0.2", "198.51.100", "203.0.113")
_FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def resident_id_check_digit(first_17: str) -> str:
    """Return the 18th character of a resident id, a digit or X (ISO 7064 mod 11-2)."""
    return "10X98765432"[sum(int(d) * w for d, w in zip(first_17, _ID_WEIGHTS, strict=True)) % 11]


def luhn_check_digit(payload: str) -> str:
    """Return the last digit of a bank card with these digits before it (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(payload)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return str(-total % 10)


class PersonalData:
    """Makes personal data from a seeded generator and remembers what is written.

    Numbers and handles that name somebody are never made twice. Mobiles, cards, e-mail addresses and the
    company's own identifiers belong to somebody before they are written: they are remembered when one of the
    `…_as_written` methods or `remember` gives them out. The rest is remembered when it is made.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._made: set[str] = set()
        self._planted: dict[str, None] = {}

    @property
    def planted(self) -> tuple[str, ...]:
        """Everything written so far, in each form, in the order of its first writing."""
        return tuple(self._planted)

    def remember(self, written: str) -> str:
        """Add a form to `planted` and give it back."""
        self._planted[written] = None
        return written

    def _digits(self, count: int) -> str:
        return "".join(self._rng.choices("0123456789", k=count))

    def _new(self, value: str) -> bool:
        if value in self._made:
            return False
        self._made.add(value)
        return True

    def mobile(self) -> str:
        """A mainland mobile number: eleven digits."""
        while True:
            number = f"{self._rng.choice(_MOBILE_PREFIXES)}{self._digits(8)}"
            if self._new(number):
                return number

    def mobile_as_written(self, number: str) -> str:
        """The number as people write it: plain, grouped, with +86, in full-width digits."""
        a, b, c = number[:3], number[3:7], number[7:]
        forms = (
            number, number, number, f"{a} {b} {c}", f"{a}-{b}-{c}", f"+86{number}", f"+86 {number}",
            f"+86 {a} {b} {c}", f"+86-{a}-{b}-{c}", number.translate(_FULL_WIDTH),
        )  # fmt: skip
        self.remember(number)
        return self.remember(self._rng.choice(forms))

    def resident_id(self) -> str:
        """A resident id of 18 characters; X is written small now and then."""
        rng = self._rng
        while True:
            born = f"{rng.randint(1950, 2006)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}"
            first = f"{rng.choice(_REGIONS)}{born}{rng.randint(1, 999):03}"
            number = first + resident_id_check_digit(first)
            if self._new(number):
                break
        self.remember(number)
        return self.remember(number.lower()) if rng.random() < 0.3 else number

    def bank_card(self) -> str:
        """A card number of 16 or 19 digits with a valid Luhn digit."""
        while True:
            prefix = self._rng.choice(_CARD_PREFIXES)
            length = 19 if prefix.startswith("62") and self._rng.random() < 0.5 else 16
            payload = prefix + self._digits(length - 1 - len(prefix))
            number = payload + luhn_check_digit(payload)
            if self._new(number):
                return number

    def bank_card_as_written(self, number: str) -> str:
        """The number plain or in groups of four."""
        self.remember(number)
        if self._rng.random() < 0.5:
            return number
        return self.remember(" ".join(number[i : i + 4] for i in range(0, len(number), 4)))

    def email(self) -> str:
        """An address at a domain reserved for examples."""
        rng = self._rng
        local = rng.choice(
            (
                f"{rng.choice(FIRST_NAMES).lower()}.{rng.choice(LAST_NAMES).lower()}{self._digits(3)}",
                f"{rng.choice(NICKS)}{self._digits(5)}",
                f"{rng.choice(NICKS)}_{rng.choice(NICKS)}{self._digits(3)}",
            )
        )
        return f"{local}@{rng.choice(_EMAIL_DOMAINS)}"

    def email_as_written(self, address: str) -> str:
        """The address as typed: sometimes with capitals."""
        self.remember(address)
        return self.remember(address.capitalize()) if self._rng.random() < 0.2 else address

    def in_url(self, written: str) -> str:
        """The value percent-encoded, as a browser puts it into a query."""
        return self.remember(quote(written, safe=""))

    def ipv4(self) -> str:
        """An address of the documentation networks."""
        return self.remember(f"{self._rng.choice(_DOCUMENTATION_NETWORKS)}.{self._rng.randint(1, 254)}")

    def plate(self) -> str:
        """A number plate: five characters after the city, or six for a new-energy car."""
        rng = self._rng
        head = rng.choice(_PROVINCES) + rng.choice("ABCDEFGH")
        if rng.random() < 0.4:
            return self.remember(head + rng.choice("DF") + rng.choice("ABCDEFGHJK") + self._digits(4))
        tail = self._digits(3) + "".join(rng.choices(_PLATE_CHARACTERS, k=2))
        return self.remember(head + tail)

    def chinese_name(self) -> str:
        """A surname and one or two given-name characters."""
        given = self._rng.sample(GIVEN_CHARACTERS, k=self._rng.choice((1, 2, 2)))
        return self.remember(self._rng.choice(SURNAMES) + "".join(given))

    def chinese_title(self) -> str:
        """A surname with 先生 or 女士."""
        return self.remember(self._rng.choice(SURNAMES) + self._rng.choice(("先生", "女士")))

    def english_name(self) -> str:
        """A first and a last name."""
        return self.remember(f"{self._rng.choice(FIRST_NAMES)} {self._rng.choice(LAST_NAMES)}")

    def wechat_id(self) -> str:
        """A WeChat id: a letter first, 6 to 20 letters, digits, underscores and hyphens."""
        rng = self._rng
        forms = (
            f"wxid_{rng.choice(NICKS)}{self._digits(4)}",
            f"{rng.choice(NICKS)}_{self._digits(5)}",
            f"{rng.choice(NICKS)}-{self._digits(4)}",
            f"{rng.choice(NICKS).capitalize()}{self._digits(5)}",
        )
        return self.remember(rng.choice(forms))

    def opaque(self, prefix: str, digits: int) -> str:
        """An identifier that only this company uses: a prefix and digits, never twice."""
        while True:
            value = prefix + self._digits(digits)
            if self._new(value):
                return value

    def handle(self) -> str:
        """A handle on a social network, never twice."""
        while True:
            value = f"@{self._rng.choice(NICKS)}_{self._rng.choice(NICKS)}_{self._digits(4)}"
            if self._new(value):
                return value
