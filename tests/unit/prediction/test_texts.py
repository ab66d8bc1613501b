"""What is promised of texts: models see here what the collector's masking lets them learn from."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.prediction.ports import Event
from services.prediction.texts import masked_texts
from tests.generated import mobiles
from tests.unit.masking.build import event_masker, masker, message, texts_of

PARTIES = {"customer": 1, "bot": 2, "agent": 3}
Said = list[tuple[str, str, str]]

POLICIES: list[dict[str, Any]] = [
    {},
    {"entities": {"PHONE_NUMBER": "token", "EMAIL_ADDRESS": "partial"}},
    {"sources": {"web": {"entities": {"PHONE_NUMBER": "drop"}}}},
    {"fields": {"message_sent.text": {"PHONE_NUMBER": "partial", "ORDER_NUMBER": "replace"}}},
]

said_by_anybody = st.lists(
    st.tuples(
        st.sampled_from(["c1", "c2"]),
        st.sampled_from(list(PARTIES)),
        st.one_of(
            mobiles,
            mobiles.map(lambda mobile: mobile[:5]),
            mobiles.map(lambda mobile: mobile[5:]),
            st.sampled_from(["ann@", "example.com thanks", "订单号 20260105123456", "我叫张伟", "hello", "<PERSON>"]),
            st.text(min_size=1, max_size=20),
        ),
    ),
    min_size=1,
    max_size=8,
)


@pytest.mark.parametrize("policy", POLICIES)
@given(said=said_by_anybody)
@settings(max_examples=60, deadline=None)
def test_texts_are_masked_as_the_collector_masks_them(policy: dict[str, Any], said: Said) -> None:
    sent = [
        message(text, conversation=talk, party=PARTIES[party], event_id=f"e{place}")
        for place, (talk, party, text) in enumerate(said)
    ]
    events = [Event("message_sent", talk, "chat", 1, party=party, text=text) for talk, party, text in said]
    assert masked_texts(events, masker(**policy), "web") == texts_of(event_masker(**policy), *sent)
