import pytest

from mangrove.event.v1 import event_pb2
from services.adapters.webhooks.chatwoot import Chatwoot
from services.adapters.webhooks.delivery import Delivery, SignatureInvalid
from services.adapters.webhooks.origin import Origin
from tests.generated import identifier
from tests.unit.adapters.webhooks import chatwoot_says as says

NOW_S = 1_772_439_335
SECRET = "a test secret"
PURPOSES = (event_pb2.PURPOSE_SERVICE, event_pb2.PURPOSE_ANALYTICS)
CUSTOMER = [
    identifier("customer", "K-100"),
    identifier("email", "kim@example.com"),
    identifier("phone", "+8613800138000"),
    identifier("social", "chatwoot:shop:contact:14"),
]


def chatwoot(now_s: float = NOW_S) -> Chatwoot:
    return Chatwoot(SECRET, Origin("chatwoot:shop", PURPOSES), 300, clock=lambda: now_s)


def delivered(payload: object, at_s: float = NOW_S) -> Delivery:
    body = says.body_of(payload)
    return Delivery(says.signed(body, SECRET, at_s), {}, body)


def events_of(payload: object) -> list[event_pb2.Event]:
    return chatwoot().events(chatwoot().authenticate(delivered(payload)))


def the_event(payload: object) -> event_pb2.Event:
    (event,) = events_of(payload)
    return event


def expected(event_id: str, at_ns: int, **more: object) -> event_pb2.Event:
    values: dict[str, object] = {
        "event_id": f"chatwoot:shop:{event_id}",
        "channel": event_pb2.CHANNEL_CHAT,
        "occurred_at_unix_nano": at_ns,
        "identifiers": CUSTOMER,
        "consent": event_pb2.Consent(purposes=PURPOSES),
        "conversation_id": "chatwoot:shop:conversation:10",
        "context": event_pb2.Context(locale="zh-CN"),
        **more,
    }
    return event_pb2.Event(**values)  # type: ignore[arg-type]


def test_a_customers_message_becomes_a_message_of_the_customer():
    said = event_pb2.MessageSent(party=event_pb2.PARTY_CUSTOMER, text="Where is my order?")
    assert the_event(says.message()) == expected("message:118", says.CREATED_NS, message_sent=said)


def test_an_agents_message_names_the_agent_and_keeps_the_customer():
    payload = says.message(message_type="outgoing", sender=says.USER, content="On its way.")
    said = event_pb2.MessageSent(party=event_pb2.PARTY_AGENT, text="On its way.", agent_id="chatwoot:shop:user:7")
    assert the_event(payload) == expected("message:118", says.CREATED_NS, message_sent=said)


@pytest.mark.parametrize(
    ("message_type", "sender", "agent_id"),
    [
        ("outgoing", says.BOT, "chatwoot:shop:agent_bot:3"),
        ("outgoing", None, ""),
        ("outgoing", {"id": 1, "name": "Captain", "type": "captain_assistant"}, "chatwoot:shop:captain_assistant:1"),
        ("template", None, ""),
    ],
)
def test_what_no_human_and_no_customer_wrote_is_a_bots(message_type, sender, agent_id):
    message = the_event(says.message(message_type=message_type, sender=sender)).message_sent
    assert (message.party, message.agent_id) == (event_pb2.PARTY_BOT, agent_id)


@pytest.mark.parametrize("more", [{"private": True}, {"message_type": "activity"}])
def test_private_notes_and_activity_lines_are_no_conversation(more):
    assert events_of(says.message(content="he sounds angry", **more)) == []
    assert events_of(says.message("message_updated", content="he sounds angry", **more)) == []


def test_what_was_submitted_on_a_private_note_is_no_conversation():
    assert events_of({**says.survey(4, None), "private": True}) == []


def test_of_an_attachment_only_that_there_was_a_message_is_told():
    attachments = [{"id": 1, "file_type": "image", "data_url": "https://files.example.com/private.png"}]
    event = the_event(says.message(content=None, attachments=attachments))
    assert event.message_sent == event_pb2.MessageSent(party=event_pb2.PARTY_CUSTOMER)
    assert b"private.png" not in event.SerializeToString()


