"""The cards of friction, attribution and identity: titles that say what was found, pictures, and their numbers."""

from collections.abc import Mapping

from services.demo import movement_charts, page
from services.demo.movement import Movement

# Fewer journeys or changes than these are not put into a title.
_COMMON = 30
_PAIRS = 6
_BEHAVIOURAL = ("first", "last", "linear", "time_decay", "shapley", "markov")
_EMPTY = "Nothing to show: {} is empty. Run `mangrove lake run all`, then make the report again."


def changes(found: Movement) -> str:
    """Where people go from a channel, and how long it takes them."""
    if not found.changes:
        return page.card("From channel to channel", "Share and gap.", page.empty(_EMPTY.format("gold.transitions")))
    total = sum(change.count for change in found.changes)
    common = [change for change in found.changes if change.count >= _COMMON] or list(found.changes[:1])
    slowest = max(common, key=lambda change: change.median_gap_s)
    first = found.changes[0]
    title = (
        f"The commonest change is {first.left} → {first.entered}, {_percent(first.count, total)} of all; "
        f"the slowest common one, {slowest.left} → {slowest.entered}, "
        f"takes {movement_charts.lasting(slowest.median_gap_s)}"
    )
    return page.card(
        title,
        f"{total:,} changes of channel. Rows: the channel left, and how often. In a cell: the share of those who left "
        "it that went there, and the median time between the last event here and the first one there.",
        page.picture(movement_charts.changes(found.changes), title),
        page.numbers(
            ("from", "to", "changes", "median gap, s"),
            [(c.left, c.entered, f"{c.count:,}", f"{c.median_gap_s:,.0f}") for c in found.changes],
        ),
    )


def back_and_forth(found: Movement) -> str:
    """Which channels people swing between, and how such journeys end."""
    swinging, straight = sum(found.swinging.values()), sum(found.straight.values())
    if not swinging:
        return page.card("Back and forth", "A → B → A.", page.empty("No journey went back and forth."))
    pairs = sorted(found.back_and_forth.items(), key=lambda pair: (-sum(pair[1].values()), pair[0]))[:_PAIRS]
    groups = [(f"{home} → {away} → {home}", outcomes) for (home, away), outcomes in pairs]
    groups += [("all back and forth", found.swinging), ("no loop", found.straight)]
    title = (
        f"{_percent(swinging, found.journeys)} of journeys go back and forth, most often {groups[0][0]}; "
        f"{_percent(found.swinging.get('bought', 0), swinging)} of them end with a purchase, "
        f"of those without a loop {_percent(found.straight.get('bought', 0), straight)}"
    )
    return page.card(
        title,
        "A journey goes back and forth if it leaves a channel for another one and comes straight back. One can do so "
        "between several pairs. Beside each pair: its journeys. What ends differently need not do so because of the "
        "loop: longer journeys have more of everything.",
        page.picture(movement_charts.endings(groups), title),
        page.numbers(
            ("way", "journeys", "share of journeys", *_OUTCOMES),
            [
                (
                    name,
                    f"{sum(outcomes.values()):,}",
                    _percent(sum(outcomes.values()), found.journeys, digits=1),
                    *(f"{outcomes.get(outcome, 0):,}" for outcome in _OUTCOMES),
                )
                for name, outcomes in groups
            ],
        ),
    )


_OUTCOMES = ("bought", "resolved", "transferred", "escalated", "abandoned")


def funnel(found: Movement) -> str:
    """Where journeys stop on the way to a purchase, and how long each stage takes."""
    if not found.funnel or not found.funnel[0].journeys:
        return page.card("Where journeys stop", "Stage by stage.", page.empty(_EMPTY.format("gold.funnel")))
    begun = found.funnel[0].journeys
    worst = max(found.funnel[1:], key=lambda row: row.dropped, default=found.funnel[0])
    at = [row.stage for row in found.funnel].index(worst.stage)
    before = found.funnel[max(0, at - 1)]
    title = (
        f"Most journeys stop between {before.stage} and {worst.stage}: {_percent(worst.dropped, before.journeys)} of "
        f"{before.journeys:,}"
    )
    rows = [
        (
            row.stage,
            f"{row.journeys:,}",
            _percent(row.journeys, begun),
            "" if row is found.funnel[0] else f"{row.dropped:,}",
            "" if row.median_s is None else movement_charts.lasting(row.median_s),
            row.journeys / begun,
        )
        for row in found.funnel
    ]
    return page.card(
        title,
        "Journeys that reached a stage after all the stages before it, how many the step before lost, and the median "
        "time since then.",
        page.bars(("Stage", "Journeys", "Of the first", "Lost since the last", "Median time"), rows),
    )


