"""The generated parts of the docs: ``make docs`` writes them, ``.ci/run`` refuses a change that forgot to.

Each function returns Markdown. Nothing here depends on the date or the machine.
"""

import argparse
import ast
import dataclasses
import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from guerdon import claims, cli
from guerdon.axes import split_name
from guerdon.catalogue import SLOTS, load_paper, paper_ids, pieces, slot_of
from guerdon.describe import brief, default_text, field_docs, field_types, first_line, type_name
from guerdon.recipe import Recipe

SOURCE = Path(cli.__file__).parent
BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("``", "`") for cell in line) + " |" for line in lines
    )


def tree() -> str:
    """Every folder and file of the package with the first sentence of its docstring."""
    lines = []
    for path in sorted(SOURCE.rglob("*.py"), key=lambda path: (path.parent.relative_to(SOURCE).parts, path.name)):
        inside = path.relative_to(SOURCE)
        if path.name == "__init__.py" and inside.parts[:-1]:
            lines.append(f"{'  ' * (len(inside.parts) - 2)}{'/'.join(inside.parts[:-1])}/  {headline(path)}")
        elif not (inside.parts[0] == "papers" and len(inside.parts) > 1):
            lines.append(f"{'  ' * (len(inside.parts) - 1)}{path.name}  {headline(path)}")
    return "```text\nsrc/guerdon/\n" + "\n".join(f"  {line}" for line in lines) + "\n```"


def headline(path: Path) -> str:
    """The first line of a file's docstring."""
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0].replace("``", "")


def slots() -> str:
    """The slots of ``Recipe``, in the order of the data flow."""
    docs, hints = field_docs(Recipe), field_types(Recipe)
    kinds = {name: type_name(hint).removeprefix("list of ").removesuffix(" or none") for name, hint in hints.items()}
    order = ["task", "policy", "curriculum", "rollout", "rewards", "shaping", "filters", "max_refills", "credit"]
    order += ["advantage", "objective", "update", "metrics"]
    assert sorted(order) == sorted(hints), "a slot of Recipe is missing here"
    return table(
        ("slot", "holds", "what it is"),
        [
            (f"`{name}`", f"{'several ' if 'list of' in type_name(hints[name]) else ''}{kinds[name]}", docs[name])
            for name in order
        ],
    )


def columns() -> str:
    """Column -> the pieces that write and read it, from what the classes declare."""
    writers: dict[str, set[str]] = {}
    readers: dict[str, set[str]] = {}
    for name, cls in pieces().items():
        for word, found in (("writes", writers), ("reads", readers)):
            for column in declared(cls, word) or ():
                found.setdefault(column, set()).add(name)
        for column in _provided(cls):
            writers.setdefault(column, set()).add(name)
    levels = ("group", "traj", "step", "token", "action", "run")
    names = sorted({*writers, *readers}, key=lambda column: (levels.index(split_name(column)[0]), column))
    return table(
        ("column", "written by", "read by"),
        [(f"`{c}`", ", ".join(sorted(writers.get(c, ()))), ", ".join(sorted(readers.get(c, ())))) for c in names],
    )


def _provided(cls: type) -> tuple[str, ...]:
    provides = getattr(cls, "provides", ())
    return tuple(sorted(provides)) if isinstance(provides, frozenset) else ()


def declared(cls: type, word: str) -> tuple[str, ...] | None:
    """What a piece reads or writes: as the class says, or as its defaults decide; None if only its fields decide."""
    value = getattr(cls, word, ())
    if isinstance(value, tuple):
        return value
    try:
        return tuple(getattr(cls(), word))
    except TypeError:
        return None


def piece_tables() -> str:
    """One table per slot: piece, what it is, its fields and their defaults, what it reads and writes."""
    parts = []
    for slot in SLOTS:
        found = sorted((cls for cls in pieces().values() if slot_of(cls) == slot), key=lambda cls: cls.__name__)
        if not found:
            continue
        doc = (importlib.import_module(f"guerdon.{slot}").__doc__ or "").partition("\n")[0]
        rows = [(f"`{cls.__name__}`", first_line(cls), _fields(cls), _flow(cls)) for cls in found]
        parts.append(f"## {slot}\n\n{doc}\n\n" + table(("piece", "what it is", "fields", "reads -> writes"), rows))
    return "\n\n".join(parts)