def test_a_survey_answered_and_then_commented_are_two_judgements_of_one_message():
    rated, judged = the_event(says.survey(4, None)), the_event(says.survey(4, "kind and quick"))
    csat = event_pb2.FEEDBACK_KIND_CSAT
    assert rated.feedback_given == event_pb2.FeedbackGiven(kind=csat, score=4)
    assert judged.feedback_given == event_pb2.FeedbackGiven(kind=csat, score=4, comment="kind and quick")
    assert rated.event_id != judged.event_id


@pytest.mark.parametrize("rating", [0, 6, -1])
def test_a_rating_off_the_scale_is_no_judgement(rating):
    assert events_of(says.survey(rating, None)) == []


def test_what_a_customer_chose_when_a_bot_asked_is_the_customers_message():
    chosen = {"submitted_values": [{"title": "Delivery", "value": "delivery"}, {"name": "order", "value": 12}]}
    payload = says.message("message_updated", message_type="template", sender=says.BOT, content_attributes=chosen)
    event = the_event(payload)
    assert event.message_sent == event_pb2.MessageSent(party=event_pb2.PARTY_CUSTOMER, text="Delivery\n12")
    assert event.event_id == "chatwoot:shop:message:118:answer"


def test_an_edited_or_delivered_message_says_nothing_new():
    assert events_of(says.message("message_updated", content="edited")) == []


def test_a_conversation_begins_when_it_was_created():
    event = the_event({**says.conversation(), "event": "conversation_created"})
    started = event_pb2.ConversationStarted()
    assert event == expected("conversation:10:created", 1_772_439_300_000_000_000, conversation_started=started)


def test_a_mail_conversation_is_on_the_mail_channel_and_has_its_subject():
    payload = says.conversation(channel="Channel::Email", additional_attributes={"mail_subject": "Late parcel"})
    event = the_event({**payload, "event": "conversation_created"})
    assert (event.channel, event.conversation_started.topic) == (event_pb2.CHANNEL_EMAIL, "Late parcel")


def test_a_resolved_conversation_has_ended_well():
    status = says.change("status", "open", "resolved")
    updated = says.change("updated_at", "2026-03-02T08:00:00.000Z", "2026-03-02T08:15:30.250Z")
    event = the_event(says.changed("conversation_status_changed", status, updated, status="resolved"))
    assert event.conversation_ended.reason == event_pb2.END_REASON_RESOLVED
    assert event.occurred_at_unix_nano == says.CREATED_NS


def test_a_bot_hands_over_by_opening_a_pending_conversation():
    payload = says.changed("conversation_status_changed", says.change("status", "pending", "open"), status="open")
    handed = event_pb2.ConversationTransferred(from_party=event_pb2.PARTY_BOT, to_party=event_pb2.PARTY_AGENT)
    assert the_event(payload).conversation_transferred == handed


@pytest.mark.parametrize(("before", "after"), [("resolved", "open"), ("open", "snoozed")])
def test_reopening_and_snoozing_move_nobody(before, after):
    payload = says.changed("conversation_status_changed", says.change("status", before, after), status=after)
    assert events_of(payload) == []


def test_an_assigned_conversation_passes_to_the_agent():
    payload = says.changed("conversation_updated", says.change("assignee_id", None, 7))
    passed = event_pb2.ConversationTransferred(to_party=event_pb2.PARTY_AGENT, agent_id="chatwoot:shop:user:7")
    assert the_event(payload).conversation_transferred == passed


def test_a_conversation_taken_from_a_bot_says_who_had_it():
    taken = (says.change("assignee_agent_bot_id", 3, None), says.change("assignee_id", None, 7))
    passed = the_event(says.changed("conversation_updated", *taken)).conversation_transferred
    assert (passed.from_party, passed.to_party) == (event_pb2.PARTY_BOT, event_pb2.PARTY_AGENT)


@pytest.mark.parametrize(
    "change",
    [says.change("assignee_id", 7, None), says.change("priority", None, "high"), says.change("label_list", [], ["a"])],
)
def test_other_changes_of_a_conversation_pass_it_to_nobody(change):
    assert events_of(says.changed("conversation_updated", change)) == []


def test_the_same_change_delivered_again_later_has_the_same_id():
    payload = says.changed("conversation_updated", says.change("assignee_id", None, 7))
    first, again = (chatwoot().events(chatwoot().authenticate(delivered(payload, at_s))) for at_s in (NOW_S, NOW_S + 9))
    assert first == again


