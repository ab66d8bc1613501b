import pytest

from mangrove.event.v1 import event_pb2
from services.adapters.webhooks.delivery import Delivery, PayloadMalformed, SignatureInvalid, VerificationRefused
from services.adapters.webhooks.origin import Origin
from services.adapters.webhooks.wechat import WeChat
from services.adapters.webhooks.wechat_crypto import AesKeyInvalid, MessageCipher
from tests.generated import identifier
from tests.unit.adapters.webhooks import wechat_says as says

NOW_S = says.AT_S + 1
TOKEN, AES_KEY = "a-test-token", says.new_aes_key()
PURPOSES = (event_pb2.PURPOSE_SERVICE, event_pb2.PURPOSE_ANALYTICS)
PREFIX = f"wechat:{says.APP_ID}"


def wechat(now_s: float = NOW_S, *, is_plain: bool = True, app_id: str = says.APP_ID) -> WeChat:
    cipher = None if is_plain else MessageCipher(AES_KEY, app_id)
    return WeChat(TOKEN, cipher, Origin(PREFIX, PURPOSES), 300, clock=lambda: now_s)


def delivered(body: bytes, at_s: float = NOW_S) -> Delivery:
    return Delivery({}, says.signed(TOKEN, at_s), body)


def enveloped(message: bytes, aes_key: str = AES_KEY) -> Delivery:
    query, body = says.enveloped(message, TOKEN, aes_key, NOW_S)
    return Delivery({}, query, body)


def events_of(body: bytes) -> list[event_pb2.Event]:
    return wechat().events(wechat().authenticate(delivered(body)))


def the_event(body: bytes) -> event_pb2.Event:
    (event,) = events_of(body)
    return event


def expected(event_id: str, **more: object) -> event_pb2.Event:
    return event_pb2.Event(  # type: ignore[arg-type]
        event_id=f"{PREFIX}:{event_id}",
        channel=event_pb2.CHANNEL_SOCIAL,
        occurred_at_unix_nano=says.AT_S * 1_000_000_000,
        identifiers=[identifier("social", f"{PREFIX}:{says.PERSON}")],
        consent=event_pb2.Consent(purposes=PURPOSES),
        conversation_id=f"{PREFIX}:thread:{says.PERSON}",
        **more,
    )


def test_a_text_becomes_a_message_of_the_customer():
    said = event_pb2.MessageSent(party=event_pb2.PARTY_CUSTOMER, text="你好 <订单> & 1")
    assert the_event(says.text("你好 <订单> & 1")) == expected("message:1234567890123456", message_sent=said)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"MsgType": "image", "PicUrl": "https://files.example.com/a", "MediaId": "m"}, ""),
        ({"MsgType": "voice", "MediaId": "m", "Format": "amr"}, ""),
        ({"MsgType": "voice", "MediaId": "m", "Format": "amr", "Recognition": "我的包裹在哪里"}, "我的包裹在哪里"),
        ({"MsgType": "video", "MediaId": "m", "ThumbMediaId": "t"}, ""),
        ({"MsgType": "shortvideo", "MediaId": "m", "ThumbMediaId": "t"}, ""),
        (
            {"MsgType": "link", "Title": "官网", "Description": "链接", "Url": "https://shop.example.com/"},
            "官网\n链接\nhttps://shop.example.com/",
        ),
    ],
)
def test_of_a_message_its_words_are_kept(fields, text):
    event = the_event(says.xml(MsgId=7, **fields))
    assert event == expected("message:7", message_sent=event_pb2.MessageSent(party=1, text=text))


def test_a_shared_place_is_where_the_customer_was():
    body = says.xml(MsgType="location", MsgId=8, Location_X="23.134", Location_Y="113.358", Scale=20, Label="广州")
    place = event_pb2.Location(latitude=23.134, longitude=113.358)
    said = event_pb2.MessageSent(party=event_pb2.PARTY_CUSTOMER, text="广州")
    assert the_event(body) == expected("message:8", message_sent=said, context=event_pb2.Context(location=place))


def test_following_grants_what_the_webhook_is_declared_with():
    granted = event_pb2.ConsentChanged(granted=PURPOSES)
    event_id = f"event:{says.PERSON}:{says.AT_S}:subscribe"
    assert the_event(says.event("subscribe")) == expected(event_id, consent_changed=granted)


