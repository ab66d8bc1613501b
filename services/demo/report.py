"""One page that shows what became of the events: exact for the operator, private for partners."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from services.demo import charts, model_charts, movement_report, page
from services.demo.facts import Facts, read_facts
from services.demo.funnel import funnel_svg
from services.demo.inputs import CalibrationPoint, ModelScore, PrivateAnswer, ReportSummary, StageRow
from services.demo.movement import read_movement

__all__ = ["CalibrationPoint", "ModelScore", "PrivateAnswer", "ReportSummary", "StageRow", "write_report"]

# A channel on which fewer journeys began is not put into a title.
_COMMON = 30
_NOT_THERE = "Nothing to show: {} is empty. Run `mangrove lake run all`, then make the report again."


def write_report(lake_root: str, out_path: Path, *, summary: ReportSummary, answers: Sequence[PrivateAnswer]) -> None:
    """Write the page; it needs no network and shows neither texts nor pseudonyms.

    Args:
        lake_root: The lake's root: a local folder or an s3a:// URL. Missing tables count as empty.
        out_path: The HTML file to write; its folder must exist.
        summary: What the run itself knows.
        answers: Private answers in the order in which they are shown.
    """
    facts, movement = read_facts(lake_root), read_movement(lake_root)
    body = (
        page.part(
            "How people move",
            "EXACT · FOR THE OPERATOR ONLY",
            "exact",
            "Counted row by row in the lake. These numbers are not protected: they stay with the operator.",
        )
        + _transitions(facts)
        + movement_report.changes(movement)
        + movement_report.back_and_forth(movement)
        + _funnel(facts)
        + movement_report.funnel(movement)
        + _outcomes(facts)
        + movement_report.attribution(movement)
        + movement_report.identity(movement)
        + page.part(
            "What partners may see",
            "PRIVATE ANSWERS · FOR PARTNERS",
            "private",
            "Answers with noise: the guarantee beside each bounds what it can tell about any one person. "
            "Bars are what the partner got; whiskers hold the true value with probability 95 %.",
        )
        + ("".join(_answer(a) for a in answers) or _no_answers())
        + page.part(
            "What the model learned, and how the run went",
            "EXACT · FOR THE OPERATOR ONLY",
            "exact",
            "Will a human have to take over from the bot? Judged on people the model has not seen.",
        )
        + _models(summary, facts)
        + _stages(summary)
    )
    about = (
        f"{summary.sent:,} events went in on seven channels, {summary.accepted:,} were masked and stored. "
        "This page shows what they became."
    )
    foot = "Made by Mangrove" + (f", {summary.made_at}" if summary.made_at else "") + ". The customers are simulated."
    html = page.page("From channel events to private answers", about, _tiles(summary, facts), body, foot)
    out_path.write_text(html, encoding="utf-8")


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "0 %"


def _tiles(summary: ReportSummary, facts: Facts) -> str:
    values = [
        (f"{summary.accepted:,}", "events stored, each exactly once"),
        (
            f"{summary.refused_invalid + summary.refused_consent:,}",
            f"refused: {summary.refused_invalid:,} broken, {summary.refused_consent:,} without consent",
        ),
        (f"{facts.people:,}", "people, resolved across channels"),
        (f"{facts.journeys:,}", f"journeys, {_percent(facts.looping, facts.journeys)} with a loop"),
        (
            f"{facts.conversations:,}",
            f"conversations, {_percent(facts.handed_over, facts.conversations)} handed over",
        ),
    ]
    if summary.identity is not None:
        scores = summary.identity
        values.append(
            (
                f"{scores.f1:.3f}",
                f"identity F1 (precision {scores.precision:.3f}, recall {scores.recall:.3f})",
            )
        )
    if summary.planted is not None and summary.planted_found is not None:
        values.append((f"{summary.planted_found:,}", f"of {summary.planted:,} pieces of personal data found on disk"))
    return page.tiles(values)


def _transitions(facts: Facts) -> str:
    changes = sum(n for _, _, _, n in facts.transitions)
    if not changes:
        return page.card("Changes of channel", "From → to.", page.empty(_NOT_THERE.format("gold.transitions")))
    back = sum(n for _, _, returns, n in facts.transitions if returns)
    title = (
        f"{_percent(facts.multichannel, facts.journeys)} of journeys touch two channels or more, and "
        f"{_percent(back, changes)} of changes lead back"
    )
    return page.card(
        title,
        f"{changes:,} changes of channel within journeys. A flow has the colour of the channel that is left.",
        page.legend(
            [
                (charts.LEAF, "to a channel that is new in the journey"),
                (charts.ACCENT, "back to a channel left before: a loop"),
            ]
        ),
        '<div class="sides"><span>left</span><span>entered</span></div>',
        page.picture(charts.sankey(facts)),
    )


def _funnel(facts: Facts) -> str:
    reached = facts.funnel.reached
    if not reached["browse"]:
        return page.card(
            "From browsing to paying",
            "How far journeys get.",
            page.empty(_NOT_THERE.format("gold.journey_steps")),
        )
    helped = sum(facts.funnel.detours.values())
    return page.card(
        f"{_percent(reached['pay'], reached['browse'])} of shopping journeys get to the payment; "
        f"{helped:,} detours over the bot or an agent came back",
        "Bars: journeys that got to a stage or further. Loops: the share that left a stage for help and came "
        "back to shopping. Dotted: the share that fell back to an earlier stage.",
        funnel_svg(facts.funnel),
    )


def _outcomes(facts: Facts) -> str:
    if not facts.outcomes:
        return page.card("How journeys end", "By first channel.", page.empty(_NOT_THERE.format("gold.journeys")))
    return page.card(
        _outcome_title(facts),
        "How journeys end, by the channel on which they began; beside each channel, how many began there.",
        page.picture(charts.outcomes(facts)),
    )


def _outcome_title(facts: Facts) -> str:
    title = f"{_percent(facts.bought, facts.journeys)} of {facts.journeys:,} journeys end with a purchase"
    began: dict[str, int] = {}
    for (channel, _), count in facts.outcomes.items():
        began[channel] = began.get(channel, 0) + count
    common = {c: facts.outcomes.get((c, "bought"), 0) / n for c, n in began.items() if n >= _COMMON}
    if len(common) < 2:
        return title
    most, least = max(common, key=lambda c: common[c]), min(common, key=lambda c: common[c])
    return f"{title}: from {common[least]:.0%} that began on {least} to {common[most]:.0%} on {most}".replace("%", " %")


def _answer(answer: PrivateAnswer) -> str:
    entries = [
        ("ε", f"{answer.epsilon:.3g}"),
        ("at δ", f"{answer.delta:.0e}".replace("e-0", "e-")),
        ("ρ (zCDP)", f"{answer.rho:.3g}"),
        ("protected unit", answer.unit),
        ("groups a person, K", str(answer.k)),
        ("rows a group, L", str(answer.l)),
    ]
    if answer.budget_left:
        entries.append(("budget left", answer.budget_left))
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in entries)
    guarantee = f'<div class="guarantee"><dl>{listed}</dl><p>{escape(answer.error_text)}</p></div>'
    shown = (
        page.picture(charts.private_answer(answer)) if answer.keys else page.empty("No group had an answer to show.")
    )
    return (
        f'<section class="card"><h3>{escape(answer.title)}</h3>'
        f'<div class="answer"><div>{shown}</div>{guarantee}</div></section>'
    )


def _no_answers() -> str:
    return page.card(
        "No private answers yet",
        "Nobody asked.",
        page.empty("Ask with `mangrove query ask`, then make the report again."),
    )


def _models(summary: ReportSummary, facts: Facts) -> str:
    if not summary.models:
        return page.card(
            "The model",
            "Against baselines.",
            page.empty("No model was trained yet. Run `mangrove ml train`."),
        )
    champion = next((m for m in summary.models if m.champion), None)
    others = [m for m in summary.models if not m.champion]
    title = "The model against the baselines"
    if champion is not None and others:
        best = max(others, key=lambda m: m.auc)
        title = f"The model ranks conversations with AUC {champion.auc:.2f}; {best.name} gets {best.auc:.2f}"
    cards = page.card(title, "On people and times kept aside.", page.picture(model_charts.models(summary.models)))
    small = []
    if summary.calibration:
        small.append(
            page.card(
                _calibration_title(summary.calibration),
                "The nearer to the dotted line, the better.",
                page.picture(model_charts.calibration(summary.calibration)),
            )
        )
    if facts.first_scores:
        small.append(
            page.card(
                _first_title(facts),
                "Scores at the first message, by how the conversation went on.",
                page.picture(model_charts.first_scores(facts)),
            )
        )
    return cards + (f'<div class="two">{"".join(small)}</div>' if len(small) == 2 else "".join(small))


def _calibration_title(points: Sequence[CalibrationPoint]) -> str:
    off = sum(abs(p.predicted - p.observed) * p.count for p in points) / sum(p.count for p in points)
    return f"Predictions are {100 * off:.1f} points off on average"


def _first_title(facts: Facts) -> str:
    def mean(handed: bool) -> float:
        counts = {(i + 0.5) / 20: n for (h, i), n in facts.first_scores.items() if h is handed}
        return sum(score * n for score, n in counts.items()) / (sum(counts.values()) or 1)

    return f"Later hand-overs begin at a score of {mean(True):.2f}, the rest at {mean(False):.2f}"


def _stages(summary: ReportSummary) -> str:
    if not summary.stages:
        return page.card("The run", "Rows and seconds of each stage.", page.empty("No stage was recorded."))
    total = sum(s.seconds for s in summary.stages)
    longest = max(s.seconds for s in summary.stages) or 1.0
    rows = "".join(
        f'<tr><td>{escape(s.name)}</td><td class="n">{"–" if s.rows is None else f"{s.rows:,}"}</td>'
        f'<td class="n">{s.seconds:,.1f}</td><td class="bar">'
        f'<i style="width:{100 * s.seconds / longest:.1f}%"></i></td></tr>'
        for s in summary.stages
    )
    table = (
        '<table><thead><tr><th>Stage</th><th class="n">Rows</th><th class="n">Seconds</th>'
        "<th></th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )
    return page.card(
        f"The whole run took {total:,.0f} seconds", "Rows that each stage wrote, and how long it took.", table
    )