def test_a_contact_is_told_with_all_its_names():
    event = the_event(says.contact("contact_created"))
    assert event == expected(
        "contact:14:created",
        NOW_S * 1_000_000_000,
        custom=event_pb2.Custom(name="contact_created"),
        conversation_id="",
        context=None,
    )


def test_a_contact_updated_twice_are_two_events():
    updates = [
        the_event(says.contact("contact_updated", changed_attributes=[says.change("updated_at", None, at)]))
        for at in ("2026-03-02T08:15:30.250Z", "2026-03-02T08:16:30.250Z")
    ]
    assert updates[0].occurred_at_unix_nano == says.CREATED_NS
    assert updates[0].event_id != updates[1].event_id


def test_an_opened_widget_is_a_click_on_its_page():
    event = the_event(says.widget())
    assert event.clicked == event_pb2.Clicked(element="chat widget", url="https://shop.example.com/help")
    assert event.context.locale == "en"
    assert list(event.identifiers) == CUSTOMER


def test_a_contact_without_names_is_known_by_its_number_at_chatwoot():
    nameless = {"id": 14, "email": None, "identifier": "", "phone_number": None}
    payload = says.message(conversation=says.conversation(meta={"sender": nameless}))
    assert list(the_event(payload).identifiers) == [identifier("social", "chatwoot:shop:contact:14")]


def test_a_social_inbox_is_on_the_social_channel():
    payload = says.message(conversation=says.conversation(channel="Channel::FacebookPage"))
    assert the_event(payload).channel == event_pb2.CHANNEL_SOCIAL


def test_events_that_are_not_read_are_taken_and_say_nothing():
    assert events_of({"event": "conversation_typing_on", "is_private": False}) == []


def test_the_signature_is_the_documented_one():
    # printf '1700000000.{"event":"ping"}' | openssl dgst -sha256 -hmac 'a test secret'
    digest = "1ddfdf39292374e159dd51b08808b3c7d4642f9bd3d6dafbb0da8dfde1ba053a"
    headers = {"x-chatwoot-timestamp": "1700000000", "x-chatwoot-signature": f"sha256={digest}"}
    assert (
        chatwoot(1_700_000_100).authenticate(Delivery(headers, {}, b'{"event":"ping"}')).content == b'{"event":"ping"}'
    )


@pytest.mark.parametrize("skew_s", [-300, 0, 300])
def test_clocks_may_differ_by_the_tolerance(skew_s):
    assert chatwoot().authenticate(delivered(says.message(), NOW_S + skew_s))


@pytest.mark.parametrize("skew_s", [-301, 301, -86_400])
def test_a_delivery_of_another_time_is_refused(skew_s):
    with pytest.raises(SignatureInvalid):
        chatwoot().authenticate(delivered(says.message(), NOW_S + skew_s))


def _without(name: str, delivery: Delivery) -> Delivery:
    return Delivery({k: v for k, v in delivery.headers.items() if k != name}, {}, delivery.body)


def _with(delivery: Delivery, **headers: str) -> Delivery:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Delivery({**delivery.headers, **named}, {}, delivery.body)


@pytest.mark.parametrize(
    "tamper",
    [
        lambda d: Delivery(d.headers, {}, d.body + b" "),
        lambda d: Delivery(d.headers, {}, b""),
        lambda d: _without("x-chatwoot-signature", d),
        lambda d: _without("x-chatwoot-timestamp", d),
        lambda d: _with(d, x_chatwoot_timestamp=str(NOW_S + 1)),
        lambda d: _with(d, x_chatwoot_timestamp="١٧٧٢٤٣٩٣٣٥"),
        lambda d: _with(d, x_chatwoot_signature=d.headers["x-chatwoot-signature"].removeprefix("sha256=")),
        lambda d: _with(d, x_chatwoot_signature="sha256=ÿ"),
        lambda d: _with(d, **says.signed(d.body, "another secret", NOW_S)),
    ],
)
def test_a_tampered_delivery_is_refused(tamper):
    with pytest.raises(SignatureInvalid):
        chatwoot().authenticate(tamper(delivered(says.message())))
