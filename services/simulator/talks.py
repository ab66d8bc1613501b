"""Conversations: first with a bot, then, if the law of `handover` has it so, with a human."""

from dataclasses import dataclass, field

from mangrove.event.v1 import event_pb2 as pb
from services.simulator.handover import Situation, Turn, play
from services.simulator.people import Names
from services.simulator.walk import HOUR, MINUTE, Walk

# (quick answer, slow answer, customer's next message): ranges in seconds.
_PACE: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "chat": ((2, 20), (60, 240), (8, 70)),
    "voice": ((2, 8), (30, 120), (4, 25)),
    "email": ((2 * MINUTE, 15 * MINUTE), (2 * HOUR, 10 * HOUR), (5 * MINUTE, 90 * MINUTE)),
    "social": ((20, 300), (20 * MINUTE, 3 * HOUR), (60, 15 * MINUTE)),
}
VERIFIED_SHARE = 0.5
CSAT_SHARE = 0.45
LEAVES_WITHOUT_END = 0.2
"""Of those who leave the bot, how many do so without anybody noting that the conversation is over."""
AGENT_OUTCOMES = ("resolved", "escalated", "abandoned")
_REASONS = {
    "zh": ("机器人未能解决", "客户要求人工", "需要人工核实"),
    "en": ("bot could not help", "customer asked", "needs checking"),
}


@dataclass(frozen=True, slots=True)
class TalkTruth:
    """What is true of a conversation. `outcome` is resolved, abandoned, escalated or open.

    `turns` has one (event id, chance that this message triggers the hand-over, chance that it or a later one
    does) for each customer message to the bot, in order; the last may be thanks for what solved it, which `played`,
    the law's own turns, has not. `to_agent` has the event ids of the customer's messages to the agent. `prior` counts
    the person's conversations before, at most 2.
    """

    conversation_id: str
    person: str
    channel: str
    language: str
    topic: str
    outcome: str
    handed_over: bool
    turns: tuple[tuple[str, float, float], ...]
    to_agent: tuple[str, ...]
    prior: int
    played: tuple[Turn, ...]


@dataclass(slots=True, repr=False)
class Talk:
    """A conversation in progress on one channel."""

    walk: Walk
    channel: str
    topic: str
    names: Names
    conversation_id: str
    bot: str
    turn: int = 0
    said: str | None = None
    truth: list[tuple[str, float, float]] = field(default_factory=list)
    to_agent: list[str] = field(default_factory=list)

    def record(self, **body: object) -> str:
        """Record one event of the conversation now."""
        return self.walk.act(self.channel, self.names, self.conversation_id, **body)

    def say(self, party: pb.Party.ValueType, text: str, agent: str = "", emotion: pb.Emotion | None = None) -> str:
        """Record one message."""
        self.turn += 1
        sent = pb.MessageSent(party=party, text=text, agent_id=agent, turn=self.turn, emotion=emotion)
        return self.record(message_sent=sent)

    def think(self) -> None:
        """Wait as long as the customer takes for the next message."""
        self.walk.pause(*_PACE[self.channel][2])

    def wait(self, slow: bool) -> None:
        """Wait for an answer."""
        self.walk.pause(*_PACE[self.channel][1 if slow else 0])


def converse(walk: Walk, channel: str, topic: str, prior: int) -> TalkTruth:
    """Hold a whole conversation and return what is true of it.

    Args:
        walk: The way that it is part of; its clock moves on.
        channel: chat, voice, email or social.
        topic: A topic of `phrases`.
        prior: The person's conversations before this one.
    """
    person, rng = walk.person, walk.stage.rng
    situation = Situation(topic, person.language, channel, person.impatience, min(2, prior))
    talk = Talk(walk, channel, topic, _names(walk, channel), walk.stage.recorder.new_id(), f"bot-{rng.randint(1, 3)}")
    talk.record(conversation_started=pb.ConversationStarted(topic=topic))
    walk.pause(1, 5)
    turns = play(situation, rng)
    for turn in turns:
        _turn_with_bot(talk, turn)
    ending = turns[-1].then
    if ending == "handed_over":
        outcome = _with_agent(talk)
    elif ending == "solved":
        outcome = _thanks(talk)
    else:
        outcome = "open" if walk.chance(LEAVES_WITHOUT_END) else "abandoned"
    _close(talk, outcome)
    handed_over = ending == "handed_over"
    walk.last_talk = "transferred" if handed_over and outcome == "abandoned" else outcome
    return TalkTruth(
        talk.conversation_id,
        person.key,
        channel,
        person.language,
        topic,
        outcome,
        handed_over,
        tuple(talk.truth),
        tuple(talk.to_agent),
        situation.prior,
        tuple(turns),
    )


def agent_weights(topic: str) -> tuple[int, int, int]:
    """How often a conversation that an agent has ends how, in the order of `AGENT_OUTCOMES`; their sum is 10."""
    return (6, 3, 1) if topic in ("complaint", "refund") else (8, 1, 1)


