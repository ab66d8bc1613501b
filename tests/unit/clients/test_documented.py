"""The event that docs/clients.md shows is one that the collector takes."""

import re
from pathlib import Path
from typing import Any

from privacy.consent import may_store
from privacy.masking import compile_plan
from privacy.masking.validate import violations

DOCS = Path(__file__).parents[3] / "docs/clients.md"


def test_the_documented_event_breaks_no_rule() -> None:
    shown = re.findall(r"```python\n(.*?)```", DOCS.read_text(), flags=re.DOTALL)[0]
    told: dict[str, Any] = {}
    lines = [line for line in shown.partition("with CollectorClient")[0].splitlines() if "api_key" not in line]
    exec("\n".join(lines), told)
    event = told["event"]
    assert violations(event, compile_plan(event.DESCRIPTOR)) == []
    assert may_store("message_sent", ["service", "analytics"])
