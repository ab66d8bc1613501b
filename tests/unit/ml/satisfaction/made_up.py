"""Made-up dialogues whose levels follow from words, and some of them from chance."""

import numpy as np

from ml.satisfaction.dialogues import Dialogue, Turn

SAID = {
    0: ("this is terrible zanzibar", "太慢了我要投诉", "no that is wrong again"),
    1: ("what is the quokkaprice", "什么时候发货", "I need a room for two"),
    2: ("thank you that is great", "谢谢很好", "perfect thanks"),
}
ANSWERS = ("I am sorry we have none", "Your booking is confirmed", "", "Is there anything else", "请稍等帮您查")


def dialogues(count: int = 30, turns: int = 6, seed: int = 1) -> list[Dialogue]:
    """Dialogues with a number in each text, so that none shares its messages with another."""
    chance = np.random.default_rng(seed)
    return [
        Dialogue(f"d-{n:03}", tuple(_turn(chance, f"{n}x{t}", judged=t > 0) for t in range(turns)))
        for n in range(count)
    ]


def _turn(chance: np.random.Generator, mark: str, *, judged: bool) -> Turn:
    level = int(chance.integers(3))
    shown = level if chance.random() < 0.9 else int(chance.integers(3))
    text = f"{chance.choice(SAID[shown])} {mark}"
    return Turn(text, str(chance.choice(ANSWERS)), level if judged else None)
