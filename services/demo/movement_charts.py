"""Pictures of friction, attribution and identity. Numbers come in, figures leave."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from services.demo.charts import (
    ACCENT,
    CHANNEL_COLOURS,
    INK,
    LEAF,
    LINE,
    MUTED,
    OUTCOME_COLOURS,
    PAPER,
    TEAL,
    laid_out,
)
from services.demo.movement import Change

# Light enough for dark text but at its end, where the text is white.
_SHADES = ((0.0, "#f3f8f6"), (0.8, "#8cc7b9"), (1.0, "#0f4c43"))
_DARK = 0.9
_LIGHT_CHANNELS = ("chat", "email", "social", "store")
_NARROW_PERCENT = 7.0


def changes(found: Sequence[Change]) -> go.Figure:
    """From (rows) and to (columns): the share of those who leave a channel, and the median gap under it."""
    left = [c for c in CHANNEL_COLOURS if any(one.left == c for one in found)]
    entered = [c for c in CHANNEL_COLOURS if any(one.entered == c for one in found)]
    of = {(one.left, one.entered): one for one in found}
    leavers = {c: sum(one.count for one in found if one.left == c) for c in left}
    shares = [[100 * of[a, b].count / leavers[a] if (a, b) in of else None for b in entered] for a in left]
    most = max((share for row in shares for share in row if share is not None), default=100.0)
    figure = go.Figure(
        go.Heatmap(
            z=shares,
            x=entered,
            y=[_counted(c, leavers[c]) for c in left],
            zmin=0,
            zmax=most,
            colorscale=_SHADES,
            showscale=False,
            xgap=3,
            ygap=3,
            hoverongaps=False,
            customdata=[[_told(of.get((a, b))) for b in entered] for a in left],
            hovertemplate="%{y}→ %{x}: %{z:.1f} % of those who leave, %{customdata}<extra></extra>",
        )
    )
    labels = [
        {
            "x": b,
            "y": _counted(a, leavers[a]),
            "text": f"<b>{100 * of[a, b].count / leavers[a]:.0f} %</b><br>{lasting(of[a, b].median_gap_s)}",
            "showarrow": False,
            "font": {
                "size": 12,
                "color": PAPER if 100 * of[a, b].count / leavers[a] > _DARK * most else INK,
            },
        }
        for a in left
        for b in entered
        if (a, b) in of
    ]
    return laid_out(
        figure,
        80 + 50 * len(left),
        annotations=labels,
        margin={"l": 120, "r": 10, "t": 44, "b": 10},
        xaxis={"side": "top", "showgrid": False, "ticks": "", "tickfont": {"size": 14}, "fixedrange": True},
        yaxis={"autorange": "reversed", "showgrid": False, "ticks": "", "tickfont": {"size": 14}, "fixedrange": True},
    )


def _told(change: Change | None) -> str:
    return "" if change is None else f"{change.count:,} changes, median gap {lasting(change.median_gap_s)}"


def lasting(seconds: float) -> str:
    """A time as people say it, with one unit: 40 s, 12 min, 3.5 h, 2.1 d."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86_400:.1f} d"


def endings(groups: Sequence[tuple[str, Mapping[str, int]]]) -> go.Figure:
    """How groups of journeys end: one bar a group, shares of its journeys, in the order given from the top."""
    figure = go.Figure()
    names = [_counted(name, sum(outcomes.values())) for name, outcomes in groups]
    for outcome, colour in OUTCOME_COLOURS.items():
        shares = [100 * outcomes.get(outcome, 0) / (sum(outcomes.values()) or 1) for _, outcomes in groups]
        _add_shares(figure, names, shares, outcome, "", {"back": colour, "text": PAPER if outcome == "bought" else INK})
    return _stacked(figure, len(groups), 200)


