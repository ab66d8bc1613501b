"""A company whose customers share things: who is found to be one, and who is not."""

import random
from collections import Counter, defaultdict

from tests.unit.identity.streams import an_event, frame, in_full

PEOPLE = 2500


def a_company(seed: int) -> tuple[list[dict], dict[str, str]]:
    """Events, and who made each.

    Of the people, 40 in 100 log in with a customer number, 2 have a second address that they use on their own device,
    25 share a tablet at home with one to three others, 5 sit down at one of 60 public computers, and 30 call a centre
    that writes its own number down as theirs.
    """
    chance = random.Random(seed)
    events: list[dict] = []
    owners: dict[str, str] = {}

    def say(person: int, *tokens: str) -> None:
        number = len(events)
        events.append(an_event(number, *tokens, hours=chance.random() * 24 * 60))
        owners[f"event.1.{number}"] = f"{person}"

    for person in range(PEOPLE):
        email, phone, device = (f"{kind}.1.p{person}" for kind in ("email", "phone", "device"))
        logs_in = [f"customer.1.p{person}"] if chance.random() < 0.4 else []
        for visit in range(chance.randint(1, 3)):
            say(person, f"cookie.1.p{person}-{visit % 2}", email)
        say(person, email, device, *logs_in)
        if chance.random() < 0.6:
            say(person, phone, device)
        if chance.random() < 0.3:
            say(person, phone, email, *logs_in)
            say(person, phone, "phone.1.centre")
        if chance.random() < 0.02:
            say(person, f"email.1.second{person}", device, *(logs_in if chance.random() < 0.5 else []))
        if chance.random() < 0.25:
            say(person, email, f"device.1.home{person // 4}")
        if chance.random() < 0.05:
            say(person, email, f"cookie.1.public{chance.randrange(60)}")
    return events, owners


def pairs(groups: Counter) -> int:
    return sum(size * (size - 1) // 2 for size in groups.values())


def measured(events: list[dict], owners: dict[str, str]) -> tuple[float, float, int]:
    """Pairwise precision and recall over events, and the most people that one was taken for."""
    people = dict(in_full(frame(events)).people.select("token", "person_id").iter_rows())
    shared = set(in_full(frame(events)).quarantine["token"])
    order = ["customer", "loyalty_card", "email", "phone", "social", "device", "cookie"]
    found = {}
    for event in events:
        tokens = [one["token"] for one in event["identifiers"]]
        strongest = min(tokens, key=lambda token: (token in shared, order.index(token.split(".")[0]), token))
        found[event["event_id"]] = people[strongest]
    both = pairs(Counter((found[event], owners[event]) for event in owners))
    merged = defaultdict(set)
    for event, owner in owners.items():
        merged[found[event]].add(owner)
    return (
        both / pairs(Counter(found.values())),
        both / pairs(Counter(owners.values())),
        max(len(people) for people in merged.values()),
    )


def test_what_people_share_makes_nobody_one_and_costs_little_recall() -> None:
    events, owners = a_company(1)
    precision, recall, most = measured(events, owners)
    assert precision >= 0.99
    assert recall >= 0.98
    assert most == 1
