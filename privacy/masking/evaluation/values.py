"""Personal data of nobody: numbers with valid checksums, reserved ranges where there are any.

Every maker takes a `random.Random` and returns one written value, varied in form. Sources: GB 11643-1999 (resident
ids), ISO/IEC 7812-1 (cards, IMEI), ISO 13616 (IBAN), RFC 5737 and RFC 3849 (addresses), RFC 2606 (domains),
GA 36-2018 (plates), Ofcom's, the FCC's, ACMA's and the BNetzA's numbers for drama.
"""

import string
from base64 import urlsafe_b64encode
from random import Random

_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_REGIONS = (
    "110108 120104 130102 210202 230103 320594 330302 340104 370203 430102 441900 500112 520103 640104".split()
)
_MOBILE_PREFIXES = (
    "130 132 135 136 137 139 145 147 150 152 157 158 159 166 171 173 176 178 180 185 187 189 195 199".split()
)
_AREAS = (
    ("010", 8),
    ("021", 8),
    ("020", 8),
    ("0755", 8),
    ("0571", 8),
    ("028", 8),
    ("0592", 7),
    ("0451", 8),
    ("0898", 8),
)
_CARD_KINDS = (
    ("4", 16), ("4532", 16), ("51", 16), ("55", 16), ("2221", 16), ("2720", 16), ("34", 15), ("37", 15), ("3530", 16),
    ("6011", 16), ("65", 16), ("36", 14), ("38", 14), ("622588", 16), ("621226", 19), ("621700", 19), ("622848", 19),
    ("625965", 16),
)  # fmt: skip
_IBAN_KINDS = {
    "DE": "n18", "GB": "a4n14", "FR": "n10c11n2", "NL": "a4n10", "ES": "n20", "IT": "a1n10c12", "CH": "n5c12",
    "BE": "n12", "AT": "n16", "SE": "n20", "PL": "n24", "IE": "a4n14", "PT": "n21", "NO": "n11",
}  # fmt: skip
_DOMAINS = (
    "example.com", "example.org", "example.net", "mail.example.com", "shop.example.org", "corp-mail.example.net",
    "students.example.edu",
)  # fmt: skip
_LOCAL_WORDS = "sunny river tiger cloud mango peach violet jazz panda koala luna nova ginger willow pixel maple".split()
_NETWORKS = ("192.0.2", "198.51.100", "203.0.113", "10.24.7", "192.168.31", "172.20.5")
_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁苏浙赣鄂桂甘晋蒙陕吉闽贵粤川宁琼"
_PLATE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_DRAMA = (
    ("+44 20 7946 0{}", 3), ("+44 7700 900{}", 3), ("+1 (415) 555-01{}", 2), ("+1-202-555-01{}", 2),
    ("+61 491 570 {}", 3),
    ("+49 30 23125 {}", 3), ("+33 1 99 00 {}", 4), ("0044 7700 900{}", 3), ("+353 20 910 {}", 4), ("+852 5550 {}", 4),
)  # fmt: skip


def digits(rng: Random, count: int) -> str:
    """Return that many digits."""
    return "".join(rng.choices(string.digits, k=count))


