"""What Chatwoot's webhooks send, as far as it is read.

Documented in Chatwoot's "Webhook Events" and, for fields that the page leaves out, by what Chatwoot 4 sends:
`webhook_data` of its Message, Contact and ContactInbox, and `EventDataPresenter` of its Conversation.
"""

from typing import Any

from services.adapters.webhooks.payloads import Id, Part, TimeInSeconds


class Person(Part):
    """A contact, an agent or a bot. `type` says which; Chatwoot leaves it out for contacts who send messages."""

    id: Id
    type: str | None = None
    identifier: str | None = None
    email: str | None = None
    phone_number: str | None = None


class ConversationMeta(Part):
    """Who takes part in a conversation: `sender` is the contact, whoever wrote the message."""

    sender: Person | None = None


class ConversationAttributes(Part):
    """What is known about a conversation's beginning."""

    browser_language: str | None = None
    mail_subject: str | None = None


class Conversation(Part):
    """A conversation; `channel` is the inbox's kind, such as Channel::WebWidget."""

    id: Id
    channel: str | None = None
    status: str | None = None
    meta: ConversationMeta = ConversationMeta()
    additional_attributes: ConversationAttributes | None = None


class Change(Part):
    """What an attribute was and is."""

    previous_value: Any = None
    current_value: Any = None

    @property
    def current_id(self) -> str:
        """The new value if it is a number of a record, else empty."""
        return str(self.current_value) if isinstance(self.current_value, int) and self.current_value > 0 else ""


class Changed(Part):
    """What is told with a change: when, and what changed, as a list of objects of one attribute each."""

    updated_at: TimeInSeconds | None = None
    timestamp: TimeInSeconds | None = None
    changed_attributes: list[dict[str, Change]] | None = None

    def change(self, attribute: str) -> Change:
        """Return what an attribute was and is; both None if it did not change."""
        changes = {name: change for one in self.changed_attributes or () for name, change in one.items()}
        return changes.get(attribute, Change())


class ConversationEvent(Conversation, Changed):
    """conversation_created, conversation_status_changed, conversation_updated."""

    created_at: TimeInSeconds | None = None


class ContactEvent(Person, Changed):
    """contact_created, contact_updated."""


class WidgetInfo(Part):
    """With what the widget was opened."""

    browser_language: str | None = None
    referer: str | None = None


class WidgetEvent(Part):
    """webwidget_triggered: somebody opened the chat on a page."""

    contact: Person
    event_info: WidgetInfo | None = None


class Answer(Part):
    """What a customer chose or filled in when a bot asked: an option's title, or a field's name and value."""

    title: str | None = None
    value: str | int | float | None = None


class SurveyResponse(Part):
    """A customer's judgement, 1 to 5, and what was written with it."""

    rating: int
    feedback_message: str | None = None


class Survey(Part):
    """What was submitted on a message of type input_csat."""

    csat_survey_response: SurveyResponse | None = None


class MessageAttributes(Part):
    """What depends on a message's type."""

    submitted_values: Survey | list[Answer] | None = None


class MessageEvent(Part):
    """message_created, message_updated."""

    id: Id
    content: str | None = None
    content_type: str | None = None
    content_attributes: MessageAttributes | None = None
    created_at: TimeInSeconds
    message_type: str
    private: bool = False
    sender: Person | None = None
    contact: Person | None = None
    conversation: Conversation
