"""A comparison as one HTML page: the verdict, interval charts, curves with bands, profiles, and every run."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from guerdon.runs import markup
from guerdon.runs.atomic import write_text
from guerdon.runs.markup import element, escape
from guerdon.runs.svg import Series, Span, line_chart, span_chart

Data = dict[str, Any]
WIDE, HIGH = 520, 270
"""Size of a chart of curves."""
SCORES = {
    "iqm": "Interquartile mean",
    "mean": "Mean",
    "median": "Median over tasks",
    "optimality_gap": "Optimality gap",
}


def write_page(data: Data, path: Path) -> None:
    """Write the page, whole or not at all."""
    names = " / ".join(method["name"] for method in data["methods"])
    write_text(path, markup.page(f"Comparison of {names}", body(data)))


def body(data: Data) -> str:
    """The page's content."""
    parts = [header(data)]
    if "final" in data:
        parts += [aggregates(data), against(data), curves(data), profiles(data)]
    return "\n".join(part for part in [*parts, budget(data), cells(data), definitions(data)] if part)


def header(data: Data) -> str:
    """The verdict, what was compared, and what has to be known to read it right."""
    names = [method["name"] for method in data["methods"]]
    compared = data["compared"]
    facts = [
        ("score", data["score"]),
        ("tasks", ", ".join(data["tasks"])),
        ("seeds", f"{len(compared['seeds'])} of {len(data['seeds'])}"),
        ("steps of each run", f"{data['steps']}"),
        ("compared with", data["baseline"]),
    ]
    listed = "".join(element("div", element("dt", a) + element("dd", escape(b))) for a, b in facts)
    failed = [cell for cell in data["cells"] if cell["status"] not in ("finished", "stopped")]
    state = (
        element("span", f"{len(failed)} run{'s' * (len(failed) > 1)} failed", class_="status failed") if failed else ""
    )
    title = element("h1", f"{escape(' / '.join(names))} {state}")
    said = [*data["verdict"]["sentences"], data["verdict"]["overall"]]
    verdict = "".join(element("p", escape(f"{sentence.rstrip('.')}."), class_="reason verdict") for sentence in said)
    noted = "".join(element("p", escape(note), class_="warning") for note in data["notes"])
    if also := data["verdict"].get("equal_actions"):
        said = element("p", escape(f"With the same sampled actions ({actions_text(data)}):"), class_="note")
        verdict += said + "".join(element("p", escape(f"{sentence}."), class_="reason verdict") for sentence in also)
    caption = element("p", escape(data["verdict"].get("caption", "")), class_="note")
    return element("header", title + element("dl", listed) + element("h2", "Verdict") + verdict + caption + noted)


def actions_text(data: Data) -> str:
    """How many actions each run had sampled where all had sampled the same, by task."""
    counts = [f"{count:,.0f}" for count in data["equal_actions"]["actions"]]
    if len(counts) == 1:
        return f"{counts[0]} each"
    return ", ".join(f"{task}: {count} each" for task, count in zip(data["tasks"], counts, strict=True))


def aggregates(data: Data) -> str:
    """One chart per aggregate, and one per task if there are several."""
    names = data["compared"]["methods"]

    def rows(entries: Sequence[Data]) -> list[Span]:
        return [
            Span(name, entry["value"], entry["low"], entry["high"], style(data, name))
            for name, entry in zip(names, entries, strict=True)
        ]

    shown = [key for key in SCORES if key != "median" or len(data["tasks"]) > 1]
    titles = {**SCORES, "optimality_gap": f"Optimality gap from {data['gamma']:g} (less is better)"}
    cards = [
        figure(titles[key], span_chart(rows([each[key] for each in data["final"]["aggregates"]]), titles[key]))
        for key in shown
    ]
    area = rows([each["iqm"] for each in data["area"]["aggregates"]])
    cards.append(figure("Area under the curve, IQM", span_chart(area, "area under the curve")))
    if len(data["tasks"]) > 1:
        for task, entries in zip(data["tasks"], data["final"]["tasks"], strict=True):
            cards.append(figure(f"IQM on {escape(task)}", span_chart(rows(entries), f"IQM on {task}")))
    note = "Dots are the estimates, lines 95% bootstrap intervals over the runs."
    return section("Scores", note, grid(cards))