def _fields(cls: type) -> str:
    return ", ".join(f"`{field.name}={default_text(field)}`" for field in dataclasses.fields(cls) if field.init)


def _flow(cls: type) -> str:
    sides = [declared(cls, word) for word in ("reads", "writes")]
    if sides == [(), ()]:
        return ""
    texts = ["its fields decide" if side is None else ", ".join(f"`{name}`" for name in side) or "-" for side in sides]
    return " -> ".join(texts)


PAPER_SLOTS = ("rollout", "rewards", "shaping", "filters", "credit", "advantage")
OBJECTIVE_SLOTS = ("surrogate", "aggregation", "weights", "regularizers")


def paper_table() -> str:
    """Paper x slot: the pieces of each paper's recipe, with the fields that are not at their defaults."""
    rows = []
    for paper_id in paper_ids():
        recipe = load_paper(paper_id).recipe
        if isinstance(recipe, Recipe):
            cells = [_cell(getattr(recipe, slot)) for slot in PAPER_SLOTS]
            cells += [_cell(getattr(recipe.objective, slot)) for slot in OBJECTIVE_SLOTS]
            rows.append((f"`{paper_id}`", *cells, _cell(recipe.update)))
    if not rows:
        return "No paper with a recipe yet."
    return table(("paper", *PAPER_SLOTS, *OBJECTIVE_SLOTS, "update"), rows)


def _cell(value: Any) -> str:
    found = value if isinstance(value, tuple) else () if value is None else (value,)
    return "<br>".join(map(brief, found))


def claim_table() -> str:
    """Every claim with its tier, and what is recorded of the toy experiments."""
    results = claims.read_results()
    rows = []
    for paper_id in paper_ids():
        paper = load_paper(paper_id)
        for claim in paper.claims:
            entry = results.get(paper_id, {}).get(claims.claim_name(claim))
            rows.append((f"`{paper_id}`", paper.source, claim.tier, claim.sentence, _result(entry)))
    return table(("paper", "known by", "tier", "claim", "recorded result"), rows) if rows else "No paper yet."


def _result(entry: dict[str, Any] | None) -> str:
    if entry is None:
        return ""
    value = f"{entry['value']:.4g}" if isinstance(entry["value"], float) else str(entry["value"])
    over = f" [{entry['interval'][0]:.4g}, {entry['interval'][1]:.4g}]" if entry["interval"] else ""
    return f"{entry['verdict']}: {value}{over} ({entry['date']}, {entry['commit']})"


def counts() -> str:
    """The README's line about the catalogue."""
    found = [claim.tier for paper_id in paper_ids() for claim in load_paper(paper_id).claims]
    verdicts = [entry["verdict"] for paper in claims.read_results().values() for entry in paper.values()]
    recorded = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in sorted(set(verdicts)))
    return (
        f"{len(paper_ids())} papers, {found.count('check')} exact claims checked on every change, "
        f"{found.count('proxy')} toy experiments{f' ({recorded})' if recorded else ''}; "
        f"{sum(slot_of(cls) in SLOTS for cls in pieces().values())} pieces."
    )


def speed() -> str:
    """What the benchmarks recorded: one table per record, with its command and circumstances."""
    sys.path.insert(0, str(BENCHMARKS))
    import _measure

    parts = []
    for entry in json.loads((BENCHMARKS / "results.json").read_text(encoding="utf-8")).values():
        rows = [_measure.cells(_measure.row_of(row)) for row in entry["rows"]]
        used = ", ".join(f"{name} {version}" for name, version in entry["versions"].items())
        told = f"`{entry['command']}`, {entry['date']}, commit {entry['commit']}; {entry['machine']}; {used}."
        parts += [f"## {entry['title']}", table(_measure.HEADER, rows), *entry["notes"], told]
    return "\n\n".join(parts)


def command_help() -> str:
    """The help of every command and its actions."""
    parts = [f"```text\n$ guerdon --help\n{cli.help_text()}```"]
    for name in cli.COMMANDS:
        parser = cli.parser_of(name)
        parts.append(f"## guerdon {name}\n\n```text\n{parser.format_help()}```")
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for sub in action.choices.values():
                    parts.append(f"```text\n{sub.format_help()}```")
    return "\n\n".join(parts)
