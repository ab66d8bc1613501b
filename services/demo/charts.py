"""The report's pictures in Plotly, one palette for all. Numbers come in, figures leave."""

import plotly.graph_objects as go

from services.demo.facts import Facts
from services.demo.inputs import PrivateAnswer

INK, MUTED, LINE, PAPER = "#16332d", "#5b7670", "#dde8e4", "#ffffff"
DEEP, LEAF, TEAL, MIST, ACCENT = "#0f4c43", "#2f8f7a", "#6bb8a6", "#cfe3dc", "#e0793a"
CHANNEL_COLOURS = {
    "web": "#0f4c43",
    "app": "#1f7a68",
    "chat": "#2f9c86",
    "voice": "#2c6e8a",
    "email": "#5f9fb3",
    "social": "#7fb37a",
    "store": "#a5b86a",
}
OUTCOME_COLOURS = {
    "bought": "#0f4c43",
    "resolved": "#4aa793",
    "transferred": "#f0c48f",
    "escalated": "#e0793a",
    "abandoned": "#d9e0dd",
}
FONT = (
    "-apple-system, BlinkMacSystemFont, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans CJK SC', "
    "'PingFang SC', 'Microsoft YaHei', 'WenQuanYi Zen Hei', Arial, sans-serif"
)


def _translucent(colour: str, alpha: float) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


def laid_out(figure: go.Figure, height: int, **more: object) -> go.Figure:
    """Give a figure the page's look; `height` is in pixels, `more` are further layout entries."""
    layout: dict[str, object] = {
        "template": "none",
        "height": height,
        "margin": {"l": 10, "r": 10, "t": 10, "b": 10},
        "paper_bgcolor": PAPER,
        "plot_bgcolor": PAPER,
        "font": {"family": FONT, "size": 13, "color": INK},
        "hoverlabel": {"font": {"family": FONT}},
    }
    figure.update_layout(**(layout | more))
    return figure


_SANKEY_HEIGHT, _SANKEY_PAD = 420, 16


def sankey(facts: Facts) -> go.Figure:
    """Changes of channel from left to right, in the colour of the channel left; returns in the accent."""
    known = [t for t in facts.transitions if t[0] in CHANNEL_COLOURS and t[1] in CHANNEL_COLOURS]
    sent = {c: sum(n for a, _, _, n in known if a == c) for c in CHANNEL_COLOURS}
    got = {c: sum(n for _, b, _, n in known if b == c) for c in CHANNEL_COLOURS}
    left = [c for c in CHANNEL_COLOURS if sent[c]]
    right = [c for c in CHANNEL_COLOURS if got[c]]
    links = sorted(known, key=lambda t: (left.index(t[0]), right.index(t[1]), t[2]))
    link = {
        "source": [left.index(a) for a, _, _, _ in links],
        "target": [len(left) + right.index(b) for _, b, _, _ in links],
        "value": [n for _, _, _, n in links],
        "color": [_translucent(ACCENT, 0.7) if r else _translucent(CHANNEL_COLOURS[a], 0.4) for a, _, r, _ in links],
        "label": ["back again" if r else "first time" for _, _, r, _ in links],
        "hovertemplate": "%{source.customdata} → %{target.customdata}: %{value:,}, %{label}<extra></extra>",
    }
    pixels = min(
        (_SANKEY_HEIGHT - _SANKEY_PAD * (len(side) - 1)) / sum(n for _, _, _, n in known) for side in (left, right)
    )
    left_y, right_y = _centres([sent[c] * pixels for c in left]), _centres([got[c] * pixels for c in right])
    node = {
        "label": [""] * (len(left) + len(right)),
        "customdata": [*left, *right],
        "color": [CHANNEL_COLOURS[c] for c in (*left, *right)],
        "x": [0.001] * len(left) + [0.999] * len(right),
        "y": [*left_y, *right_y],
        "pad": _SANKEY_PAD,
        "thickness": 14,
        "line": {"width": 0},
        "hovertemplate": "%{customdata}: %{value:,} changes<extra></extra>",
    }
    labels = [_beside(c, sent[c], y, "left") for c, y in zip(left, left_y, strict=True)]
    labels += [_beside(c, got[c], y, "right") for c, y in zip(right, right_y, strict=True)]
    figure = go.Figure(go.Sankey(arrangement="fixed", node=node, link=link))
    margin = {"l": 104, "r": 104, "t": 14, "b": 14}
    return laid_out(figure, _SANKEY_HEIGHT + 28, margin=margin, annotations=labels)


