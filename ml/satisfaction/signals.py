"""What a dialogue shows beside its n-grams: declared words, lengths, repeats, and how things went so far.

Each row is a function of the user's messages up to and with the turn and of the agent's answers before it.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import log1p
from operator import add
from typing import Generic, TypeVar

import numpy as np

from ml.satisfaction.dialogues import WHOLE, Dialogue
from ml.task import Floats

T = TypeVar("T")

# A word stands between blanks, because texts are laid out so; Chinese words stand anywhere.
_USER_WORDS: dict[str, tuple[str, str]] = {
    "thanks": (" thank| thx | appreciate", "谢|辛苦|感谢"),
    "praise": (
        " awesome| great | perfect| wonderful| excellent| love| amazing| cool | nice | enjoy| fun | classic| good one",
        "太好|不错|很好|喜欢|满意|赞|棒|开心",
    ),
    "accept": (
        " ok | okay | yes | yeah | yep | sure | sounds | good | fine | works | correct | right | definitely | will do ",
        "好的|好吧|可以|行|嗯|是的|对|知道了|明白|哦",
    ),
    "refuse": (" no | nope | nah | not | n't | never | nothing | cannot | none ", "不|没|无|别"),
    "correct": (
        " instead | actually | change | rather | what about | how about | other| another | else | different"
        "| try | wrong | but | make it | meant ",
        "不是|换|别的|重新|其他|改",
    ),
    "complain": (
        " bad | terrible | worst | hate| annoy| ridiculous | disappoint| already | again | forget it | never mind"
        "| boring | depress| stupid | dumb | did n't like | not a fan | weird | sad | useless | wast| frustrat",
        "投诉|差评|垃圾|骗|太慢|坑|烦|无语|搞笑|什么意思|到底|一直|着急|退|算了|人工|不行|不能|失望|生气|不满|太差|敷衍|糟糕",
    ),
    "chase": (
        " hello | still | why | where | waiting | anyone | there ",
        "还没|还是|在吗|人呢|怎么还|为什么|为啥|多久|什么时候|何时|催|快点|等了",
    ),
    "leave": (
        " bye | goodbye | that's all | that is all | that will be all | that'll be all | that's it | that is it "
        "| nothing else | no thank| have a good | have a nice | have a great | take care | all i need| all set ",
        "再见|拜|没有了|没了|没事|不用了",
    ),
    "ask": (
        " what | how | which | when | who | can you | could you | do you | does | is there | are there | any ",
        "吗|呢|什么|怎么|多少|几|哪|能不能|是不是|有没有",
    ),
    "want": (
        " i need | want | would like | looking for | please | book | find | i'd like | recommend| suggest",
        "我要|我想|帮我|麻烦|请",
    ),
}
_AGENT_WORDS: dict[str, tuple[str, str]] = {
    "sorry": (" sorry | apolog| unfortunate| afraid | sadly | regret", "抱歉|对不起|不好意思|理解|见谅|歉意"),
    "fails": (
        " no | not | n't | none | cannot | unable | unsuccessful| unavailable | never | neither | closed ",
        "不能|没有|无法|不支持|不了|暂时|不可以|没办法|无货",
    ),
    "asks": (" what | which | when | how many | where | do you ", "吗|呢|哪|什么|是否"),
    "closes": (
        " anything else | something else | other question| more question| anything i | help you with | further ",
        "还有|其他|别的|可以帮|还需要",
    ),
    "offers": (
        " would you like | shall i | should i | do you want | can i | may i | will you | recommend| suggest"
        "| how about | what about | have you seen | you might like ",
        "建议|推荐|您可以|试试|帮您",
    ),
    "done": (
        " booked | success| reserv| confirmed | done | reference | your booking | scheduled | all set | have been ",
        "成功|已经|已为|登记|处理好|办理",
    ),
    "confirms": (" please confirm | is that correct | is this correct | is that right | confirm", "核实|确认|核对"),
    "waits": (" moment | wait | hold on | one second ", "稍等|等|查|看一下|耐心|催"),
    "wishes": (" welcome | enjoy | have a | glad | bye | pleasure ", "祝|感谢|愉快|再见|客气|评价"),
    "yes": (" yes | sure | certainly | of course | yeah | absolutely ", "可以|是的|好的|有的|能的"),
    "found": (" there is | there are | i have | i found | located | address | phone | costs ", "订单|单号|地址|电话"),
}
_STARTS: dict[str, tuple[str, ...]] = {
    "no": (" no ", " nope ", " not ", " nah ", " 不", " 没"),
    "yes": (" yes ", " yeah ", " yep ", " ok ", " sure ", " 好", " 嗯", " 可以", " 是", " 行", " 对"),
    "thanks": (" thank", " thx ", " great ", " perfect ", " awesome ", " cool ", " 谢"),
}
_PUNCTUATION, _DIGIT, _LATIN = re.compile(r"[^\w']+"), re.compile(r"\d"), re.compile("[a-z]")
_WHOLE_WORD = re.compile(r" [^ ]+ ")
_SAME = 0.6
_LAST_SAID = 5
_FADES, _LAGS = 0.75, 8
_MOST = 4


@dataclass(frozen=True, slots=True)
class _Declared:
    """What to look for, by kind: whole English words, other English pieces of text, and Chinese ones.

    Whole words are looked up, which costs a text's words and not the list's.
    """

    whole: dict[str, list[int]]
    english: list[list[str]]
    chinese: list[list[str]]


def _declared(words: dict[str, tuple[str, str]]) -> _Declared:
    found = _Declared({}, [], [])
    for kind, (english, chinese) in enumerate(words.values()):
        pieces = english.split("|")
        for word in filter(_WHOLE_WORD.fullmatch, pieces):
            found.whole.setdefault(word.strip(), []).append(kind)
        found.english.append([piece for piece in pieces if not _WHOLE_WORD.fullmatch(piece)])
        found.chinese.append(chinese.split("|"))
    return found


_USER_DECLARED, _AGENT_DECLARED = _declared(_USER_WORDS), _declared(_AGENT_WORDS)
_USER = (*_USER_WORDS, *(f"starts_{name}" for name in _STARTS), "questions", "exclamations", "numbers", "placeholders")
_AGENT = (*_AGENT_WORDS, "questions", "numbers", "placeholders")
_GOOD, _BAD = ("thanks", "praise"), ("complain", "refuse")
_HELPS, _HELPS_NOT = ("done", "yes", "found", "wishes"), ("sorry", "fails")
_PLAIN = (
    *("turn", "length", "answer_length", "unanswered", "unanswered_share", "like_last", "like_any", "like_answer"),
    *("answer_like_asked", "repeats", "mean_length", "length_ratio", "mean_answer_length", "whole", "capitals"),
    *("words", "last_length", "last_answer_length"),
)

SIGNALS: tuple[str, ...] = (
    *_PLAIN,
    *(f"user_{name}" for name in _USER),
    *(f"agent_{name}" for name in _AGENT),
    *(f"user_{name}_before" for name in _USER),
    *(f"agent_{name}_before" for name in _AGENT),
    *(f"user_{name}_last" for name in _USER),
    *("user_mood", "user_mood_before", "agent_helps", "agent_helps_before", "by_rule"),
)
"""The names of the signals, in the order of the columns of `signals_of`."""


def signals_of(dialogues: Sequence[Dialogue]) -> Floats:
    """Return (turns, signals) of dialogues, in their order.

    How a turn was answered and what comes later has no part in its row, and no dialogue in the rows of another.
    """
    pairs = _Once(_pairs)
    plain = [row for one in dialogues for row in _plain(one, pairs)]
    place = np.array([row[0] for row in plain], dtype=np.int64)
    users = _counts((turn.user for one in dialogues for turn in one.turns), _user, len(_USER))
    answers = ("" if place == 0 else one.turns[place - 1].agent for one in dialogues for place in range(len(one.turns)))
    agents = _counts(answers, _agent, len(_AGENT))
    mood = _less(users, _USER, _GOOD, _BAD)
    helps = _less(agents, _AGENT, _HELPS, _HELPS_NOT)
    return np.hstack(
        [
            np.array(plain, dtype=np.float64).reshape(-1, len(_PLAIN)),
            *(users, agents, _faded(users, place), _faded(agents, place), _back(users, place, 1)),
            *(mood, _faded(mood, place), helps, _faded(helps, place), _by_rule(users, agents)),
        ]
    )


def _plain(dialogue: Dialogue, pairs: "_Once[frozenset[str]]") -> Iterator[list[float]]:
    said: list[frozenset[str]] = []
    before_last, answer = "", ""
    unanswered = silent = repeats = last_length = 0
    mean_length = mean_answer = 0.0
    for place, turn in enumerate(dialogue.turns):
        text, length = turn.user, len(turn.user)
        unanswered = unanswered + 1 if place and not answer.strip() else 0
        silent += unanswered > 0
        now, before = pairs(text), pairs(answer)
        like = [_likeness(now, one) for one in said[-_LAST_SAID:]]
        most = max(like, default=0.0)
        repeats += most > _SAME
        yield [
            *(place, length, log1p(len(answer)), unanswered, silent / (place + 1)),
            *(like[-1] if like else 0.0, most, _likeness(now, before), _covered(said[-1], before) if said else 0.0),
            *(repeats, mean_length, length / (1 + mean_length), mean_answer, text == WHOLE, _capitals(text)),
            *(text.count(" ") + 1, last_length, log1p(len(before_last))),
        ]
        mean_length = (mean_length * place + length) / (place + 1)
        mean_answer = (mean_answer * place + len(answer)) / (place + 1)
        said.append(now)
        before_last, answer, last_length = answer, turn.agent, length


class _Once(Generic[T]):
    """A function of a text that is worked out once a text; it lives no longer than one batch."""

    def __init__(self, function: Callable[[str], T]) -> None:
        self._function = function
        self._known: dict[str, T] = {}

    def __call__(self, text: str) -> T:
        if text not in self._known:
            self._known[text] = self._function(text)
        return self._known[text]


def _counts(texts: Iterator[str], count: Callable[[str], list[int]], width: int) -> Floats:
    """Return (texts, width): the counts of each text, at most four of a kind."""
    place_of: dict[str, int] = {}
    places = [place_of.setdefault(text, len(place_of)) for text in texts]
    counts = np.array([count(text) for text in place_of], dtype=np.float64).reshape(-1, width)
    return np.asarray(np.minimum(counts, _MOST)[places])


def _user(text: str) -> list[int]:
    laid = _laid_out(text)
    starts = [laid.startswith(words) for words in _STARTS.values()]
    exclamations = text.count("!") + text.count("！")
    return [*_words(laid, _USER_DECLARED), *starts, _questions(text), exclamations, *_numbers(text)]


def _agent(text: str) -> list[int]:
    return [*_words(_laid_out(text), _AGENT_DECLARED), _questions(text), *_numbers(text)]


def _by_rule(users: Floats, agents: Floats) -> Floats:
    """Decide by hand: -1 for a complaint, else 1 for thanks or praise, else -1 for a no or an excuse, else 0."""
    complains, refuses, thanks, praises = (
        users[:, _USER.index(name)] > 0 for name in ("complain", "refuse", "thanks", "praise")
    )
    excuse = agents[:, _AGENT.index("sorry")] > 0
    decided = np.where(complains, -1.0, np.where(thanks | praises, 1.0, np.where(refuses | excuse, -1.0, 0.0)))
    return np.asarray(decided[:, None])


def _less(counts: Floats, names: Sequence[str], for_it: Sequence[str], against: Sequence[str]) -> Floats:
    """Return (rows, 1): the words for something less those against it."""
    weights = np.array([(name in for_it) - (name in against) for name in names], dtype=np.float64)
    return counts @ weights[:, None]


def _faded(counts: Floats, place: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> Floats:
    """Sum the rows before in the same dialogue, each weighing three quarters of the one after it."""
    return np.asarray(sum(_FADES ** (lag - 1) * _back(counts, place, lag) for lag in range(1, _LAGS + 1)))


def _back(counts: Floats, place: "np.ndarray[tuple[int], np.dtype[np.int64]]", lag: int) -> Floats:
    """Each row's row `lag` turns before, zeros where the dialogue had not begun."""
    moved = np.zeros_like(counts)
    moved[lag:] = counts[:-lag]
    moved[place < lag] = 0
    return moved


