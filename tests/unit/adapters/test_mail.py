"""A mail becomes a message of its conversation, of the person who wrote it or got it, or it is told why not."""

from datetime import UTC, datetime
from email import policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mangrove.event.v1 import event_pb2 as pb
from mangrove.privacy.v1 import options_pb2
from privacy.masking import compile_plan
from privacy.masking.validate import violations
from services.adapters.account import Mapped, Skipped, Unmapped
from tests.unit.adapters.mails import HEADERS, a_mail, events_of, mapper, message_of, raw

AGENT = {"From": "Li <li@example.com>", "To": "anna@mail.example.org"}
PLAN = compile_plan(pb.Event.DESCRIPTOR)


def names(event: pb.Event) -> list[str]:
    assert all(one.type == options_pb2.IDENTIFIER_TYPE_EMAIL for one in event.identifiers)
    return [one.value for one in event.identifiers]


def reason(data: bytes) -> str:
    outcome = mapper().map(3, data)
    assert isinstance(outcome, Unmapped), outcome
    return outcome.reason


def why_skipped(headers: dict[str, str | None]) -> str:
    outcome = mapper().map(3, a_mail(headers=headers).as_bytes())
    assert isinstance(outcome, Skipped), outcome
    return outcome.why


def test_a_first_mail_begins_a_conversation_and_says_something() -> None:
    start, message = events_of(a_mail())
    assert start.event_id == "m1@mail.example.org:start"
    assert start.conversation_started.topic == "My order"
    assert message.event_id == "m1@mail.example.org"
    assert message.message_sent == pb.MessageSent(party=pb.PARTY_CUSTOMER, text="My order\n\nWhere is it?")
    sent_at = int(datetime(2026, 1, 5, 8, tzinfo=UTC).timestamp()) * 10**9
    for event in (start, message):
        assert event.conversation_id == "m1@mail.example.org"
        assert event.channel == pb.CHANNEL_EMAIL
        assert event.occurred_at_unix_nano == sent_at
        assert names(event) == ["anna@mail.example.org"]
        assert list(event.consent.purposes) == [pb.PURPOSE_SERVICE, pb.PURPOSE_ANALYTICS]
        assert violations(event, PLAN) == []


@pytest.mark.parametrize(
    "headers",
    [
        {"In-Reply-To": "<m0@x.example>", "References": "<root@x.example> <m0@x.example>"},
        {"In-Reply-To": "<root@x.example>"},
        {"In-Reply-To": "Anna's mail of Monday <root@x.example>"},
        {"References": "<root@x.example>\r\n\t<m0@x.example>"},
    ],
)
def test_an_answer_belongs_to_the_conversation_that_it_goes_back_to(headers: dict[str, str]) -> None:
    extra = {name.replace("-", "_").lower(): value for name, value in headers.items()}
    (message,) = events_of(raw(b"ok", **extra))
    assert message.conversation_id == "root@x.example"


def test_an_agents_mail_names_the_customer_it_is_written_to() -> None:
    message = message_of(a_mail(headers=AGENT))
    assert message.message_sent.party == pb.PARTY_AGENT
    assert message.message_sent.agent_id == "li@example.com"
    assert names(message) == ["anna@mail.example.org"]


def test_the_address_for_answers_is_the_customers_too_and_copies_are_not() -> None:
    headers: dict[str, str | None] = {"Reply-To": "anna@work.example.net", "Cc": "ben@mail.example.org, li@example.com"}
    assert names(message_of(a_mail(headers=headers))) == ["anna@mail.example.org", "anna@work.example.net"]


def test_a_mail_to_several_people_makes_nobody_of_them_the_other() -> None:
    headers: dict[str, str | None] = {**AGENT, "To": "anna@mail.example.org, ben@mail.example.org"}
    outcome = mapper().map(1, a_mail(headers=headers).as_bytes())
    assert isinstance(outcome, Mapped)
    assert names(outcome.events[-1]) == []
    assert "sent to several people, none of them named" in outcome.notes


