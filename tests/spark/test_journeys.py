import pytest

from tests.spark.build import an_event
from tests.spark.built import built_of
from tests.spark.flow import flow_of

pytestmark = pytest.mark.spark


def seen(person, on="web", **after):
    return an_event().by(customer=person).on(on).after(**after)


def chat(person, name, minute):
    return an_event().by(customer=person).in_chat(f"{person}-{name}").after(minutes=minute)


@pytest.fixture(scope="module")
def built(spark):
    """Sessions, journeys, steps and transitions of many people at once, by the person's name."""
    flow = flow_of(
        spark,
        # a: a pause of exactly 30 minutes parts sessions, one of 29:59 does not; channels do not matter.
        seen("a"), seen("a", "app", minutes=29, seconds=59), seen("a", minutes=59, seconds=59),
        # b: 72 hours after the last event a new journey begins; just before it does not.
        seen("b"), seen("b", hours=71), seen("b", hours=143),
        # c: a purchase ends the journey with its session; a failed payment does not.
        seen("c"),
        seen("c", "app", minutes=1).of("payment_made", status="failed", amount={"amount_minor": 100}),
        seen("c", "app", minutes=2).of("payment_made", status="succeeded", amount={"amount_minor": 5000}),
        seen("c", minutes=3), seen("c", hours=2),
        # d: web, app, web again: a loop; repeats are one step.
        seen("d"), seen("d", minutes=1),
        seen("d", "app", minutes=2), seen("d", "app", minutes=3).of("cart_changed"),
        seen("d", "store", minutes=5).of("store_visited"), seen("d", minutes=9),
        # Outcomes.
        chat("bought", "x", 0).of("conversation_ended", reason="escalated"),
        seen("bought", minutes=1).of("payment_made", status="succeeded"),
        seen("complained").of("complaint_filed", text="no"),
        chat("escalated", "x", 0).of("conversation_ended", reason="escalated"),
        chat("transferred", "x", 0).of("conversation_ended", reason="resolved"),
        chat("transferred", "y", 1).saying("hi", "bot"),
        chat("transferred", "y", 2).saying("hi", "agent"),
        chat("resolved", "x", 0).saying("hi", "bot"), chat("resolved", "x", 1).saying("hi", "agent"),
        chat("resolved", "x", 2).of("conversation_ended", reason="resolved"),
        seen("left"),
        # Who has a conversation is its stage: the bot's until the hand-over, then the agent's.
        chat("staged", "x", 0).of("conversation_started"), chat("staged", "x", 1).saying("hi"),
        chat("staged", "x", 2).saying("hi", "bot"),
        chat("staged", "x", 3).of("conversation_transferred", to_party="agent"),
        chat("staged", "x", 4).saying("hi"), chat("staged", "x", 5).saying("hi", "agent"),
    )  # fmt: skip
    made = built_of(flow)
    names = {r["person_id"]: r["token"].removeprefix("customer.1.") for r in flow.people.collect()}

    def by_name(rows, *order):
        of_name = {}
        for row in rows.sort(*order).to_dicts():
            of_name.setdefault(names[row["person_id"]], []).append(row)
        return of_name

    return {
        "sessions": by_name(made.sessions, "started_at"),
        "journeys": by_name(made.journeys, "started_at"),
        "steps": by_name(made.steps, "journey_id", "step"),
        "transitions": by_name(made.transitions, "journey_id", "step"),
        "events": flow.events.count(),
        "in_steps": made.steps["events"].sum(),
    }


def test_a_pause_of_30_minutes_parts_sessions_whatever_the_channel(built):
    assert [(s["events"], s["channels"]) for s in built["sessions"]["a"]] == [
        (2, ["app", "web"]),
        (1, ["web"]),
    ]


def test_a_pause_of_72_hours_or_a_purchase_parts_journeys(built):
    assert [(j["sessions"]) for j in built["journeys"]["a"]] == [2]
    assert [(j["sessions"]) for j in built["journeys"]["b"]] == [2, 1]
    assert [(j["outcome"], j["amount_minor"]) for j in built["journeys"]["c"]] == [
        ("bought", 5000),
        ("abandoned", None),
    ]


def test_every_event_is_in_one_step(built):
    assert built["in_steps"] == built["events"]


def test_repeats_are_one_step_and_a_return_to_a_channel_is_a_loop(built):
    steps = [(s["step"], s["channel"], s["stage"], s["events"], s["dwell_s"]) for s in built["steps"]["d"]]
    assert steps == [
        (1, "web", "browse", 2, 120.0), (2, "app", "browse", 1, 60.0), (3, "app", "cart", 1, 120.0),
        (4, "store", "store", 1, 240.0), (5, "web", "browse", 1, None),
    ]  # fmt: skip
    changes = [
        (t["step"], t["from_channel"], t["to_channel"], t["gap_s"], t["returns"]) for t in built["transitions"]["d"]
    ]
    assert changes == [
        (1, "web", "app", 60.0, False), (3, "app", "store", 120.0, False), (4, "store", "web", 240.0, True),
    ]  # fmt: skip
    (journey,) = built["journeys"]["d"]
    assert (journey["steps"], journey["channels"], journey["loops"]) == (5, 3, 1)
    assert (journey["first_channel"], journey["last_channel"]) == ("web", "web")


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("bought", "bought"),
        ("complained", "escalated"),
        ("escalated", "escalated"),
        ("transferred", "transferred"),
        ("resolved", "resolved"),
        ("left", "abandoned"),
    ],
)
def test_the_strongest_outcome_names_the_journey(built, name, outcome):
    assert [j["outcome"] for j in built["journeys"][name]] == [outcome]


def test_the_stage_of_a_conversation_says_who_has_it(built):
    assert [(s["stage"], s["events"]) for s in built["steps"]["staged"]] == [("bot", 3), ("agent", 3)]
