"""What to look at: sentences about stored rollouts, with the numbers, the steps, and a filter that shows the rows.

Idea
    Each check is a function of one run's columns (``Table``) and gives notices or none. None of them is a verdict:
    a component may be meant to dominate, and equal answers are what a solved task looks like.
Maths
    Dominating: with ``w`` the least-squares weights of the components in the reward of a step, the share of component
    k is ``Cov(w_k c_k, r) / Var(r)``; the shares of a sum add up to 1. Length: the correlation of length and
    reward after each group's mean is taken off both. Collapsed: the mean over groups of the reward's standard deviation.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from guerdon.view.rows import UNKNOWN, Rows

DOMINATES = 0.95
"""Share of the reward's variance from which a component dominates."""
OFTEN = 0.25
"""Share of the stored steps at which it has to."""
FITS = 0.99
"""Share of the variance that a sum of the components must explain to speak of shares."""
COLLAPSED = 0.1
"""Part of its largest value to which the spread within groups has fallen when it has collapsed."""
DRIFTS, GROWS = 0.3, 0.2
"""Correlation of length and reward, and relative change of the mean length, from which it is said."""
FEW = 20
"""Rollouts that a correlation needs."""
LEVELS = {"duplicates": (0.25, 0.5), "no_signal": (0.5, 0.9), "unscored": (0.0, 0.05), "truncated": (0.1, 0.3)}
"""Kind -> share above which a step is noted, and above which it is a warning."""

Notice = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """The columns of one run, a row per trajectory. What a run does not have is None."""

    step: np.ndarray
    group: np.ndarray
    """Number of the group, unique over steps."""
    reward: np.ndarray | None = None
    components: Mapping[str, np.ndarray] = field(default_factory=dict)
    length: np.ndarray | None = None
    duplicate: np.ndarray | None = None
    truncated: np.ndarray | None = None
    error: list[str] | None = None
    """One label per row; empty where there is none."""

    @cached_property
    def steps(self) -> list[tuple[int, np.ndarray]]:
        """Stored steps in order, each with its row numbers."""
        order = np.argsort(self.step, kind="stable")
        steps, first = np.unique(self.step[order], return_index=True)
        return list(zip(steps.tolist(), np.split(order, first[1:]), strict=True))


def notices(rows: Rows, run: int) -> list[Notice]:
    """All notices about one run, warnings first."""
    table = table_of(rows, run)
    found = [{"run": run, **notice} for check in CHECKS if len(table.step) for notice in check(table)]
    return sorted(found, key=lambda notice: notice["level"] != "warning")


def table_of(rows: Rows, run: int) -> Table:
    """The columns that the checks look at."""
    mine = rows.column("run") == run
    step, group = rows.column("step")[mine], rows.column("group")[mine]
    _, unique = np.unique(step.astype(np.int64) << 32 | group, return_inverse=True)
    mine_has = {name for part in rows.parts if part.run == run for name in part.numbers}
    take = lambda name: rows.column(name)[mine] if name in mine_has else None  # noqa: E731
    components = {name: values for name in rows.components if (values := take(f"reward/{name}")) is not None}
    truncated, codes = take("truncated"), rows.column("error")[mine]
    tokens = any(part.first_token is not None for part in rows.parts if part.run == run)
    return Table(
        step=step,
        group=unique.reshape(-1),
        reward=take("reward"),
        components=components,
        length=take("length"),
        duplicate=take("duplicate"),
        # Elsewhere an episode that reaches its time limit is the rule.
        truncated=(truncated == 1) & (truncated != UNKNOWN) if truncated is not None and tokens else None,
        error=[rows.labels[code] for code in codes.tolist()],
    )


def dominating(table: Table) -> Iterator[Notice]:
    """A component that makes up nearly all of the reward's variance."""
    found: dict[str, list[tuple[int, float, bool]]] = {}
    for step, rows in table.steps if table.reward is not None and len(table.components) > 1 else ():
        for name, share in shares(table, rows).items():
            if share >= DOMINATES:
                others = any(np.nanstd(values[rows]) > 0 for other, values in table.components.items() if other != name)
                found.setdefault(name, []).append((step, share, others))
    for name, each in found.items():
        if len(each) < OFTEN * len(table.steps):
            continue
        steps, last = [step for step, _, _ in each], each[-1]
        why = (
            "the others vary, but hardly count"
            if last[2]
            else "the others do not vary: they are reached by all, or by none"
        )
        yield {
            "kind": "dominating",
            "level": "warning" if any(others for _, _, others in each) else "note",
            "text": f"{name} makes up {_percent(last[1])} of the variance of the reward at step {last[0]}, and at least "
            f"{_percent(DOMINATES)} at {len(each)} of {_count(len(table.steps), 'stored step')}; {why}",
            "steps": steps,
        }


