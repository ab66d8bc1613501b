"""Made-up people and their records, with the errors that records have."""

import random

from faker import Faker


def mistyped(text: str, chance: random.Random) -> str:
    at = chance.randrange(len(text))
    return text[:at] + chance.choice("abcdefghij" if text[at].isalpha() else "0123456789") + text[at + 1 :]


def people(count: int, seed: int) -> tuple[list[dict[str, str]], list[str]]:
    """Records of made-up people with errors, and whose they are. Every third person has a sibling at home."""
    fake, chance = Faker("en_GB"), random.Random(seed)
    fake.seed_instance(seed)
    towns = {fake.unique.last_name().lower(): [f"{chance.randint(1000, 9999)}" for _ in range(5)] for _ in range(30)}
    records, owners = [], []
    home: dict[str, str] = {}
    for person in range(count):
        if person % 3 != 1:
            town = chance.choice(list(towns))
            home = {"surname": fake.last_name().lower(), "city": town, "postcode": chance.choice(towns[town])}
        birth = fake.date_of_birth(minimum_age=18, maximum_age=90).isoformat()
        true = {**home, "given_name": fake.first_name().lower(), "birth_date": birth}
        for _ in range(chance.randint(1, 4)):
            record = {k: mistyped(v, chance) if chance.random() < 0.12 else v for k, v in true.items()}
            record = {k: "" if chance.random() < 0.06 else v for k, v in record.items()}
            if chance.random() < 0.05:
                record["given_name"], record["surname"] = record["surname"], record["given_name"]
            records.append(record)
            owners.append(f"p{person}")
    return records, owners
