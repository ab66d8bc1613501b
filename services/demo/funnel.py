"""The journey funnel with its loops, as SVG: bars joined by flows, detours above, ways back below."""

from services.demo.charts import ACCENT, DEEP, INK, LEAF, MIST, MUTED, TEAL
from services.demo.facts import SHOPPING, Funnel

_WIDTH, _HEIGHT = 1040, 505
_BASE, _TALLEST = 338, 165
_BAR, _FIRST, _PITCH = 130, 60, 243
_PILL = 44
_COLOURS = (DEEP, LEAF, "#4aa793", TEAL)
# Loops of less than one in a hundred are not drawn.
_SEEN = 0.01
_TITLES = {"browse": "Browse", "cart": "Cart", "order": "Order", "pay": "Pay"}


def funnel_svg(funnel: Funnel) -> str:
    """Draw the funnel; heights are shares of the journeys that shop, loops are as wide as their share."""
    most = funnel.reached["browse"]
    heights = {stage: max(4.0, _TALLEST * funnel.reached[stage] / most) for stage in SHOPPING}
    parts = [_flow(i, heights) for i in range(len(SHOPPING) - 1)]
    parts += [_back(later, earlier, n, funnel) for (later, earlier), n in list(funnel.back.items())[:3]]
    parts += [_stage(i, stage, heights[stage], funnel) for i, stage in enumerate(SHOPPING)]
    parts += [_detour(i, stage, heights[stage], funnel) for i, stage in enumerate(SHOPPING)]
    label = "Journeys by the furthest shopping stage they reach, with detours over bot and agent"
    return (
        f'<svg class="funnel" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">'
        f"<defs>{_arrow('back', ACCENT)}</defs>{''.join(parts)}</svg>"
    )


def _arrow(name: str, colour: str) -> str:
    return (
        f'<marker id="{name}" viewBox="0 0 10 10" refX="7" refY="5" markerWidth="9" markerHeight="9" '
        f'markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0 L10 5 L0 10 z" fill="{colour}"/></marker>'
    )


def _left(place: int) -> float:
    return _FIRST + _PITCH * place


def _text(x: float, y: float, text: str, size: int, colour: str, weight: int = 400) -> str:
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="middle" font-size="{size}" font-weight="{weight}" '
        f'fill="{colour}">{text}</text>'
    )


def _flow(place: int, heights: dict[str, float]) -> str:
    """The way from one bar to the next, and how much leaves on it."""
    here, there = heights[SHOPPING[place]], heights[SHOPPING[place + 1]]
    x1, x2 = _left(place) + _BAR, _left(place + 1)
    middle = (x1 + x2) / 2
    path = (
        f"M{x1} {_BASE - here:.1f} "
        f"C{middle} {_BASE - here:.1f} {middle} {_BASE - there:.1f} {x2} {_BASE - there:.1f} "
        f"L{x2} {_BASE} L{x1} {_BASE} Z"
    )
    return f'<path d="{path}" fill="{MIST}" opacity="0.55"/>'


def _stage(place: int, stage: str, height: float, funnel: Funnel) -> str:
    x = _left(place)
    middle = x + _BAR / 2
    count = funnel.reached[stage]
    parts = [
        f'<rect x="{x}" y="{_BASE - height:.1f}" width="{_BAR}" height="{height:.1f}" rx="6" '
        f'fill="{_COLOURS[place]}"/>',
        _text(middle, _BASE + 24, _TITLES[stage], 16, INK, 600),
        _text(middle, _BASE + 43, f"{count:,} journeys", 13, MUTED),
    ]
    if place:
        before = funnel.reached[SHOPPING[place - 1]]
        gap = x - (_PITCH - _BAR) / 2
        stays = count / before if before else 0.0
        parts.append(_text(gap, _BASE - 26, _percent(stays), 18, INK, 600))
        parts.append(_text(gap, _BASE - 8, "go on", 12, MUTED))
    return "".join(parts)


def _detour(place: int, stage: str, height: float, funnel: Funnel) -> str:
    """The loop above a bar, up to the bot or an agent and back; its width is the share that takes it."""
    reached = funnel.reached[stage]
    if not reached:
        return ""
    share, lost = funnel.detours.get(stage, 0) / reached, funnel.lost.get(stage, 0) / reached
    x, top, bottom = _left(place) + _BAR / 2, _BASE - height, _PILL + 26
    if max(share, lost) < _SEEN:
        return ""
    width = max(1.5, 110 * min(share, 0.3))
    up, down = x - 36, x + 36
    loop = (
        f'<rect x="{up - width / 2:.1f}" y="{bottom}" width="{width:.1f}" height="{top - bottom - 4:.1f}" '
        f'fill="{ACCENT}" opacity="0.45"/>'
        f'<path d="M{down - width / 2:.1f} {bottom} h{width:.1f} V{top - 12:.1f} L{down:.1f} {top - 3:.1f} '
        f'L{down - width / 2:.1f} {top - 12:.1f} Z" fill="{ACCENT}" opacity="0.85"/>'
    )
    pill = f'<rect x="{x - 65}" y="{_PILL}" width="130" height="27" rx="13.5" fill="{ACCENT}"/>'
    gone = _text(x + _PITCH / 2, _PILL + 18, f"{_percent(lost)} stay away", 12, MUTED) if lost >= _SEEN else ""
    return (
        (loop if share >= _SEEN else "")
        + pill
        + _text(x, _PILL + 18, "bot or agent", 13, "#ffffff", 600)
        + _text(x, _PILL - 12, f"{_percent(share)} ask and return", 14, INK, 600)
        + gone
    )


def _back(later: str, earlier: str, count: int, funnel: Funnel) -> str:
    """An arc below: journeys that fell back to an earlier stage."""
    reached = funnel.reached[later]
    if not reached or count / reached < _SEEN:
        return ""
    a, b = SHOPPING.index(later), SHOPPING.index(earlier)
    x1, x2 = _left(a) + _BAR * 0.5 - 14, _left(b) + _BAR * 0.5 + 14 * (a - b)
    y, depth = _BASE + 54, 14 + 36 * (a - b)
    path = f"M{x1:.0f} {y} C{x1:.0f} {y + depth} {x2:.0f} {y + depth} {x2:.0f} {y + 3}"
    label = _text((x1 + x2) / 2, y + depth * 0.75 + 4, f"{_percent(count / reached)} go back", 13, INK)
    return (
        f'<path d="{path}" fill="none" stroke="{ACCENT}" stroke-width="2" stroke-dasharray="1 5" '
        f'stroke-linecap="round" marker-end="url(#back)"/>'
        + label.replace("<text", '<text paint-order="stroke" stroke="#fff" stroke-width="8"', 1)
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
