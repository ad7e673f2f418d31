"""One HTML file about a run, or several overlaid: curves, evaluation, sample rollouts, recipe.

Idea
    Everything is in the file: inline SVG and CSS, no script and nothing from the network, so it opens offline and
    can be mailed. What a model wrote is untrusted: it is escaped, and the page's content security policy forbids
    scripts altogether.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from guerdon.errors import GuerdonError
from guerdon.runs import markup
from guerdon.runs.atomic import write_text
from guerdon.runs.markup import element, escape
from guerdon.runs.reading import Run, read_run
from guerdon.runs.samples import samples
from guerdon.runs.svg import Series, interval_chart, line_chart

CHARTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Reward", "reward per trajectory", ("reward",)),
    ("Reward components", "reward per trajectory", ("reward/*",)),
    ("Entropy", "nats per action", ("entropy",)),
    ("KL to the reference", "nats per action", ("kl",)),
    ("Length", "actions per trajectory", ("length",)),
    ("Shares", "share of trajectories or groups", ("signal", "unscored", "truncated")),
    ("Loss", "loss", ("loss",)),
    ("Gradient norm", "norm before clipping", ("grad_norm",)),
    ("Speed", "actions per second", ("actions_per_s",)),
    ("Time per step", "seconds", ("time/*",)),
)
"""Title, unit and metrics of the charts; metrics that none of them names get one each, folded away."""
CONSTANT = ("step", "trajectories", "groups")

SWITCH = """<fieldset class="switch"><span>Colour tokens by</span>
<label><input type="radio" name="colour" id="by-advantage" checked> advantage</label>
<label><input type="radio" name="colour" id="by-surprise"> surprise</label>
<span class="legend a"><span class="t up" style="--a:60%">above 0, underlined</span>
<span class="t down" style="--a:60%">below 0, dashed</span></span>
<span class="legend p"><span class="t" style="--p:20%">likely</span>
<span class="t" style="--p:90%">unlikely when sampled</span></span>
<span>Point at a token for its numbers.</span></fieldset>"""


def write_report(runs: str | Path | Sequence[str | Path], out: str | Path | None = None) -> Path:
    """Write the report of one run folder or several; returns its path, by default ``report.html`` in the first.

    Raises:
        GuerdonError: if a folder holds no run.
    """
    paths = [Path(runs)] if isinstance(runs, (str, Path)) else [Path(path) for path in runs]
    if not paths:
        raise GuerdonError("a report needs at least one run folder, got none")
    page = report([read_run(path) for path in paths])
    target = paths[0] / "report.html" if out is None else Path(out)
    write_text(target, page)
    return target


def report(runs: Sequence[Run]) -> str:
    """The page as text."""
    names = run_names(runs)
    sections = [
        *(header(run, name) for run, name in zip(runs, names, strict=True)),
        evaluation(runs, names),
        curves(runs, names),
        rollouts(runs, names),
        *(recipe(run, name if len(runs) > 1 else "") for run, name in zip(runs, names, strict=True)),
    ]
    return markup.page(" / ".join(names), "\n".join(part for part in sections if part))


def run_names(runs: Sequence[Run]) -> list[str]:
    """The folders' names, with as many parents as it takes to tell them apart."""
    parts = [run.path.resolve().parts for run in runs]
    for depth in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-depth:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return [f"{part[-1]} ({number})" for number, part in enumerate(parts, 1)]


def header(run: Run, name: str) -> str:
    """What was run, where, and how it ended."""
    found, done = run.facts, len(run.metrics)
    status = element("span", escape(found["status"]), class_=f"status {found['status']}")
    facts = {
        "task": brief(found["recipe"].get("task")),
        "policy": brief(found["recipe"].get("policy")),
        "steps": f"{done} of {found['steps']}",
        "seed": found["seed"],
        "started": found["started"].replace("T", " ").replace("+00:00", " UTC"),
        "commit": commit_text(found["commit"]),
        "guerdon": found["versions"].get("guerdon"),
        "torch": found["versions"].get("torch"),
        "machine": machine_text(found["machine"], found["device"]),
    }
    rows = "".join(
        element("div", element("dt", key) + element("dd", escape(value)))
        for key, value in facts.items()
        if value is not None
    )
    reason = element("p", escape(found["reason"]), class_="reason") if found["reason"] else ""
    warnings = "".join(element("p", escape(text), class_="warning") for text in found["warnings"])
    return element("header", element("h1", f"{escape(name)} {status}") + reason + warnings + element("dl", rows))


def brief(piece: Any) -> str | None:
    """``ReasoningGym(chain_sum)``: the name of a saved piece and its first plain texts."""
    if not isinstance(piece, dict):
        return None
    words = [value for key, value in piece.items() if key != "piece" and isinstance(value, str)][:1]
    sizes = [f"{key}={piece[key]}" for key in ("width", "layers") if key in piece]
    return f"{piece['piece']}({', '.join([*words, *sizes])})"


def commit_text(commit: dict[str, Any] | None) -> str | None:
    """Short hash, with a mark where files differed from it."""
    return None if commit is None else commit["hash"][:12] + (" with changes" if commit["changed"] else "")


def machine_text(machine: dict[str, Any], device: str) -> str:
    """Where it ran, in a few words."""
    what = ", ".join(machine["accelerators"]) if device.startswith("cuda") else f"{machine['cores']} cores"
    return f"{device}: {what}, {machine['system'].split(' ')[0]}"