def attribution(found: Movement) -> str:
    """What purchases are owed to, model beside model."""
    models = [model for model in _BEHAVIOURAL if any(name == model for name, _ in found.attribution)]
    if not models:
        return page.card("Attribution", "Model by model.", page.empty(_EMPTY.format("gold.attribution")))
    shares = {key: share for key, (_, share) in found.attribution.items()}
    channels = sorted({channel for _, channel in shares})
    spans = {c: [shares.get((model, c), 0.0) for model in models] for c in channels}
    top = max(channels, key=lambda c: (sum(spans[c]), c))
    bought = round(sum(credit for (model, _), (credit, _) in found.attribution.items() if model == models[0]))
    title = (
        f"Between {100 * min(spans[top]):.0f} and {100 * max(spans[top]):.0f} % of {bought:,} purchases are owed "
        f"to {top}, depending on the model"
    )
    return page.card(
        title,
        "Each model shares out the same purchases. None says what caused one: they share out what happened together.",
        page.picture(movement_charts.attribution(shares, models), title),
        page.numbers(
            ("channel", *(model.replace("_", " ") for model in models)),
            [(c, *(f"{100 * share:.1f} %" for share in spans[c])) for c in channels],
        ),
    )


def identity(found: Movement) -> str:
    """How many identifiers people are known by, and which identifiers join nobody."""
    people = sum(found.sizes.values())
    if not people:
        return page.card("Who is who", "People.", page.empty(_EMPTY.format("identity.people")))
    joined = sum(count for tokens, count in found.sizes.items() if tokens > 1)
    title = f"{_percent(joined, people)} of {people:,} people are known by two identifiers or more"
    grouped = _grouped(found.sizes)
    cards = page.card(
        title,
        f"A person has at most {max(found.sizes):,}. Shared identifiers are not counted.",
        page.picture(movement_charts.sizes(grouped), title),
        page.numbers(("identifiers", "people"), [(name, f"{count:,}") for name, count in grouped]),
    )
    return f'<div class="two">{cards}{_quarantine(found.quarantined)}</div>'


def _quarantine(quarantined: Mapping[tuple[str, str], int]) -> str:
    tokens = sum(quarantined.values())
    if not tokens:
        return page.card("No identifier is in quarantine", "None is shared.", page.empty("Every identifier joins."))
    title = f"{tokens:,} identifiers are used by several people and join nobody"
    rows = sorted(quarantined.items(), key=lambda item: -item[1])
    return page.card(
        title,
        "By type, and by the guard that they broke: a family's tablet, a call centre's number.",
        page.picture(movement_charts.quarantined(quarantined), title),
        page.numbers(("type", "why", "identifiers"), [(type_, why, f"{n:,}") for (type_, why), n in rows]),
    )


def _grouped(sizes: Mapping[int, int]) -> list[tuple[str, int]]:
    """People by their number of identifiers; those with many are put together."""
    groups = {"1": 1, "2": 2, "3": 3, "4": 4, "5": 5, "6": 6, "7–9": 9, "10–19": 19}
    counts = dict.fromkeys((*groups, "20 or more"), 0)
    for tokens, people in sizes.items():
        name = next((name for name, most in groups.items() if tokens <= most), "20 or more")
        counts[name] += people
    last = max(i for i, count in enumerate(counts.values()) if count)
    return list(counts.items())[: last + 1]


def _percent(part: float, whole: float, *, digits: int = 0) -> str:
    return f"{100 * part / whole if whole else 0:.{digits}f} %"