def test_who_gets_a_copy_is_the_customer_if_nobody_else_outside_is_written_to() -> None:
    headers: dict[str, str | None] = {**AGENT, "To": "team@example.com", "Cc": "anna@mail.example.org"}
    assert names(message_of(a_mail(headers=headers))) == ["anna@mail.example.org"]


@pytest.mark.parametrize(
    ("address", "is_own"),
    [
        ("li@example.com", True),
        ("LI@EXAMPLE.COM", True),
        ("li@shop.example.com", True),
        ("shop@mail.example.org", True),
        ("other@mail.example.org", False),
        ("li@notexample.com", False),
        ("li@example.com.evil.example", False),
        ("example.com@evil.example", False),
    ],
)
def test_who_is_an_agent_is_told_by_the_address_alone(address: str, is_own: bool) -> None:
    headers: dict[str, str | None] = {"From": f'"help@example.com" <{address}>', "To": "x@y.example"}
    party = message_of(a_mail(headers=headers), "Example.com", "shop@mail.example.org").message_sent.party
    assert party == (pb.PARTY_AGENT if is_own else pb.PARTY_CUSTOMER)


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"Auto-Submitted": "auto-replied"}, "automatic"),
        ({"Auto-Submitted": "auto-generated (rejected)"}, "automatic"),
        ({"Precedence": "Bulk"}, "mailing list"),
        ({"Precedence": "auto_reply"}, "mailing list"),
        ({"List-Id": "<news.example.org>"}, "mailing list"),
        ({"Return-Path": "<>"}, "bounce"),
        ({"From": "MAILER-DAEMON@mail.example.org"}, "bounce"),
        ({"From": "li@example.com", "To": "wang@example.com", "Cc": "ops@it.example.com"}, "internal"),
        ({"From": "li@example.com", "To": "undisclosed-recipients:;"}, "internal"),
    ],
)
def test_what_nobody_wrote_to_a_customer_or_as_one_is_skipped(headers: dict[str, str | None], why: str) -> None:
    assert why_skipped(headers) == why


def test_what_a_person_sent_is_not_taken_for_automatic() -> None:
    assert events_of(a_mail(headers={"Auto-Submitted": "no", "Precedence": "normal", "Return-Path": "<a@b.example>"}))


@pytest.mark.parametrize(
    "date", [None, "yesterday", "Mon, 32 Jan 2026 10:00:00", "Thu, 01 Jan 1970 00:00:00 +0000", ""]
)
def test_a_mail_without_a_good_date_is_dated_by_the_last_server(date: str | None) -> None:
    received = b"from a by b; Mon, 05 Jan 2026 09:30:00 +0100"
    message = message_of(raw(b"x", date=date, received=received))
    assert message.occurred_at_unix_nano == int(datetime(2026, 1, 5, 8, 30, tzinfo=UTC).timestamp()) * 10**9
    assert reason(raw(b"x", date=date)) == "date:MISSING"


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({"message_id": None}, "message-id:MISSING"),
        ({"message_id": "no brackets"}, "message-id:MISSING"),
        ({"message_id": "<a b@c>"}, "message-id:MISSING"),
        ({"message_id": b"<a\x00b@c>"}, "message-id:MISSING"),
        ({"message_id": f"<{'a' * 130}@c>"}, "message-id:TOO_LONG"),
        ({"references": f"<{'a' * 130}@c>"}, "message-id:TOO_LONG"),
        ({"from": None}, "from:MISSING"),
        ({"from": ""}, "from:MISSING"),
        ({"from": "nobody"}, "from:NOT_AN_ADDRESS"),
        ({"from": "a@b@c"}, "from:NOT_AN_ADDRESS"),
        ({"from": b"a\x00@b.example"}, "from:NOT_AN_ADDRESS"),
        ({"from": f"{'a' * 200}@b.example"}, "from:NOT_AN_ADDRESS"),
        ({"from": "=?utf-8?q?a=0D=0ABcc:_x?= <a@b.example>"}, "from:MALFORMED"),
        ({"from": "(" * 5000}, "from:MALFORMED"),
        ({"from": '"' * 100_000}, "from:TOO_LONG"),
        ({"reply_to": "<" * 100_000}, "reply-to:TOO_LONG"),
        ({"subject": "=?utf-8?q?" * 10_000}, "subject:TOO_LONG"),
    ],
)
def test_a_mail_with_broken_headers_is_told_by_the_header(headers: dict[str, str | bytes | None], told: str) -> None:
    assert reason(raw(b"x", **headers)) == told