def _names(walk: Walk, channel: str) -> Names:
    if channel == "chat":
        return walk.names("app" if walk.person.device is not None and walk.chance(0.5) else "web")
    return walk.with_customer(walk.names(channel), 0.4)


def _turn_with_bot(talk: Talk, turn: Turn) -> None:
    walk, speaker = talk.walk, talk.walk.stage.speaker
    text = speaker.message(walk.person, turn.kind, talk.topic, talk.said)
    if talk.channel == "email" and turn.kind == "question":
        text = speaker.mail(walk.person, text)
    talk.said = text
    event_id = talk.say(pb.PARTY_CUSTOMER, text, emotion=_emotion(talk, turn))
    talk.truth.append((event_id, turn.hazard, turn.later))
    if turn.then == "left":
        talk.think()
        return
    talk.wait(turn.slow)
    if turn.then == "solved":
        talk.say(pb.PARTY_BOT, speaker.line(walk.person, lambda p: p.bot_answers), talk.bot)
    elif turn.then == "failed":
        talk.say(pb.PARTY_BOT, speaker.line(walk.person, lambda p: p.bot_fails), talk.bot)
    else:
        talk.say(pb.PARTY_BOT, speaker.line(walk.person, lambda p: p.handing_over), talk.bot)
    talk.think()


def _emotion(talk: Talk, turn: Turn) -> pb.Emotion | None:
    rng = talk.walk.stage.rng
    if rng.random() < 0.5:
        return None
    if turn.kind == "angry":
        return pb.Emotion(sentiment=round(rng.uniform(-1, -0.4), 2), label=rng.choice(("anger", "disappointment")))
    if turn.kind == "question":
        return pb.Emotion(sentiment=round(rng.uniform(-0.3, 0.5), 2), label="neutral")
    return pb.Emotion(sentiment=round(rng.uniform(-0.7, 0), 2), label=rng.choice(("confusion", "anxiety")))


def _thanks(talk: Talk) -> str:
    if talk.walk.chance(0.7):
        event_id = talk.say(pb.PARTY_CUSTOMER, talk.walk.stage.speaker.line(talk.walk.person, lambda p: p.thanks))
        talk.truth.append((event_id, 0.0, 0.0))
        talk.walk.pause(2, 20)
    return "resolved"


def _with_agent(talk: Talk) -> str:
    walk, rng, speaker = talk.walk, talk.walk.stage.rng, talk.walk.stage.speaker
    agent = f"agent-{rng.randint(1, 60):03}"
    reason = rng.choice(_REASONS[walk.person.language])
    if walk.chance(0.15):
        reason = f"{reason}: {speaker.reveal(walk.person)}"
    transfer = pb.ConversationTransferred(
        from_party=pb.PARTY_BOT, to_party=pb.PARTY_AGENT, reason=reason, agent_id=agent
    )
    talk.record(conversation_transferred=transfer)
    for _ in range(rng.choice((1, 1, 2))):
        talk.wait(slow=walk.chance(0.3))
        talk.say(pb.PARTY_AGENT, speaker.line(walk.person, lambda p: p.agent_answers), agent)
        if not talk.names or walk.chance(VERIFIED_SHARE):
            talk.names = walk.with_customer(talk.names, 1.0)
        talk.think()
        talk.to_agent.append(talk.say(pb.PARTY_CUSTOMER, speaker.to_agent(walk.person)))
    outcome: str = rng.choices(AGENT_OUTCOMES, weights=agent_weights(talk.topic))[0]
    if outcome != "abandoned":
        talk.wait(slow=False)
        talk.say(pb.PARTY_AGENT, speaker.line(walk.person, lambda p: p.agent_closes), agent)
    walk.pause(2, 20)
    return outcome


def _close(talk: Talk, outcome: str) -> None:
    walk, rng = talk.walk, talk.walk.stage.rng
    reasons = {
        "resolved": pb.END_REASON_RESOLVED,
        "abandoned": pb.END_REASON_ABANDONED,
        "escalated": pb.END_REASON_ESCALATED,
    }
    if outcome not in reasons:
        return
    talk.record(conversation_ended=pb.ConversationEnded(reason=reasons[outcome]))
    walk.pause(5, 120)
    if walk.chance(CSAT_SHARE if outcome != "abandoned" else CSAT_SHARE / 4):
        good = outcome == "resolved"
        score = rng.choices((3, 4, 5), weights=(2, 4, 5))[0] if good else rng.choices((1, 2, 3), weights=(4, 3, 2))[0]
        comment = walk.stage.speaker.comment(walk.person, good)
        talk.record(feedback_given=pb.FeedbackGiven(kind=pb.FEEDBACK_KIND_CSAT, score=score, comment=comment))
        walk.pause(2, 20)
