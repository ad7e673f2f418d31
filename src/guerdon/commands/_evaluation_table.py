"""Evaluations as a table for people: a row per measure, a column per policy, and what changed."""

from collections.abc import Mapping, Sequence
from typing import Any

from guerdon.commands._show import number, print_table
from guerdon.metrics.over_problems import Estimate

SOURCES = {
    "stated": "stated confidence",
    "token": "mean token probability",
    "sequence": "sequence probability",
    "vote": "share of votes",
}
WORDS = {
    "length/mean": "mean",
    "length/median": "median",
    "length/right": "mean if right",
    "length/wrong": "mean if wrong",
    "length/truncated": "truncated",
    "diversity/answer_entropy": "entropy of answers, nats",
    "diversity/distinct_2": "distinct-2 (words)",
    "diversity/self_similarity": "self-similarity",
    "diversity/unreadable": "answers not read",
}
SUPPORT = {
    "retention": "SRR, right answers kept",
    "discovery": "NDR, right answers new",
    "dynamics": "SDS, harmonic mean of both",
    "net_change": "NSCR, gained less lost",
}


def print_evaluations(labels: Sequence[str], found: Sequence[Any], changes: Sequence[Any]) -> None:
    """All tables."""
    for label, each in zip(labels, found, strict=True):
        print(_heading(label, each))
    facts = found[0].responses.facts
    print(f"right: {facts.get('gold', 'the task')} at {facts['success']:g} or more; answers: {facts['answer']}")
    print()
    # Compared policies are shown on the problems that they share.
    columns = [changes[0].base, *(change.new for change in changes)] if changes else [found[0].measures]
    header = ["", *labels, *(f"{label} - {labels[0]}" for label in labels[1:])]
    rows: list[list[str]] = []
    unit = found[0].responses.unit
    for path in dict.fromkeys(path for measures in columns for path in measures):
        if all(_as_usual(path, measures.get(path)) for measures in columns):
            continue
        cells = [_cell(path, measures.get(path)) for measures in columns]
        rows.append([_label(path, unit), *cells, *(_cell(path, change.change.get(path), True) for change in changes)])
    print_table(header, rows)
    for label, change in zip(labels[1:], changes, strict=True):
        print()
        _print_support(f"{label} against {labels[0]}", change)


def _heading(label: str, found: Any) -> str:
    facts = found.responses.facts
    how = ", ".join(
        f"{name.replace('_', ' ')} {facts[name]:g}" for name in ("temperature", "max_tokens", "seed") if name in facts
    )
    parts = [f"{label}: {found.problems} problems, {found.samples} responses each"]
    parts += [how] if how else []
    if found.unscored:
        left = f", so {found.responses.left_out} problems are left out" if found.responses.left_out else ""
        # A reason may quote what a model wrote, and a terminal obeys control characters.
        reason = "".join(sign if sign.isprintable() else "?" for sign in found.responses.reason[:100])
        why = f" (first: {reason})" if reason else ""
        parts.append(f"{found.unscored} responses unscored{why}{left}")
    elif found.responses.left_out:
        parts.append(f"{found.responses.left_out} problems with too few responses left out")
    return "; ".join(parts)


def _label(path: tuple[str, ...], unit: str) -> str:
    family, last = path[0], path[-1]
    if family == "pass_at":
        return f"pass@{last}"
    if family == "majority_at":
        return f"maj@{last}"
    if family == "best_of":
        return f"best of {last} by {path[1]}"
    if family == "calibration":
        what = {"ece": "ECE", "brier": "Brier", "auroc": "AUROC", "confidence": "mean", "share": "known"}[last]
        return f"{SOURCES[path[1]]}: {what}"
    if path[1] == "distinct_at":
        return f"different answers of {last}"
    words = WORDS["/".join(path)]
    return f"length in {unit}: {words}" if family == "length" and last != "truncated" else words


def _as_usual(path: tuple[str, ...], value: Estimate | None) -> bool:
    """Whether a number says only that nothing is amiss: every confidence known, every answer read."""
    usual = {"share": 1.0, "unreadable": 0.0}.get(path[-1])
    return usual is not None and (value is None or value.value == usual)


def _is_share(path: tuple[str, ...]) -> bool:
    return path[0] in ("pass_at", "majority_at", "best_of") or path[-1] in ("truncated", "unreadable", "share")


def _cell(path: tuple[str, ...], value: Estimate | None, signed: bool = False) -> str:
    """``41.3% [38.2, 44.5]`` for shares, else three digits behind the point."""
    if value is None:
        return "-"
    sign = "+" if signed else ""
    if _is_share(path):
        low, high = 100 * value.low, 100 * value.high
        return f"{100 * value.value:{sign}.1f}{'' if signed else '%'} [{low:.1f}, {high:.1f}]"
    digits = 1 if path[0] == "length" else 3
    return f"{value.value:{sign}.{digits}f} [{value.low:.{digits}f}, {value.high:.{digits}f}]"


def _print_support(title: str, change: Any) -> None:
    counts = change.counts
    print(
        f"{title}, {change.problems} shared problems: {counts.kept} right answers kept, {counts.gained} gained, "
        f"{counts.lost} lost (answers rarer than {number(change.detectable)} may be missed)"
    )
    ratios: Mapping[str, Estimate] = change.support
    if ratios:
        print_table(["", ""], [[SUPPORT[name], _cell(("",), value)] for name, value in ratios.items()])
