import pytest

from mangrove.event.v1 import event_pb2
from services.adapters.webhooks.delivery import Delivery, PayloadMalformed, SignatureInvalid, VerificationRefused
from services.adapters.webhooks.messenger import Messenger
from tests.generated import identifier
from tests.unit.adapters.webhooks import meta_says as says

NOW_S = says.AT_MS / 1000 + 5
SECRET, TOKEN = "a test secret", "a test token"
PURPOSES = (event_pb2.PURPOSE_SERVICE, event_pb2.PURPOSE_ANALYTICS)
BOT_APP, OTHER_APP, INBOX = "1517000000000001", "1517000000000002", "263902037430900"
PREFIX = f"messenger:{says.PAGE}"


def messenger(now_s: float = NOW_S, bot_app_id: str = "") -> Messenger:
    return Messenger(SECRET, TOKEN, PURPOSES, 300, bot_app_id=bot_app_id, clock=lambda: now_s)


def delivered(payload: object) -> Delivery:
    body = says.body_of(payload)
    return Delivery(says.signed(body, SECRET), {}, body)


def events_of(payload: object, **more: object) -> list[event_pb2.Event]:
    hook = messenger(**more)  # type: ignore[arg-type]
    return hook.events(hook.authenticate(delivered(payload)))


def the_event(what: dict[str, object], **more: object) -> event_pb2.Event:
    (event,) = events_of(says.notification(what), **more)
    return event


def expected(event_id: str, **more: object) -> event_pb2.Event:
    return event_pb2.Event(  # type: ignore[arg-type]
        event_id=f"{PREFIX}:{event_id}",
        channel=event_pb2.CHANNEL_SOCIAL,
        occurred_at_unix_nano=says.AT_NS,
        identifiers=[identifier("social", f"{PREFIX}:{says.PERSON}")],
        consent=event_pb2.Consent(purposes=PURPOSES),
        conversation_id=f"{PREFIX}:thread:{says.PERSON}",
        **more,
    )


def test_a_persons_message_becomes_a_message_of_the_customer():
    event = the_event(says.item(message={"mid": "m_1", "text": "hello, world!"}))
    said = event_pb2.MessageSent(party=event_pb2.PARTY_CUSTOMER, text="hello, world!")
    assert event == expected("message:m_1", message_sent=said)


def test_of_an_attachment_only_that_there_was_a_message_is_told():
    attachment = {"type": "image", "payload": {"url": "https://files.example.com/private.png"}}
    event = the_event(says.item(message={"mid": "m_1", "attachments": [attachment]}))
    assert event.message_sent == event_pb2.MessageSent(party=event_pb2.PARTY_CUSTOMER)
    assert b"private.png" not in event.SerializeToString()


@pytest.mark.parametrize(
    ("app_id", "bot_app_id", "party"),
    [
        (int(OTHER_APP), "", event_pb2.PARTY_BOT),
        (int(INBOX), "", event_pb2.PARTY_AGENT),
        (None, "", event_pb2.PARTY_AGENT),
        (int(BOT_APP), BOT_APP, event_pb2.PARTY_BOT),
        (int(OTHER_APP), BOT_APP, event_pb2.PARTY_AGENT),
        (None, BOT_APP, event_pb2.PARTY_AGENT),
    ],
)
def test_what_the_page_says_is_a_bots_or_an_agents_by_its_app(app_id, bot_app_id, party):
    event = the_event(says.echo(app_id=app_id), bot_app_id=bot_app_id)
    agent_id = f"{PREFIX}:app:{app_id}" if app_id else ""
    said = event_pb2.MessageSent(party=party, text="hello", agent_id=agent_id)
    assert event == expected("message:m_echo", message_sent=said)


def test_a_tapped_button_is_what_the_person_sees_as_said():
    event = the_event(says.item(postback={"mid": "m_2", "title": "Where is my order?", "payload": "ORDER_STATUS"}))
    said = event_pb2.MessageSent(party=event_pb2.PARTY_CUSTOMER, text="Where is my order?")
    assert event == expected("postback:m_2", message_sent=said)


def test_reading_and_delivery_are_told_once_for_each_watermark():
    read = the_event(says.item(read={"watermark": says.AT_MS - 200}))
    assert read == expected(f"read:{says.PERSON}:{says.AT_MS - 200}", custom=event_pb2.Custom(name="message_read"))
    arrived = the_event(says.item(delivery={"mids": ["m_1"], "watermark": says.AT_MS - 200}))
    name = event_pb2.Custom(name="message_delivered")
    assert arrived == expected(f"delivered:{says.PERSON}:{says.AT_MS - 200}", custom=name)


def test_a_reaction_is_told_with_its_kind_and_without_the_emoji():
    reaction = {"reaction": "love", "emoji": "\u2764\ufe0f", "action": "react", "mid": "m_1"}
    event = the_event(says.item(reaction=reaction))
    labels = {"action": "react", "reaction": "love"}
    assert event.custom == event_pb2.Custom(name="message_reaction", labels=labels)
    undone = the_event(says.item(reaction={"action": "unreact", "mid": "m_1"}))
    assert undone.event_id != event.event_id


@pytest.mark.parametrize("how", ["pass_thread_control", "take_thread_control"])
def test_a_conversation_passed_to_the_inbox_goes_from_bot_to_agent(how):
    control = {"previous_owner_app_id": OTHER_APP, "new_owner_app_id": INBOX, "metadata": "angry"}
    passed = the_event(says.item(**{how: control})).conversation_transferred
    assert passed == event_pb2.ConversationTransferred(
        from_party=event_pb2.PARTY_BOT, to_party=event_pb2.PARTY_AGENT, agent_id=f"{PREFIX}:app:{INBOX}"
    )