def with_luhn(payload: str) -> str:
    """Return the digits with their check digit behind them."""
    doubled = (int(d) * (2 - i % 2) for i, d in enumerate(reversed(payload)))
    return payload + str(-sum(d // 10 + d % 10 for d in doubled) % 10)


def without_luhn(rng: Random, count: int, prefix: str = "") -> str:
    """Return that many digits whose last is not their check digit: no card, whatever they look like."""
    valid = with_luhn(prefix + digits(rng, count - len(prefix) - 1))
    return valid[:-1] + str((int(valid[-1]) + rng.randint(1, 9)) % 10)


def grouped(text: str, sizes: tuple[int, ...], separator: str) -> str:
    """Return the text cut into groups of these sizes; the last size repeats."""
    parts, position, place = [], 0, 0
    while position < len(text):
        size = sizes[min(place, len(sizes) - 1)]
        parts.append(text[position : position + size])
        position, place = position + size, place + 1
    return separator.join(parts)


def mobile(rng: Random) -> str:
    """Return a mainland mobile number of 11 digits."""
    return rng.choice(_MOBILE_PREFIXES) + digits(rng, 8)


def written_mobile(rng: Random) -> str:
    """Return a mainland mobile number as people write it: grouped, with +86, or neither."""
    prefix = rng.choice(("", "", "", "+86", "+86 ", "+86-", "86-", "0086 ", "(+86) "))
    return prefix + grouped(mobile(rng), (3, 4), rng.choice(("", "", " ", "-")))


def landline(rng: Random) -> str:
    """Return a mainland landline with its area code."""
    area, size = rng.choice(_AREAS)
    number = rng.choice("2345678") + digits(rng, size - 1)
    return rng.choice(("{}-{}", "{}{}", "({}){}", "{} {}")).format(area, number)


def extended(rng: Random) -> str:
    """Return a landline with an extension."""
    area, size = rng.choice(_AREAS)
    extension = rng.choice(("转{}", "-{}", " 转 {}", "转分机{}")).format(digits(rng, rng.randint(3, 4)))
    return f"{area}-{rng.choice('2345678')}{digits(rng, size - 1)}{extension}"


def international(rng: Random) -> str:
    """Return a foreign number from a range kept for fiction, with its country code."""
    shape, free = rng.choice(_DRAMA)
    return shape.format(digits(rng, free))


def american(rng: Random) -> str:
    """Return a North American number without country code, some with an extension."""
    shape = rng.choice(("({}) 555-01{}", "{}-555-01{}", "{}.555.01{}", "({}) 555-01{} ext. 4{}", "{}-555-01{}x3{}"))
    return shape.format(rng.choice(("212", "312", "415", "617", "702")), digits(rng, 2), digits(rng, 2))


def resident_id(rng: Random) -> str:
    """Return a resident id of 18 places."""
    day = f"{rng.randint(1938, 2012)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}"
    first = rng.choice(_ID_REGIONS) + day + digits(rng, 3)
    check = "10X98765432"[sum(int(d) * w for d, w in zip(first, _ID_WEIGHTS, strict=True)) % 11]
    written = first + (check.lower() if rng.random() < 0.2 else check)
    return grouped(written, (6, 8, 4), " ") if rng.random() < 0.1 else written


def old_resident_id(rng: Random) -> str:
    """Return a resident id of the first generation, 15 digits, which has no check digit."""
    day = f"{rng.randint(40, 85)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}"
    return rng.choice(_ID_REGIONS) + day + digits(rng, 3)


def card(rng: Random) -> str:
    """Return a payment card number of one of many issuers, grouped or not."""
    prefix, size = rng.choice(_CARD_KINDS)
    number = with_luhn(prefix + digits(rng, size - len(prefix) - 1))
    sizes = (4, 6, 5) if size in (14, 15) else (4,)
    return grouped(number, sizes, rng.choice(("", "", " ", "-")))


def iban(rng: Random) -> str:
    """Return an IBAN of one of many countries, in groups of four or not."""
    country = rng.choice(tuple(_IBAN_KINDS))
    alphabets = {"n": string.digits, "a": string.ascii_uppercase, "c": string.ascii_uppercase + string.digits}
    kinds = _IBAN_KINDS[country].replace("n", " n").replace("a", " a").replace("c", " c").split()
    account = "".join("".join(rng.choices(alphabets[kind[0]], k=int(kind[1:]))) for kind in kinds)
    check = 98 - int("".join(str(int(c, 36)) for c in f"{account}{country}00")) % 97
    return grouped(f"{country}{check:02}{account}", (4,), rng.choice(("", " ")))


def imei(rng: Random) -> str:
    """Return a device's IMEI."""
    return with_luhn(rng.choice(("35", "86")) + digits(rng, 12))


def email(rng: Random) -> str:
    """Return an e-mail address under a reserved domain."""
    local = rng.choice(_LOCAL_WORDS) + rng.choice(("", ".", "_", "-")) + rng.choice(_LOCAL_WORDS)
    local += rng.choice(("", digits(rng, 2), digits(rng, 4), "+shop"))
    address = f"{local}@{rng.choice(_DOMAINS)}"
    return address.title() if rng.random() < 0.05 else address


def ip_address(rng: Random) -> str:
    """Return an IPv4 or IPv6 address of documentation or private networks."""
    if rng.random() < 0.65:
        return f"{rng.choice(_NETWORKS)}.{rng.randint(1, 254)}"
    tail = [f"{rng.randint(1, 0xFFFF):x}" for _ in range(6)]
    full = "2001:db8:" + ":".join(tail)
    return rng.choice((full, full.upper(), f"2001:db8::{tail[0]}", f"2001:db8:{tail[0]}::{tail[1]}:{tail[2]}"))


def mac_address(rng: Random) -> str:
    """Return a locally administered MAC address."""
    pairs = ["02", *(f"{rng.randint(0, 255):02x}" for _ in range(5))]
    written = rng.choice((":", "-")).join(pairs)
    return written.upper() if rng.random() < 0.5 else written


def plate(rng: Random) -> str:
    """Return a mainland licence plate, at most two letters in its number; every third of a new-energy car."""
    region = rng.choice(_PROVINCES) + rng.choice("ABCDEFGH") + rng.choice(("", "", "·"))
    kind = rng.randrange(6)
    if kind == 0:
        return region + rng.choice("DF") + rng.choice(_PLATE_LETTERS + string.digits) + digits(rng, 4)
    if kind == 1:
        return region + digits(rng, 5) + rng.choice("DF")
    places = list(digits(rng, 5))
    for place in rng.sample(range(4), rng.randint(0, 2)):
        places[place] = rng.choice(_PLATE_LETTERS)
    return region + "".join(places)


def passport(rng: Random) -> str:
    """Return a Chinese passport number: E or G and eight digits, or E, a letter and seven digits."""
    prefix = rng.choice(("E", "G", "EA", "EC", "EJ", "EK"))
    return prefix + digits(rng, 9 - len(prefix))


def travel_permit(rng: Random) -> str:
    """Return a permit of Hong Kong, Macao or mainland people to cross: a letter and eight digits."""
    return rng.choice("HMC") + digits(rng, 8)


def taiwan_permit(rng: Random) -> str:
    """Return a permit of Taiwan people: eight digits."""
    return rng.choice("0123") + digits(rng, 7)


def wechat(rng: Random) -> str:
    """Return a WeChat id."""
    return (
        rng.choice(_LOCAL_WORDS)
        + rng.choice(("_", "-", ""))
        + rng.choice(_LOCAL_WORDS)
        + digits(rng, rng.randint(0, 4))
    )


def qq(rng: Random) -> str:
    """Return a QQ number."""
    return rng.choice("123456789") + digits(rng, rng.randint(5, 9))


def order_number(rng: Random) -> str:
    """Return an order number that is no card by its checksum."""
    shape = rng.randrange(4)
    if shape == 0:
        return without_luhn(rng, 18, f"202{rng.randint(4, 6)}{rng.randint(1, 12):02}")
    if shape == 1:
        return f"{rng.choice(('DD', 'SO', 'PO'))}{digits(rng, 10)}"
    if shape == 2:
        return f"11{digits(rng, 1)}-{digits(rng, 7)}-{digits(rng, 7)}"
    return without_luhn(rng, 12, "28")


def tracking_number(rng: Random) -> str:
    """Return the number of a parcel."""
    return rng.choice(("SF1", "YT8", "ZTO7", "JT5", "STO6", "JDVB0")) + digits(rng, 12)


def ssn(rng: Random) -> str:
    """Return a US social security number of a possible area."""
    return f"{rng.randint(101, 665)}-{rng.randint(10, 99)}-{rng.randint(1000, 9999)}"


def password(rng: Random) -> str:
    """Return a password of letters, digits and a sign."""
    return rng.choice(_LOCAL_WORDS).title() + rng.choice("!#$%&*_") + digits(rng, rng.randint(3, 6))


def one_time_code(rng: Random) -> str:
    """Return a code of four or six digits."""
    return digits(rng, rng.choice((4, 6)))


def api_key(rng: Random) -> str:
    """Return a key in the manner of well-known services; it opens nothing."""
    alphabet = string.ascii_letters + string.digits
    kind = rng.randrange(4)
    if kind == 0:
        return "-".join(("sk", "proj", "".join(rng.choices(alphabet, k=40))))
    if kind == 1:
        return "AKI" + "A" + "".join(rng.choices(string.ascii_uppercase + "234567", k=16))
    if kind == 2:
        return "_".join(("ghp", "".join(rng.choices(alphabet, k=36))))
    return "_".join(("sk", "live", "".join(rng.choices(alphabet, k=24))))


def bearer_token(rng: Random) -> str:
    """Return a JSON web token signed with nothing."""
    part = (b'{"alg":"HS256","typ":"JWT"}', b'{"sub":"%d"}' % rng.randrange(10**9), rng.randbytes(32))
    return ".".join(urlsafe_b64encode(p).decode().rstrip("=") for p in part)


def coordinates(rng: Random) -> str:
    """Return a latitude and a longitude somewhere in China or Europe."""
    south, east = rng.choice(((31.0, 121.0), (39.0, 116.0), (48.0, 2.0), (51.0, 0.1)))
    latitude, longitude = south + rng.random(), east + rng.random()
    return rng.choice(("{:.6f},{:.6f}", "{:.5f}, {:.5f}", "{:.4f}°N, {:.4f}°E")).format(latitude, longitude)