def _centres(heights: list[float]) -> list[float]:
    """Where the middles of bars lie that are spread over the height, as shares of it from the top."""
    pad = (_SANKEY_HEIGHT - sum(heights)) / max(1, len(heights) - 1)
    tops = [sum(heights[:i]) + pad * i for i in range(len(heights))]
    return [(top + height / 2) / _SANKEY_HEIGHT for top, height in zip(tops, heights, strict=True)]


def _beside(channel: str, count: int, y: float, side: str) -> dict[str, object]:
    return {
        "text": f"<b>{channel}</b>  {count:,}", "showarrow": False, "font": {"size": 14, "color": INK},
        "x": 0 if side == "left" else 1, "xref": "paper", "xanchor": "right" if side == "left" else "left",
        "xshift": -8 if side == "left" else 8, "y": 1 - y, "yref": "paper", "yanchor": "middle",
    }  # fmt: skip


def outcomes(facts: Facts) -> go.Figure:
    """Outcomes by the channel on which a journey began: one bar a channel, shares of its journeys."""
    total = {c: sum(n for (first, _), n in facts.outcomes.items() if first == c) for c in CHANNEL_COLOURS}
    channels = [c for c in sorted(total, key=lambda c: total[c]) if total[c]]
    figure = go.Figure()
    for outcome, colour in OUTCOME_COLOURS.items():
        shares = [100 * facts.outcomes.get((c, outcome), 0) / total[c] for c in channels]
        figure.add_bar(
            y=[f"<b>{c}</b>  {total[c]:,}  " for c in channels],
            x=shares,
            orientation="h",
            name=outcome,
            marker={"color": colour, "line": {"width": 1.5, "color": PAPER}},
            text=[f"{s:.0f} %" if s >= 6 else "" for s in shares],
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
            textfont={"color": PAPER if outcome == "bought" else INK, "size": 12},
            hovertemplate="%{y}: %{x:.1f} % " + outcome + "<extra></extra>",
        )
    return laid_out(
        figure,
        110 + 44 * len(channels),
        barmode="stack",
        bargap=0.3,
        margin={"l": 110, "r": 34, "t": 46, "b": 30},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        xaxis={"range": [0, 100], "ticksuffix": " %", "showgrid": False, "zeroline": False, "color": MUTED},
        yaxis={"ticks": "", "showgrid": False, "tickfont": {"size": 14}},
    )


def private_answer(answer: PrivateAnswer) -> go.Figure:
    """One private answer: bars, and the interval that holds the true value with probability 95 %."""
    figure = go.Figure(
        go.Bar(
            x=list(answer.keys),
            y=list(answer.values),
            marker={"color": LEAF, "opacity": 0.85},
            width=min(0.62, 0.16 * len(answer.keys) + 0.1),
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [h - v for v, h in zip(answer.values, answer.highs, strict=True)],
                "arrayminus": [v - low for v, low in zip(answer.values, answer.lows, strict=True)],
                "color": ACCENT,
                "thickness": 2.2,
                "width": 7,
            },
            customdata=list(zip(answer.lows, answer.highs, strict=True)),
            hovertemplate="%{x}: %{y:,.4~r} (%{customdata[0]:,.4~r}–%{customdata[1]:,.4~r})<extra></extra>",
        )
    )
    tops = [max(v, h) for v, h in zip(answer.values, answer.highs, strict=True)]
    labels = [
        {
            "x": k,
            "y": top,
            "text": f"<b>{_short(v)}</b>",
            "showarrow": False,
            "yshift": 13,
            "bgcolor": PAPER,
            "font": {"size": 13},
        }
        for k, v, top in zip(answer.keys, answer.values, tops, strict=True)
    ]
    lowest = min(0.0, *answer.lows)
    upright = {
        "gridcolor": LINE, "zerolinecolor": MUTED, "color": MUTED, "nticks": 5, "automargin": True,
        "tickformat": ",~r", "range": [lowest, max(tops) + 0.12 * (max(tops) - lowest)],
    }  # fmt: skip
    return laid_out(
        figure,
        300,
        annotations=labels,
        margin={"l": 56, "r": 10, "t": 14, "b": 40},
        xaxis={"showgrid": False, "tickfont": {"size": 13}, "automargin": True, "type": "category"},
        yaxis=upright,
    )


def _short(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) < 10 and value != int(value) else f"{value:,.4g}"
