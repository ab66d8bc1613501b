# ruff: noqa: E501 - a style sheet
"""The frame of the report page: style and the blocks that it is built from. Everything is inline."""

from collections.abc import Sequence
from html import escape

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from services.demo.charts import ACCENT, DEEP, FONT, INK, LEAF, LINE, MUTED

_CSS = f"""
:root {{ color-scheme: light; }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: #f3f8f6; color: {INK}; font: 16px/1.55 {FONT}; -webkit-print-color-adjust: exact;
  print-color-adjust: exact; }}
main, header > div, footer {{ max-width: 1100px; margin: 0 auto; padding: 0 28px; }}
header {{ background: linear-gradient(120deg, {DEEP}, #1d6f60 70%, {LEAF}); color: #fff; padding: 46px 0 78px; }}
header h1 {{ font-size: 36px; line-height: 1.2; margin: 0 0 10px; letter-spacing: -.4px; }}
header p {{ margin: 0; max-width: 760px; color: #d7ece5; }}
.tiles {{ display: flex; flex-wrap: wrap; gap: 14px; margin-top: -46px; }}
.tile {{ flex: 1 1 215px; background: #fff; border-radius: 12px; padding: 18px 20px; box-shadow: 0 2px 10px rgba(15,76,67,.09); }}
.tile b {{ display: block; font-size: 27px; line-height: 1.2; letter-spacing: -.3px; }}
.tile span {{ color: {MUTED}; font-size: 13.5px; }}
.part {{ margin: 58px 0 20px; display: flex; align-items: baseline; gap: 14px; flex-wrap: wrap; }}
.part h2 {{ font-size: 26px; margin: 0; letter-spacing: -.3px; }}
.part p {{ flex-basis: 100%; margin: 0; color: {MUTED}; max-width: 780px; }}
.badge {{ font-size: 12px; font-weight: 600; letter-spacing: .3px; border-radius: 99px; padding: 4px 12px; color: #fff; }}
.exact {{ background: {INK}; }} .private {{ background: {ACCENT}; }}
.card {{ background: #fff; border-radius: 14px; padding: 26px 30px 22px; margin: 0 0 22px; break-inside: avoid;
  box-shadow: 0 1px 5px rgba(15,76,67,.07); min-width: 0; }}
.card h3 {{ margin: 0 0 4px; font-size: 20px; line-height: 1.3; }}
.card > p {{ margin: 0 0 12px; color: {MUTED}; font-size: 14.5px; max-width: 820px; }}
.two {{ display: grid; grid-template-columns: 1fr 1fr; gap: 22px; }}
.two .card {{ margin: 0 0 22px; }}
.answer {{ display: grid; grid-template-columns: minmax(0, 1fr) 268px; gap: 26px; align-items: center; }}
.guarantee {{ background: #f5faf8; border-left: 3px solid {ACCENT}; border-radius: 0 10px 10px 0; padding: 14px 18px; }}
.guarantee dl {{ display: grid; grid-template-columns: auto 1fr; gap: 3px 12px; margin: 0; font-size: 13.5px; }}
.guarantee dt {{ color: {MUTED}; }} .guarantee dd {{ margin: 0; text-align: right; font-variant-numeric: tabular-nums; }}
.guarantee p {{ margin: 10px 0 0; font-size: 13px; color: {MUTED}; }}
.legend {{ display: flex; gap: 22px; color: {MUTED}; font-size: 13.5px; flex-wrap: wrap; }}
.legend i {{ display: inline-block; width: 22px; height: 10px; border-radius: 3px; margin-right: 7px; }}
.sides {{ display: flex; justify-content: space-between; color: {MUTED}; font-size: 13px; margin-top: 10px; }}
.funnel {{ width: 100%; height: auto; display: block; font-family: {FONT}; }}
.empty {{ border: 1.5px dashed {LINE}; border-radius: 10px; padding: 26px; text-align: center; color: {MUTED}; }}
table {{ border-collapse: collapse; width: 100%; font-size: 14.5px; font-variant-numeric: tabular-nums; }}
th {{ text-align: left; color: {MUTED}; font-weight: 500; font-size: 13px; padding: 6px 10px; border-bottom: 1px solid {LINE}; }}
td {{ padding: 8px 10px; border-bottom: 1px solid #eef4f2; }} td.n, th.n {{ text-align: right; width: 120px; }}
td.bar {{ width: 34%; }} td.bar i {{ display: block; height: 9px; border-radius: 5px; background: {LEAF}; min-width: 2px; }}
th[scope=row] {{ color: {INK}; font-size: 14.5px; padding: 8px 10px; border-bottom: 1px solid #eef4f2; }}
tr:last-child td, tr:last-child th[scope=row] {{ border-bottom: 0; }}
.numbers {{ margin-top: 12px; font-size: 13.5px; color: {MUTED}; }} .numbers summary {{ cursor: pointer; }}
.numbers div {{ overflow-x: auto; }} .numbers td {{ text-align: right; }} .numbers th[scope=row] {{ font-size: 13.5px; }}
.numbers th[scope=col]:not(:first-child) {{ text-align: right; }}
footer {{ color: {MUTED}; font-size: 13px; padding-top: 18px; padding-bottom: 48px; }}
@media (max-width: 860px) {{ .two, .answer {{ grid-template-columns: minmax(0, 1fr); }} }}
@media print {{ body {{ background: #fff; font-size: 14px; }} .card, .tile {{ box-shadow: none; border: 1px solid {LINE}; }}
  .part {{ break-after: avoid; }} header {{ padding: 26px 0 70px; }} @page {{ size: 1180px 1669px; margin: 36px 0; }} }}
"""
_CONFIG = {"displayModeBar": False, "displaylogo": False, "responsive": True, "showTips": False}