def test_following_by_a_code_tells_the_code_too():
    follows, scanned = events_of(says.event("subscribe", EventKey="qrscene_123", Ticket="t"))
    assert follows.WhichOneof("body") == "consent_changed"
    assert scanned.custom == event_pb2.Custom(name="qr_code_scanned", labels={"scene": "123"})
    assert follows.event_id != scanned.event_id


def test_leaving_withdraws_every_purpose():
    withdrawn = [event_pb2.PURPOSE_SERVICE, event_pb2.PURPOSE_ANALYTICS, event_pb2.PURPOSE_LEARNING]
    assert list(the_event(says.event("unsubscribe")).consent_changed.withdrawn) == withdrawn


@pytest.mark.parametrize(
    ("body", "name", "value"),
    [
        (
            says.event("SCAN", EventKey="shelf-3", Ticket="t"),
            "custom",
            event_pb2.Custom(name="qr_code_scanned", labels={"scene": "shelf-3"}),
        ),
        (says.event("CLICK", EventKey="ORDERS"), "clicked", event_pb2.Clicked(element="ORDERS")),
        (
            says.event("VIEW", EventKey="https://shop.example.com/", MenuId=1),
            "clicked",
            event_pb2.Clicked(element="menu", url="https://shop.example.com/"),
        ),
        (
            says.event("kf_create_session", KfAccount="one@shop"),
            "conversation_transferred",
            event_pb2.ConversationTransferred(to_party=event_pb2.PARTY_AGENT, agent_id=f"{PREFIX}:agent:one@shop"),
        ),
        (
            says.event("kf_switch_session", FromKfAccount="one@shop", ToKfAccount="two@shop"),
            "conversation_transferred",
            event_pb2.ConversationTransferred(
                from_party=event_pb2.PARTY_AGENT, to_party=event_pb2.PARTY_AGENT, agent_id=f"{PREFIX}:agent:two@shop"
            ),
        ),
        (
            says.event("kf_close_session", KfAccount="one@shop"),
            "conversation_ended",
            event_pb2.ConversationEnded(reason=event_pb2.END_REASON_RESOLVED),
        ),
    ],
)
def test_what_a_follower_does_is_told(body, name, value):
    assert getattr(the_event(body), name) == value


def test_a_reported_place_is_where_the_customer_was():
    event = the_event(says.event("LOCATION", Latitude="23.137466", Longitude="113.352425", Precision="119.385"))
    assert event.context.location == event_pb2.Location(latitude=23.137466, longitude=113.352425)


def test_kinds_that_are_not_read_are_taken_and_say_nothing():
    assert events_of(says.event("TEMPLATESENDJOBFINISH", Status="success")) == []
    assert events_of(says.xml(MsgType="miniprogrampage", MsgId=9)) == []


def test_the_same_second_of_two_kinds_has_two_ids():
    ids = {event.event_id for name in ("subscribe", "unsubscribe") for event in events_of(says.event(name))}
    assert len(ids) == 2


def test_the_signature_is_the_documented_one():
    # printf 'a-test-token\n1700000000\nnonce1\n' | sort | tr -d '\n' | sha1sum
    query = {"signature": "aee769ef2b1a8da53466b7fa6b38f9732c7e3066", "timestamp": "1700000000", "nonce": "nonce1"}
    assert wechat(1_700_000_001).authenticate(Delivery({}, query, b"")).signature == query["signature"]


@pytest.mark.parametrize("skew_s", [-300, 300])
def test_clocks_may_differ_by_the_tolerance(skew_s):
    assert wechat().authenticate(delivered(says.text("a"), NOW_S + skew_s))


@pytest.mark.parametrize("skew_s", [-301, 301])
def test_a_delivery_of_another_time_is_refused(skew_s):
    with pytest.raises(SignatureInvalid):
        wechat().authenticate(delivered(says.text("a"), NOW_S + skew_s))


@pytest.mark.parametrize("name", ["signature", "timestamp", "nonce"])
def test_a_delivery_without_a_part_of_its_signature_is_refused(name):
    delivery = delivered(says.text("a"))
    query = {key: value for key, value in delivery.query.items() if key != name}
    with pytest.raises(SignatureInvalid):
        wechat().authenticate(Delivery({}, query, delivery.body))


@pytest.mark.parametrize("size", range(0, 70, 7))
def test_an_encrypted_message_of_any_length_is_read(size):
    message = says.text("长" * size)
    assert wechat(is_plain=False).authenticate(enveloped(message)).content == message


def test_a_plain_message_is_refused_where_messages_are_encrypted():
    for body in (says.text("a"), says.text("a", Encrypt="")):
        with pytest.raises(SignatureInvalid):
            wechat(is_plain=False).authenticate(delivered(body))