def shares(table: Table, rows: np.ndarray) -> dict[str, float]:
    """Component -> its share of the reward's variance; empty where the reward is no sum of them or does not vary."""
    assert table.reward is not None
    parts = np.stack([values[rows] for values in table.components.values()], 1).astype(np.float64)
    reward = table.reward[rows].astype(np.float64)
    scored = np.isfinite(reward) & np.isfinite(parts).all(1)
    reward, parts = reward[scored], parts[scored]
    if len(reward) < 2 or np.ptp(reward) == 0:
        return {}
    reward, parts = reward - reward.mean(), parts - parts.mean(0)
    # Components that do not vary get weight 0, equal ones share theirs.
    weight = np.linalg.lstsq(parts, reward, rcond=1e-6)[0]
    share = (parts * weight).T @ reward / (reward @ reward)
    return dict(zip(table.components, share.tolist(), strict=True)) if share.sum() >= FITS else {}


def collapsed(table: Table) -> Iterator[Notice]:
    """Rewards within groups that have become nearly equal."""
    if table.reward is None:
        return
    spread = {step: value for step, rows in table.steps if (value := spread_of(table, rows)) is not None}
    if len(spread) < 2 or (most := max(spread.values())) == 0:
        return
    peak = next(step for step, value in spread.items() if value == most)
    steps = [step for step, value in spread.items() if step > peak and value < COLLAPSED * most]
    last = max(spread)
    if last not in steps:
        return
    mean = {step: float(np.nanmean(table.reward[rows])) for step, rows in table.steps if step in (peak, last)}
    gained = mean[last] > mean[peak]
    end = "the task may be solved" if gained else "there is little left to learn from"
    yield {
        "kind": "collapsed",
        "level": "note" if gained else "warning",
        "text": f"the spread of the reward within groups fell from {most:.3g} at step {peak} to {spread[last]:.3g} at "
        f"step {last}, while the mean reward went from {mean[peak]:.3g} to {mean[last]:.3g}: {end}",
        "steps": steps,
    }


def spread_of(table: Table, rows: np.ndarray) -> float | None:
    """Mean over groups of two and more of the standard deviation of the reward; None where there is no such group."""
    assert table.reward is not None
    rows = rows[np.isfinite(table.reward[rows])]
    if len(rows) == 0:
        return None
    reward, group = table.reward[rows].astype(np.float64), _renumbered(table.group[rows])
    count = np.bincount(group)
    variance = np.bincount(group, _centered(reward, group) ** 2) / count
    return float(np.sqrt(variance[count > 1]).mean()) if (count > 1).any() else None


def drifting(table: Table) -> Iterator[Notice]:
    """Length that goes with the reward inside of groups."""
    if table.reward is None or table.length is None:
        return
    found = {step: value for step, rows in table.steps if (value := correlation(table, rows)) is not None}
    strong = {step: value for step, value in found.items() if abs(value) >= DRIFTS}
    mean = float(np.mean(list(found.values()))) if found else 0.0
    if abs(mean) < DRIFTS:
        return
    first, last = (float(table.length[table.steps[at][1]].mean()) for at in (0, -1))
    drifted = first > 0 and (last / first - 1) * np.sign(mean) >= GROWS
    yield {
        "kind": "length",
        "level": "warning" if drifted else "note",
        "text": f"{'longer' if mean > 0 else 'shorter'} responses earn more: inside of groups length and reward "
        f"correlate by {mean:+.2f} on average ({len(strong)} of {_count(len(found), 'step')} by {DRIFTS} or more), and "
        f"the mean length went from {first:.3g} to {last:.3g}",
        "steps": [step for step, value in strong.items() if value * mean > 0],
    }


def correlation(table: Table, rows: np.ndarray) -> float | None:
    """Correlation of length and reward after each group's means are taken off; None where nothing varies."""
    assert table.reward is not None and table.length is not None
    rows = rows[np.isfinite(table.reward[rows])]
    if len(rows) < FEW:
        return None
    group = _renumbered(table.group[rows])
    reward = _centered(table.reward[rows].astype(np.float64), group)
    length = _centered(table.length[rows].astype(np.float64), group)
    size = float((reward @ reward) * (length @ length))
    return float(reward @ length / np.sqrt(size)) if size > 1e-18 else None


def duplicates(table: Table) -> Iterator[Notice]:
    """Responses that equal another of their group."""
    if table.duplicate is not None:
        yield from _share(
            table, "duplicates", table.duplicate > 0, "{} of the responses equal another of their group", [1, None]
        )


