"""What Meta sends for Messenger and Instagram messaging, as far as it is read.

Documented in the Messenger Platform's "Webhook Events Reference": messages, message_echoes, messaging_postbacks,
message_reads (messaging_seen for Instagram), message_deliveries, message_reactions, messaging_referrals,
messaging_handovers, and the standby channel.
"""

from typing import Literal

from services.adapters.webhooks.payloads import Id, Milliseconds, Part


class Party(Part):
    """A person, by a page-scoped id, or the page. A person who came by a plugin may have no id yet."""

    id: Id | None = None


class Said(Part):
    """A message, of a person or (`is_echo`) of the page. Without text it is attachments only."""

    mid: Id
    text: str | None = None
    is_echo: bool = False
    is_deleted: bool = False
    app_id: Id | None = None


class Postback(Part):
    """A button that was tapped: its title is what the person sees as said."""

    mid: Id | None = None
    title: str | None = None


class Read(Part):
    """Until when (Messenger) or up to which message (Instagram) a person has read."""

    watermark: Milliseconds | None = None
    mid: Id | None = None


class Delivered(Part):
    """Until when messages were delivered."""

    watermark: Milliseconds


class Reaction(Part):
    """What a person put to a message, or took away."""

    mid: Id
    action: str
    reaction: str | None = None


class Referral(Part):
    """How a person came: an advertisement, a link."""

    source: str | None = None
    type: str | None = None
    ref: str | None = None


class ThreadControl(Part):
    """Which app a conversation passes from and to; None for nobody."""

    previous_owner_app_id: Id | None = None
    new_owner_app_id: Id | None = None


class Item(Part):
    """One thing that happened between a person and a page."""

    sender: Party = Party()
    recipient: Party = Party()
    timestamp: Milliseconds
    message: Said | None = None
    postback: Postback | None = None
    read: Read | None = None
    delivery: Delivered | None = None
    reaction: Reaction | None = None
    referral: Referral | None = None
    pass_thread_control: ThreadControl | None = None
    take_thread_control: ThreadControl | None = None


class Entry(Part):
    """What happened on one page. `standby` is what another app answers for now."""

    id: Id
    time: Milliseconds
    messaging: tuple[Item, ...] = ()
    standby: tuple[Item, ...] = ()


class Notification(Part):
    """A delivery: what happened on pages of one kind."""

    object: Literal["page", "instagram"]
    entry: tuple[Entry, ...]
