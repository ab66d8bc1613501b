"""docs/private-tutorial.md is run as it stands, and prints what it says; noise may differ, and nothing else."""

import re

import pytest

from tests.tutorial import PAGE, blocks, printed


def stable(text: str) -> str:
    """A text without its numbers, and without what is drawn as wide as they are."""
    words = re.sub(r"-?\d[\d,.]*", "#", text)
    return " ".join(re.sub(r"[^\w#%]+", " ", words).split())


@pytest.mark.slow
def test_the_tutorial_prints_what_it_says() -> None:
    page = PAGE.read_text()
    shown = [block for block in blocks(page) if block.kind == "text"]
    for block, output in zip(shown, printed(page), strict=True):
        if block.noisy:
            assert stable(output) == stable(block.text)
        else:
            assert output.rstrip() == block.text.rstrip()