def evaluation(runs: Sequence[Run], names: Sequence[str]) -> str:
    """Table and picture of ``eval.json``: pass@k before and after, with 95% intervals."""
    entries = [
        (f"{name}: {when}" if len(runs) > 1 else when, what)
        for run, name in zip(runs, names, strict=True)
        for when, what in read_evaluation(run.path).items()
        if isinstance(what, dict) and what.get("pass_at")
    ]
    if not entries:
        return ""
    ks = sorted({int(k) for _, what in entries for k in what["pass_at"]})
    head = "".join(element("th", text) for text in ["", *(f"pass@{k}" for k in ks), "problems", "unscored"])
    rows = []
    for when, what in entries:
        cells = [percent(what["pass_at"].get(str(k))) for k in ks]
        cells += [escape(f"{what['problems']} x {what['samples']}"), escape(what["unscored"])]
        rows.append(element("tr", element("th", escape(when)) + "".join(element("td", cell) for cell in cells)))
    table = element("table", element("thead", element("tr", head)) + element("tbody", "".join(rows)))
    charts = [
        (f"{when} pass@{k}", *(what["pass_at"][str(k)][key] for key in ("value", "low", "high")), style)
        for k in ks
        for style, (when, what) in enumerate(entries)
        if str(k) in what["pass_at"]
    ]
    chart = element("figure", interval_chart(charts, "pass@k with 95% intervals"), class_="card")
    note = element("p", "Held-out problems; 95% bootstrap intervals over problems in brackets.", class_="note")
    return element(
        "section", f"<h2>Evaluation</h2>{note}<div class='pair'><div class='wide'>{table}</div>{chart}</div>"
    )


def read_evaluation(path: Path) -> dict[str, Any]:
    """``eval.json`` of a run folder; empty if there is none.

    Raises:
        GuerdonError: if it is no JSON object.
    """
    try:
        found = json.loads((path / "eval.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise GuerdonError(f"{path / 'eval.json'} must be JSON: {error}") from None
    if not isinstance(found, dict):
        raise GuerdonError(f"{path / 'eval.json'} must be a JSON object, got {type(found).__name__}")
    return found


def percent(entry: dict[str, float] | None) -> str:
    """``41.3% [38.2, 44.5]``."""
    if entry is None:
        return "-"
    return f"<b>{100 * entry['value']:.1f}%</b> <small>[{100 * entry['low']:.1f}, {100 * entry['high']:.1f}]</small>"


def curves(runs: Sequence[Run], names: Sequence[str]) -> str:
    """A chart per group of metrics; several runs in the same charts."""
    known = sorted({key for run in runs for entry in run.metrics for key in entry})
    left, cards = [key for key in known if key not in CONSTANT], []
    for title, unit, wanted in CHARTS:
        keys = [key for key in left if any(fits(key, pattern) for pattern in wanted)]
        # One component says what the reward itself says.
        if keys and not (title == "Reward components" and len(keys) == 1):
            cards.append(card(title, unit, keys, runs, names))
        left = [key for key in left if key not in keys]
    more = "".join(card(key, "", [key], runs, names) for key in left)
    if more:
        more = element("details", f"<summary>More metrics ({len(left)})</summary><div class='grid'>{more}</div>")
    return element("section", f"<h2>Curves</h2><div class='grid'>{''.join(cards)}</div>{more}") if cards or more else ""


def fits(key: str, pattern: str) -> bool:
    """Whether a metric is meant by ``reward`` or ``reward/*``."""
    return key.startswith(pattern[:-1]) if pattern.endswith("*") else key == pattern


def card(title: str, unit: str, keys: Sequence[str], runs: Sequence[Run], names: Sequence[str]) -> str:
    """One chart with its title; empty if no run has finite values."""
    series = []
    for run, name in zip(runs, names, strict=True):
        for key in keys:
            points = [(entry["step"], entry[key]) for entry in run.metrics if key in entry]
            words = [name] * (len(runs) > 1) + [key.rpartition("/")[2]] * (len(keys) > 1)
            if any(math.isfinite(y) for _, y in points):
                xs, ys = zip(*points, strict=True)
                series.append(Series(" ".join(words) or key, xs, ys, len(series)))
    if not series:
        return ""
    return element(
        "figure", element("figcaption", escape(title)) + line_chart(series, unit, f"{title} over steps"), class_="card"
    )


def rollouts(runs: Sequence[Run], names: Sequence[str]) -> str:
    """Sample rollouts of every run, with the switch between the two colourings."""
    parts = [samples(run) for run in runs]
    if not any(parts):
        return ""
    several = len(runs) > 1
    titles = [
        element("h3", escape(name), class_="run") if several and part else ""
        for name, part in zip(names, parts, strict=True)
    ]
    return element("section", "<h2>Rollouts</h2>" + SWITCH + "".join(map("".join, zip(titles, parts, strict=True))))


def recipe(run: Run, name: str) -> str:
    """The recipe as saved, folded away."""
    text = json.dumps(run.facts["recipe"], indent=2)
    title = f"Recipe{f' of {escape(name)}' if name else ''}"
    return element("details", f"<summary>{title}</summary><pre>{escape(text)}</pre>")


__all__ = ["report", "write_report"]