def picture(figure: go.Figure, says: str = "") -> str:
    """A Plotly figure as a block; the page brings the script once. `says` is what it tells who cannot see it."""
    html: str = figure.to_html(full_html=False, include_plotlyjs=False, config=_CONFIG, default_width="100%")
    return f'<div role="img" aria-label="{escape(says)}">{html}</div>' if says else html


def numbers(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The numbers of a picture as a table that opens on a click; the first column names the row."""
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    made = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>' + "".join(f"<td>{escape(v)}</td>" for v in row[1:]) + "</tr>"
        for row in rows
    )
    return (
        '<details class="numbers"><summary>The numbers</summary>'
        f"<div><table><thead><tr>{heads}</tr></thead><tbody>{made}</tbody></table></div></details>"
    )


def bars(head: Sequence[str], rows: Sequence[tuple[str, str, str, str, str, float]]) -> str:
    """A table of which the last value of each row, 0 to 1, is drawn as a bar."""
    heads = "".join(f'<th scope="col" class="{"n" if i else ""}">{escape(name)}</th>' for i, name in enumerate(head))
    made = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f'<td class="n">{escape(value)}</td>' for value in row[1:-1])
        + f'<td class="bar"><i style="width:{100 * row[-1]:.1f}%"></i></td></tr>'
        for row in rows
    )
    return f"<table><thead><tr>{heads}<th></th></tr></thead><tbody>{made}</tbody></table>"


def card(title: str, caption: str, *blocks: str) -> str:
    """A white card: a title that says what is seen, a short caption, and what is seen."""
    return f'<section class="card"><h3>{escape(title)}</h3><p>{escape(caption)}</p>{"".join(blocks)}</section>'


def empty(what: str) -> str:
    """A note in place of a picture that has no data."""
    return f'<div class="empty">{escape(what)}</div>'


def part(title: str, badge: str, kind: str, about: str) -> str:
    """The head of a part of the page; `kind` is exact or private."""
    return (
        f'<div class="part"><h2>{escape(title)}</h2><span class="badge {kind}">{escape(badge)}</span>'
        f"<p>{escape(about)}</p></div>"
    )


def tiles(values: Sequence[tuple[str, str]]) -> str:
    """A row of numbers with what they count."""
    made = "".join(f'<div class="tile"><b>{escape(v)}</b><span>{escape(w)}</span></div>' for v, w in values)
    return f'<div class="tiles">{made}</div>'


def legend(entries: Sequence[tuple[str, str]]) -> str:
    """Colours and what they mean."""
    made = "".join(f'<span><i style="background:{c}"></i>{escape(text)}</span>' for c, text in entries)
    return f'<div class="legend">{made}</div>'


def page(title: str, about: str, tiles_html: str, body: str, foot: str) -> str:
    """The whole page: one file that needs no network."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_CSS}</style>'
        f"<script>{get_plotlyjs()}</script></head><body>"
        f"<header><div><h1>{escape(title)}</h1><p>{escape(about)}</p></div></header>"
        f"<main>{tiles_html}{body}</main><footer>{escape(foot)}</footer></body></html>"
    )