def _laid_out(text: str) -> str:
    """Lower case, a blank between words, and "not" split off, so that declared words can be found as they are."""
    return f" {_PUNCTUATION.sub(' ', text.lower().replace('’', chr(39)))} ".replace("n't ", " n't ")


def _words(laid: str, declared: _Declared) -> list[int]:
    """Count declared words; of a language that the text has no letter of none is looked for."""
    if not laid.isascii():
        told = [sum(map(laid.count, pieces)) for pieces in declared.chinese]
        return list(map(add, told, _english(laid, declared))) if _LATIN.search(laid) else told
    return _english(laid, declared)


def _english(laid: str, declared: _Declared) -> list[int]:
    told = [sum(map(laid.count, pieces)) for pieces in declared.english]
    for word in laid.split():
        for kind in declared.whole.get(word, ()):
            told[kind] += 1
    return told


def _questions(text: str) -> int:
    return text.count("?") + text.count("？")


def _numbers(text: str) -> list[int]:
    return [_DIGIT.search(text) is not None, text.count("[") + text.count("#E")]


def _capitals(text: str) -> float:
    """The share of capitals, 0 of a text without letters that have them."""
    return 0.0 if text.islower() else sum(map(str.isupper, text)) / max(1, len(text))


def _pairs(text: str) -> frozenset[str]:
    lower = text.lower()
    return frozenset(map(add, lower, lower[1:]))


def _likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """The Jaccard index."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared) if shared else 0.0


def _covered(one: frozenset[str], by: frozenset[str]) -> float:
    return len(one & by) / len(one) if one else 0.0