def test_a_conversation_that_nobody_had_comes_from_nobody():
    control = {"previous_owner_app_id": None, "new_owner_app_id": OTHER_APP}
    passed = the_event(says.item(pass_thread_control=control)).conversation_transferred
    assert (passed.from_party, passed.to_party) == (event_pb2.PARTY_UNSPECIFIED, event_pb2.PARTY_BOT)


def test_a_referral_is_told_by_its_source():
    event = the_event(says.item(referral={"source": "ADS", "type": "OPEN_THREAD", "ref": "spring"}))
    labels = {"source": "ADS", "type": "OPEN_THREAD", "ref": "spring"}
    assert event.custom == event_pb2.Custom(name="referral", labels=labels)


@pytest.mark.parametrize(
    "what",
    [
        {"message": {"mid": "m_1", "is_deleted": True}},
        {"pass_thread_control": {"previous_owner_app_id": BOT_APP, "new_owner_app_id": None}},
        {"request_thread_control": {"requested_owner_app_id": BOT_APP}},
        {"app_roles": {BOT_APP: ["primary_receiver"]}},
        {"optin": {"type": "notification_messages"}},
    ],
)
def test_what_is_not_read_says_nothing(what):
    assert events_of(says.notification(says.item(**what))) == []


def test_standby_items_and_several_pages_are_all_read():
    one = says.item(message={"mid": "m_1", "text": "a"})
    payload = says.notification(one, standby=[says.echo(mid="m_2")])
    other = {**payload["entry"][0], "id": "105550000000002", "standby": []}
    payload["entry"].append({**other, "messaging": [{**one, "recipient": {"id": other["id"]}}]})
    ids = [event.event_id for event in events_of(payload)]
    assert ids == [f"{PREFIX}:message:m_1", f"{PREFIX}:message:m_2", "messenger:105550000000002:message:m_1"]


def test_the_same_person_id_on_two_pages_names_two_people():
    payload = says.notification(says.item(message={"mid": "m_1", "text": "a"}))
    other = {**payload, "entry": [{**payload["entry"][0], "id": "105550000000002"}]}
    assert events_of(payload)[0].identifiers != events_of(other)[0].identifiers


def test_instagrams_long_message_ids_become_ids_of_128_characters_at_most():
    mids = ["a" * 170, "a" * 169 + "b"]
    events = [
        event
        for mid in mids
        for event in events_of(says.notification(says.item(message={"mid": mid, "text": "a"}), of="instagram"))
    ]
    assert {len(event.event_id) for event in events} == {64}
    assert len({event.event_id for event in events}) == 2
    assert events[0].identifiers[0].value == f"instagram:{says.PAGE}:{says.PERSON}"


def test_a_person_who_came_by_a_plugin_has_no_id_yet():
    what = {**says.item(message={"mid": "m_1", "text": "a"}), "sender": {"user_ref": "r"}}
    event = the_event(what)
    assert (list(event.identifiers), event.conversation_id) == ([], "")


def test_other_products_of_meta_are_refused():
    with pytest.raises(PayloadMalformed):
        events_of({"object": "whatsapp_business_account", "entry": []})


def test_the_signature_is_the_documented_one():
    # printf '{"object":"page","entry":[]}' | openssl dgst -sha256 -hmac 'a test secret'
    digest = "0bc79654483fcf4dae2b49dd11acfa5e9665c12d6f3c5dd802e5cbb638b2df8c"
    delivery = Delivery({"x-hub-signature-256": f"sha256={digest}"}, {}, b'{"object":"page","entry":[]}')
    assert messenger().authenticate(delivery).content == delivery.body


@pytest.mark.parametrize(
    "tamper",
    [
        lambda d: Delivery(d.headers, {}, d.body + b" "),
        lambda d: Delivery({}, {}, d.body),
        lambda d: Delivery({"x-hub-signature-256": "sha256="}, {}, d.body),
        lambda d: Delivery({"x-hub-signature": d.headers["x-hub-signature-256"]}, {}, d.body),
        lambda d: Delivery(says.signed(d.body, "another secret"), {}, d.body),
    ],
)
def test_a_tampered_delivery_is_refused(tamper):
    with pytest.raises(SignatureInvalid):
        messenger().authenticate(tamper(delivered(says.notification(says.echo()))))


@pytest.mark.parametrize("later_s", [-300, 0, 35 * 3600])
def test_what_meta_sends_again_for_36_hours_is_taken(later_s):
    payload = says.notification(says.echo())
    assert events_of(payload, now_s=says.AT_MS / 1000 + later_s)


@pytest.mark.parametrize("later_s", [-301, 37 * 3600])
def test_a_delivery_from_ahead_of_time_or_too_old_is_refused(later_s):
    with pytest.raises(SignatureInvalid):
        events_of(says.notification(says.echo()), now_s=says.AT_MS / 1000 + later_s)


def _question(**more: str) -> dict[str, str]:
    return {"hub.mode": "subscribe", "hub.verify_token": TOKEN, "hub.challenge": "1158201444", **more}


def test_the_challenge_is_sent_back_to_who_knows_the_token():
    assert messenger().verify(_question()) == "1158201444"


@pytest.mark.parametrize(
    "question",
    [
        {},
        _question(**{"hub.verify_token": "a test toke"}),
        _question(**{"hub.mode": "unsubscribe"}),
        _question(**{"hub.challenge": "<script>alert(1)</script>"}),
        _question(**{"hub.challenge": ""}),
        _question(**{"hub.challenge": "1" * 257}),
    ],
)
def test_any_other_question_is_refused(question):
    with pytest.raises(VerificationRefused):
        messenger().verify(question)