def test_a_header_that_is_smuggled_into_another_is_not_one() -> None:
    data = raw(
        b"x", subject=b"hello\r\n X-Fake: 1\r\n\tList-Id: <x>", cc=b"=?utf-8?q?a=0D=0AList-Id=3A_x?= <c@d.example>"
    )
    assert message_of(data).message_sent.text.startswith("hello X-Fake: 1 List-Id: <x>")


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        (b"=?gb2312?B?" + b"xOO6w6OsztLKx4bP" + b"?=", "你好，我是喯"),
        (b"=?utf-8?B?5L2g5aU=?= =?utf-8?B?vQ==?=", "你好"),
        (b"=?big5?Q?=A7A=A6n?=", "你好"),
        ("你好".encode(), "你好"),
        ("你好".encode("gb18030"), "你好"),
        ("你好 =?gbk?B?xOO6ww==?= end".encode("gb18030"), "你好 你好 end"),
        (b"=?no-such?Q?caf=E9?=", "caf"),
        (b"=?utf-8?B?a?=", "=?utf-8?B?a?="),
        (b"=?utf-8?Q?Really=3F_yes?=", "Really? yes"),
    ],
)
def test_the_subject_is_read_in_any_charset(subject: bytes, text: str) -> None:
    assert message_of(raw(b"x", subject=subject)).message_sent.text.startswith(text)


def test_the_company_is_not_asked_what_was_allowed() -> None:
    from services.adapters.mail.mapper import MailMapper

    outcome = MailMapper(["example.com"], []).map(1, a_mail().as_bytes())
    assert isinstance(outcome, Mapped) and not outcome.events[-1].HasField("consent")


@given(data=st.binary(max_size=600))
def test_no_bytes_make_the_import_fail(data: bytes) -> None:
    assert mapper().map(1, data).number == 1


@given(
    place=st.integers(0, 2000),
    noise=st.binary(min_size=1, max_size=12)
    | st.sampled_from(
        [b"\r\n", b"\x00", b"=?", b"?=", b"--b", b'"', b"\xff\xfe", b"<", b"(", b"Content-Type: multipart/mixed\r\n"]
    ),
    cut=st.integers(0, 40),
)
def test_no_damage_to_a_mail_makes_the_import_fail(place: int, noise: bytes, cut: int) -> None:
    mail = a_mail("你好，电话 13912345678\n", charset="gb18030", cte="base64")
    mail.add_alternative("<p>你好<br>电话 13912345678</p>", subtype="html")
    mail.add_attachment(b"x" * 100, maintype="application", subtype="pdf", filename="发票.pdf")
    data = mail.as_bytes(policy=policy.SMTP)
    broken = data[:place] + noise + data[place + cut :]
    outcome = mapper().map(1, broken)
    if isinstance(outcome, Unmapped):
        field, _, rule = outcome.reason.partition(":")
        assert rule.isupper() and field.islower()
    if isinstance(outcome, Mapped):
        for event in outcome.events:
            assert pb.Event.FromString(event.SerializeToString()) == event
            assert violations(event, PLAN) == []


def test_the_headers_of_these_tests_are_sound() -> None:
    assert events_of(raw(b"Where is it?\n")) == events_of(a_mail())
    assert set(HEADERS) == {"Message-ID", "Date", "From", "To", "Subject"}
