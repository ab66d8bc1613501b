"""Pictures of the model: against the baselines, against what happened, and its first scores."""

from collections.abc import Sequence

import plotly.graph_objects as go

from services.demo.charts import ACCENT, DEEP, LEAF, LINE, MIST, MUTED, TEAL, laid_out
from services.demo.facts import Facts
from services.demo.inputs import CalibrationPoint, ModelScore


def models(scores: Sequence[ModelScore]) -> go.Figure:
    """The champion beside the baselines: AUC to the left, log loss to the right."""
    ordered = sorted(scores, key=lambda s: s.auc)
    names = [s.name for s in ordered]
    colours = [DEEP if s.champion else MIST for s in ordered]
    figure = go.Figure()
    for axis, measure, values in (
        ("", "AUC", [s.auc for s in ordered]),
        ("2", "log loss", [s.log_loss for s in ordered]),
    ):
        figure.add_bar(
            y=[f"{name}  " for name in names],
            x=values,
            xaxis=f"x{axis}",
            yaxis=f"y{axis}",
            orientation="h",
            marker={"color": colours},
            text=[f"{value:.3f}" for value in values],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: " + measure + " %{x:.4f}<extra></extra>",
        )
    quiet = {"showgrid": False, "zeroline": False, "showticklabels": False}
    worst = max(s.log_loss for s in ordered)
    return laid_out(
        figure,
        90 + 42 * len(ordered),
        showlegend=False,
        bargap=0.38,
        margin={"l": 150, "r": 40, "t": 40, "b": 10},
        xaxis=quiet | {"domain": [0, 0.44], "range": [0, 1.0]},
        xaxis2=quiet | {"domain": [0.56, 1], "range": [0, worst * 1.18]},
        yaxis={"ticks": "", "showgrid": False, "tickfont": {"size": 13}},
        yaxis2={"anchor": "x2", "showticklabels": False, "ticks": "", "showgrid": False, "showline": False},
        annotations=[
            _heading("AUC, more is better", 0.0),
            _heading("Log loss, less is better", 0.56),
        ],
    )


def _heading(text: str, x: float) -> dict[str, object]:
    return {
        "text": text, "x": x, "y": 1.0, "xref": "paper", "yref": "paper", "xanchor": "left",
        "yanchor": "bottom", "yshift": 8, "showarrow": False, "font": {"size": 12, "color": MUTED},
    }  # fmt: skip


def calibration(points: Sequence[CalibrationPoint]) -> go.Figure:
    """What was predicted against what happened; on the diagonal, probabilities mean what they say."""
    most = max(p.count for p in points)
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": LINE, "width": 2, "dash": "dot"}, hoverinfo="skip"
    )
    figure.add_scatter(
        x=[p.predicted for p in points],
        y=[p.observed for p in points],
        mode="lines+markers",
        line={"color": LEAF, "width": 2.5},
        marker={"color": DEEP, "size": [8 + 14 * (p.count / most) ** 0.5 for p in points]},
        customdata=[p.count for p in points],
        hovertemplate="said %{x:.2f}, was %{y:.2f}, %{customdata:,} moments<extra></extra>",
    )
    axis = {"range": [-0.02, 1.02], "gridcolor": LINE, "zeroline": False, "color": MUTED, "dtick": 0.25}
    return laid_out(
        figure,
        330,
        showlegend=False,
        margin={"l": 60, "r": 16, "t": 16, "b": 54},
        xaxis=axis | {"title": {"text": "predicted probability", "font": {"size": 12}}},
        yaxis=axis | {"title": {"text": "share handed over", "font": {"size": 12}}},
    )


def first_scores(facts: Facts) -> go.Figure:
    """The model's score at a conversation's first message, for those handed over later and the others."""
    figure = go.Figure()
    for handed, name, colour in ((False, "stayed with the bot", TEAL), (True, "handed over", ACCENT)):
        counts = [facts.first_scores.get((handed, i), 0) for i in range(20)]
        total = sum(counts) or 1
        figure.add_bar(
            x=[(i + 0.5) / 20 for i in range(20)],
            y=[100 * n / total for n in counts],
            name=name,
            marker={"color": colour, "opacity": 0.72},
            width=0.046,
            hovertemplate="score about %{x:.2f}: %{y:.1f} %<extra></extra>",
        )
    return laid_out(
        figure,
        330,
        barmode="overlay",
        margin={"l": 60, "r": 16, "t": 40, "b": 54},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        xaxis={
            "range": [0, 1],
            "color": MUTED,
            "showgrid": False,
            "title": {"text": "score at the first message", "font": {"size": 12}},
        },
        yaxis={
            "gridcolor": LINE,
            "color": MUTED,
            "ticksuffix": " %",
            "zeroline": False,
            "nticks": 5,
            "title": {"text": "of these conversations", "font": {"size": 12}},
        },
    )