def attribution(shares: Mapping[tuple[str, str], float], models: Sequence[str]) -> go.Figure:
    """What purchases are owed to: one bar a model, the channels' shares in their colours."""
    figure = go.Figure()
    names = [f"<b>{model.replace('_', ' ')}</b>  " for model in models]
    for channel, colour in CHANNEL_COLOURS.items():
        values = [100 * shares.get((model, channel), 0.0) for model in models]
        if not any(values):
            continue
        text = INK if channel in _LIGHT_CHANNELS else PAPER
        _add_shares(figure, names, values, channel, f"{channel} ", {"back": colour, "text": text})
    return _stacked(figure, len(models), 110)


def _add_shares(
    figure: go.Figure,
    bars: Sequence[str],
    percents: Sequence[float],
    name: str,
    label: str,
    colours: Mapping[str, str],
) -> None:
    """Add one part to each of the stacked bars; `label` stands before the number where there is room for it."""
    figure.add_bar(
        y=bars,
        x=percents,
        orientation="h",
        name=name,
        marker={"color": colours["back"], "line": {"width": 1.5, "color": PAPER}},
        text=[f"{label}{percent:.0f} %" if percent >= _NARROW_PERCENT else "" for percent in percents],
        textposition="inside",
        insidetextanchor="middle",
        textangle=0,
        textfont={"color": colours["text"], "size": 12},
        hovertemplate="%{y}: %{x:.1f} % " + name + "<extra></extra>",
    )


def _stacked(figure: go.Figure, bars: int, left_px: int) -> go.Figure:
    return laid_out(
        figure,
        90 + 42 * bars,
        barmode="stack",
        bargap=0.3,
        margin={"l": left_px, "r": 34, "t": 46, "b": 30},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        xaxis={"range": [0, 100], "ticksuffix": " %", "showgrid": False, "zeroline": False, "color": MUTED},
        yaxis={"autorange": "reversed", "ticks": "", "showgrid": False, "tickfont": {"size": 14}},
    )


def sizes(people: Sequence[tuple[str, int]]) -> go.Figure:
    """How many people are known by how many identifiers."""
    figure = go.Figure(
        go.Bar(
            x=[name for name, _ in people],
            y=[count for _, count in people],
            marker={"color": LEAF},
            text=[f"{count:,}" for _, count in people],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{x} identifiers: %{y:,} people<extra></extra>",
        )
    )
    return laid_out(
        figure,
        300,
        margin={"l": 56, "r": 10, "t": 28, "b": 54},
        bargap=0.25,
        xaxis={
            "type": "category",
            "showgrid": False,
            "color": MUTED,
            "title": {"text": "identifiers of a person", "font": {"size": 12}},
        },
        yaxis={
            "gridcolor": LINE,
            "color": MUTED,
            "nticks": 5,
            "zeroline": False,
            "tickformat": ",",
            "title": {"text": "people", "font": {"size": 12}},
        },
    )


def quarantined(tokens: Mapping[tuple[str, str], int]) -> go.Figure:
    """Identifiers that join nobody, by type and by the guard that they broke; the commonest on top."""
    shown = sorted(tokens.items(), key=lambda item: item[1])
    figure = go.Figure(
        go.Bar(
            y=[f"{type_.replace('_', ' ')}: {reason}  " for (type_, reason), _ in shown],
            x=[count for _, count in shown],
            orientation="h",
            marker={"color": [ACCENT if i == len(shown) - 1 else TEAL for i in range(len(shown))]},
            text=[f"{count:,}" for _, count in shown],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:,} identifiers<extra></extra>",
        )
    )
    return laid_out(
        figure,
        max(140, 70 + 38 * len(shown)),
        margin={"l": 10, "r": 50, "t": 10, "b": 10},
        bargap=0.4,
        xaxis={"showgrid": False, "zeroline": False, "showticklabels": False},
        yaxis={"ticks": "", "showgrid": False, "automargin": True, "tickfont": {"size": 12}},
    )


def _counted(name: str, count: int) -> str:
    return f"<b>{name}</b>  {count:,}  "