def test_of_a_message_in_both_forms_the_encrypted_one_is_read():
    query, body = says.enveloped(says.text("true"), TOKEN, AES_KEY, NOW_S)
    both = body.replace(b"<xml>", b"<xml><MsgType>text</MsgType><Content>forged</Content><MsgId>1</MsgId>")
    hook = wechat(is_plain=False)
    (event,) = hook.events(hook.authenticate(Delivery({}, query, both)))
    assert event.message_sent.text == "true"


def test_a_message_for_another_account_is_refused():
    with pytest.raises(SignatureInvalid):
        wechat(is_plain=False, app_id="wx0000000000000002").authenticate(enveloped(says.text("a")))


def test_a_message_of_which_a_byte_was_changed_is_refused():
    delivery = enveloped(says.text("a" * 100))
    start = delivery.body.index(b"CDATA[") + 6
    for place in range(start, start + 200, 9):
        changed = bytearray(delivery.body)
        changed[place] = ord("A") if changed[place] != ord("A") else ord("B")
        with pytest.raises(SignatureInvalid):
            wechat(is_plain=False).authenticate(Delivery({}, delivery.query, bytes(changed)))


def test_a_signed_message_that_cannot_be_decrypted_is_malformed():
    with pytest.raises((PayloadMalformed, SignatureInvalid)):
        wechat(is_plain=False).authenticate(enveloped(says.text("a"), aes_key=says.new_aes_key()))
    for content in ("", "AAAA", "A" * 64, "not base64!", "="):
        query = says.signed(TOKEN, NOW_S)
        query["msg_signature"] = says.signature(TOKEN, query["timestamp"], query["nonce"], content)
        body = f"<xml><Encrypt>{content}</Encrypt></xml>".encode()
        with pytest.raises((PayloadMalformed, SignatureInvalid)):
            wechat(is_plain=False).authenticate(Delivery({}, query, body))


@pytest.mark.parametrize("key", ["", "a" * 42, "a" * 44, "a" * 42 + "-"])
def test_a_key_that_is_no_encoding_aes_key_is_refused_at_once(key):
    with pytest.raises(AesKeyInvalid):
        MessageCipher(key, says.APP_ID)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<xml>",
        b"not xml",
        b"\xff\xfe<xml/>",
        b"<xml>\x00</xml>",
        b'<?xml version="1.0" encoding="utf-7"?><xml/>',
        b'<?xml version="1.0" encoding="no-such"?><xml/>',
        b"<!DOCTYPE xml>" + says.text("a"),
        b'<!DOCTYPE xml SYSTEM "file:///etc/hostname">' + says.text("a"),
        b'<!DOCTYPE xml [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + says.text("SAID").replace(b"SAID", b"&b;"),
        b'<!DOCTYPE xml [<!ENTITY e SYSTEM "file:///etc/hostname">]>' + says.text("SAID").replace(b"SAID", b"&e;"),
        b"<a>" * 100_000,
        b"<a>" * 50_000 + b"</a>" * 50_000,
        b"<xml/>",
        says.xml(MsgType="text", Content="a"),
        says.xml(MsgType="text", Content="a", MsgId=1, CreateTime="now"),
        says.xml(MsgType="text", Content="a", MsgId=1, CreateTime="-1"),
        says.xml(MsgType="text", Content="a", MsgId=1, CreateTime="9999999999"),
        says.xml(MsgType="text", Content="a", MsgId=1, FromUserName=""),
        says.xml(MsgType="location", MsgId=1, Location_X="nan", Location_Y="1"),
        says.xml(MsgType="location", MsgId=1, Location_X="1"),
        says.event("kf_create_session"),
    ],
)
def test_what_is_not_a_message_is_malformed(body):
    with pytest.raises(PayloadMalformed):
        events_of(body)


def test_echostr_is_sent_back_to_who_knows_the_token():
    assert wechat().verify(says.signed(TOKEN, NOW_S, echostr="5885463215469823")) == "5885463215469823"


@pytest.mark.parametrize(
    "question",
    [
        {},
        says.signed("another-token", NOW_S, echostr="1"),
        says.signed(TOKEN, NOW_S - 301, echostr="1"),
        says.signed(TOKEN, NOW_S, echostr="<b>"),
        says.signed(TOKEN, NOW_S),
    ],
)
def test_any_other_question_is_refused(question):
    with pytest.raises(VerificationRefused):
        wechat().verify(question)