def against(data: Data) -> str:
    """P(improvement) and the difference of every method against the baseline, and P for all pairs."""
    found = data["final"]["comparisons"]
    baseline = escape(data["baseline"])
    charts = []
    for key, title, mark in (
        ("improvement", f"P(a run beats one of {baseline})", 0.5),
        ("difference", f"IQM minus that of {baseline}", 0.0),
    ):
        rows = [
            Span(pair["ours"], pair[key]["value"], low, high, style(data, pair["ours"]))
            for pair in found
            for low, high in [pair[key]["interval"]]
        ]
        ticks = [(x, f"{x:g}") for x in (0.0, 0.25, 0.5, 0.75, 1.0)] if key == "improvement" else None
        charts.append(figure(title, span_chart(rows, title, ticks, mark=mark)))
    note = (
        "The intervals that the verdict goes by: 95% for all comparisons at once, and wide enough for few seeds. One that "
        "crosses the dashed line does not tell the two apart."
    )
    several = len(data["compared"]["methods"]) > 2
    return section(f"Against {baseline}", note, grid(charts) + (matrix(data) if several else ""))


def matrix(data: Data) -> str:
    """P(row beats column) for all pairs."""
    names = data["compared"]["methods"]
    known = {(pair["ours"], pair["theirs"]): pair["improvement"] for pair in data["pairs"]}

    def cell(ours: str, theirs: str) -> str:
        if ours == theirs:
            return ""
        if (ours, theirs) in known:
            value, (low, high) = known[ours, theirs]["value"], known[ours, theirs]["interval"]
        else:
            value, (low, high) = 1 - known[theirs, ours]["value"], known[theirs, ours]["interval"]
            low, high = 1 - high, 1 - low
        return f"<b>{value:.2f}</b> <small>[{low:.2f}, {high:.2f}]</small>"

    head = element("tr", "".join(element("th", escape(name)) for name in ["row beats column", *names]))
    rows = [
        element("tr", element("th", escape(ours)) + "".join(element("td", cell(ours, theirs)) for theirs in names))
        for ours in names
    ]
    table = element("table", element("thead", head) + element("tbody", "".join(rows)))
    note = element(
        "p", f"P(improvement) of all pairs, with intervals for all {len(data['pairs'])} at once.", class_="note"
    )
    return note + element("div", table, class_="wide")


def curves(data: Data) -> str:
    """Sample efficiency: the IQM with its band against steps and against sampled actions."""
    names, found = data["compared"]["methods"], data["curves"]

    def chart(bands: Sequence[Data], title: str, across: str) -> str:
        series = [
            Series(name, band["at"], band["value"], style(data, name), (band["low"], band["high"]))
            for name, band in zip(names, bands, strict=True)
        ]
        drawn = line_chart(series, f"IQM of {data['metric']}", title, WIDE, HIGH, across=across)
        return figure(escape(title), drawn) if drawn else ""

    whole = grid([chart(found["all"], "All tasks", "step")], wide=True) if "all" in found else ""
    cards = []
    for number, task in enumerate(data["tasks"]):
        where = task if len(data["tasks"]) > 1 else data["metric"]
        cards.append(chart(found["steps"][number], f"{where} over steps", "step"))
        cards.append(chart(found["actions"][number], f"{where} over sampled actions", "sampled actions"))
    note = "Interquartile mean over the runs; bands are pointwise 95% bootstrap intervals."
    return section("Sample efficiency", note, whole + grid(cards, wide=True))