def no_signal(table: Table) -> Iterator[Notice]:
    """Groups in which all rewards are equal."""
    if table.reward is None:
        return
    values = table.reward.astype(np.float64)
    size, groups = np.bincount(table.group), int(table.group.max()) + 1
    low, high = np.full(groups, np.inf), np.full(groups, -np.inf)
    scored = np.isfinite(values)
    np.minimum.at(low, table.group[scored], values[scored])
    np.maximum.at(high, table.group[scored], values[scored])
    several = (size > 1)[table.group]
    flat = (high <= low)[table.group] & several
    # Every row counts as its group's share, so that the mean over rows is one over groups.
    weight = np.where(several, 1 / size[table.group], 0.0)
    yield from _share(table, "no_signal", flat, "{} of the groups have no two different rewards", [0, 0], weight)


def unscored(table: Table) -> Iterator[Notice]:
    """Rollouts without a reward, and what the commonest errors were."""
    if table.reward is None:
        return
    missing = np.isnan(table.reward)
    most = f", most often: {reasons}" if (reasons := _commonest(table.error, missing)) else ""
    yield from _share(table, "unscored", missing, "{} of the rollouts could not be scored", [1, 1], end=most)


def errors(table: Table) -> Iterator[Notice]:
    """Rollouts that have a reward although a component failed."""
    if table.reward is None or table.error is None:
        return
    failed = np.array([bool(text) for text in table.error]) & ~np.isnan(table.reward)
    if failed.any():
        yield {
            "kind": "error",
            "level": "note",
            "text": f"{_count(int(failed.sum()), 'rollout')} of {len(failed)} have a reward although an error was "
            f"noted, most often: {_commonest(table.error, failed)}",
            "steps": sorted(set(table.step[failed].tolist())),
        }


def truncation(table: Table) -> Iterator[Notice]:
    """Responses that the budget cut off."""
    if table.truncated is not None:
        yield from _share(table, "truncated", table.truncated, "{} of the responses were cut off", [1, 1])


CHECKS: tuple[Callable[[Table], Iterator[Notice]], ...] = (
    unscored,
    collapsed,
    dominating,
    drifting,
    no_signal,
    duplicates,
    truncation,
    errors,
)
COLUMN = {"duplicates": "duplicate", "no_signal": "signal", "unscored": "unscored", "truncated": "truncated"}
"""Kind -> the column that its filter is about."""


def _share(
    table: Table,
    kind: str,
    holds: np.ndarray,
    sentence: str,
    wanted: list[int | None],
    weight: np.ndarray | None = None,
    end: str = "",
) -> Iterator[Notice]:
    """A notice if the share of rows where ``holds`` is too large at some step."""
    weight = np.ones(len(holds)) if weight is None else weight
    by_step = {
        step: float(weight[rows][holds[rows]].sum() / total)
        for step, rows in table.steps
        if (total := weight[rows].sum()) > 0
    }
    note, warn = LEVELS[kind]
    high = {step: share for step, share in by_step.items() if share > note}
    if not high:
        return
    worst = max(high, key=lambda step: high[step])
    last = max(by_step)
    then = f" ({_percent(by_step[last])} at step {last})" if last != worst else ""
    yield {
        "kind": kind,
        "level": "warning" if high[worst] > warn else "note",
        "text": f"{sentence.format(_percent(high[worst]))} at step {worst}{then}{end}",
        "steps": list(high),
        "filter": {COLUMN[kind]: wanted},
    }


def _commonest(labels: list[str] | None, rows: np.ndarray, number: int = 3) -> str:
    """``TimeoutError (300), ValueError (12)`` of the labels at some rows."""
    if labels is None:
        return ""
    count: dict[str, int] = {}
    for row in np.flatnonzero(rows).tolist():
        if labels[row]:
            count[labels[row]] = count.get(labels[row], 0) + 1
    most = sorted(count, key=lambda text: (-count[text], text))[:number]
    return ", ".join(f"{text} ({count[text]})" for text in most)


def _renumbered(group: np.ndarray) -> np.ndarray:
    return np.unique(group, return_inverse=True)[1].reshape(-1)


def _centered(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """``values`` less their group's mean; exactly 0 where a group's values are equal."""
    first = values[np.unique(group, return_index=True)[1]][group]
    values = values - first
    return values - (np.bincount(group, values) / np.bincount(group))[group]


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%" if share < 0.1 else f"{100 * share:.0f}%"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' * (number != 1)}"


__all__ = ["Table", "notices"]