def profiles(data: Data) -> str:
    """Which share of the runs, or of the tasks, gets beyond each score."""
    names, found = data["compared"]["methods"], data["profiles"]
    kinds = [("runs", "Share of runs above a score")]
    kinds += [("averages", "Share of tasks whose mean is above a score")] * (len(data["tasks"]) > 1)
    cards = []
    for kind, title in kinds:
        series = [
            Series(name, found["thresholds"], band["value"], style(data, name), (band["low"], band["high"]))
            for name, band in zip(names, found[kind], strict=True)
        ]
        cards.append(figure(title, line_chart(series, "share", title, WIDE, HIGH, across="score")))
    note = (
        "Higher is better everywhere; where two profiles cross, which method is better depends on the score asked for."
    )
    return section("Performance profiles", note, grid(cards, wide=True))


def budget(data: Data) -> str:
    """What a run cost."""
    head = "".join(element("th", text) for text in ("method", "task", "runs", "steps", "sampled actions", "seconds"))
    rows = []
    for entry in data["budget"]:
        for task, spent in zip(data["tasks"], entry["tasks"], strict=True):
            told = [f"{spent['actions']:,.0f}", f"{spent['seconds']:.1f}"] if spent["runs"] else ["-", "-"]
            texts = [entry["method"], task, spent["runs"], entry["steps"], *told]
            rows.append(element("tr", "".join(element("td", escape(text)) for text in texts)))
    table = element("table", element("thead", element("tr", head)) + element("tbody", "".join(rows)))
    return section(
        "Budget",
        "Means per run; seconds in training steps, beside the other runs.",
        element("div", table, class_="wide"),
    )


def cells(data: Data) -> str:
    """Every run, with a link to its folder."""
    head = "".join(element("th", text) for text in ("run", "state", "score", "area", "steps", "actions", "seconds"))
    rows = []
    for cell in data["cells"]:
        parts = [cell["method"]] + [cell["task"]] * (len(data["tasks"]) > 1) + [f"seed {cell['seed']}"]
        link = element("a", escape(" ".join(parts)), href=f"{quote(cell['path'])}/")
        kind = {"finished": "finished", "stopped": "stopped"}.get(cell["status"], "failed")
        state = element("span", escape(cell["status"]), class_=f"status {kind}")
        if cell["reason"]:
            state += f" {escape(cell['reason'])}"
        texts = [number(cell.get(key)) for key in ("score", "area", "steps", "actions", "seconds")]
        rows.append(element("tr", "".join(element("td", text) for text in [link, state, *texts])))
    table = element("table", element("thead", element("tr", head)) + element("tbody", "".join(rows)))
    note = "Each is a run folder, as `guerdon train --out` writes it."
    listed = element("p", escape(note), class_="note") + element("div", table, class_="wide")
    return element("details", f"<summary>All {len(data['cells'])} runs</summary>{listed}")


def definitions(data: Data) -> str:
    """What the numbers mean, and the methods as they were typed."""
    rows = [(f"{method['name']}", method["spec"]) for method in data["methods"]]
    listed = [*data["definitions"].items(), *rows]
    told = "".join(element("div", element("dt", escape(a)) + element("dd", escape(b))) for a, b in listed)
    return element("details", f"<summary>Definitions and methods</summary>{element('dl', told)}")


def style(data: Data, name: str) -> int:
    """A method looks the same in every chart."""
    return [method["name"] for method in data["methods"]].index(name)


def number(value: float | None) -> str:
    """A number for a table."""
    if value is None or not math.isfinite(value):
        return "-"
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) >= 10 else f"{value:.4g}"


def section(title: str, note: str, content: str) -> str:
    """A part of the page; ``title`` and ``content`` are HTML."""
    return element("section", element("h2", title) + element("p", escape(note), class_="note") + content)


def figure(title: str, chart: str) -> str:
    """A chart with its title, both HTML."""
    return element("figure", element("figcaption", title) + chart, class_="card")


def grid(cards: Sequence[str], wide: bool = False) -> str:
    """Charts beside each other."""
    return element("div", "".join(cards), class_="grid two" if wide else "grid")


__all__ = ["body", "write_page"]
