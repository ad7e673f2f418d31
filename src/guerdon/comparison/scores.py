"""What the runs of a comparison measured: a final score, the area under the curve, the curve, and what it cost.

Maths
    The curve of a run is its metric at each step; a step that does not log it counts with the value before. The final
    score is the mean over the last tenth of the steps, the area under the curve the mean over all of them.
    The curve against sampled actions is read off at the actions that had been sampled by the end of each step.
Deviations
    Where a recipe filters groups, ``reward`` is read as ``sampled_reward``, that of all groups: a filter that drops solved
    groups keeps the reward of the others low. A run that stopped itself (collapsed, diverged) keeps its last value to the
    end: leaving it out would flatter its method.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from guerdon.errors import GuerdonError
from guerdon.runs.reading import read_evaluation, read_metrics

Numbers = NDArray[np.float64]
TAIL = 0.1
"""Share of the steps that the final score is the mean of."""


@dataclass(frozen=True)
class Measured:
    """One run."""

    curve: Numbers
    """The metric at every step, ``[steps]``."""
    actions: Numbers
    """Actions sampled by the end of every step, ``[steps]``."""
    seconds: float
    """Spent in training steps."""
    made: int
    """Steps that were made; fewer than asked for where it stopped itself."""
    evaluated: float | None = None
    """pass@1 on held-out problems, where that was asked for."""

    @property
    def final(self) -> float:
        """Mean of the last tenth of the curve."""
        return float(self.curve[-max(round(TAIL * len(self.curve)), 1) :].mean())

    def final_at(self, actions: float) -> float:
        """The same where so many actions had been sampled; the final score if there were never more."""
        steps = max(int(np.searchsorted(self.actions, actions, side="right")), 1)
        if steps == len(self.curve):
            return self.final
        return float(self.curve[:steps][-max(round(TAIL * steps), 1) :].mean())

    @property
    def area(self) -> float:
        """Mean of the curve."""
        return float(self.curve.mean())


def measure(path: Path, metric: str, steps: int, evaluated: bool) -> Measured:
    """Read a run folder.

    Raises:
        GuerdonError: if the run never logged the metric, or was not evaluated.
    """
    lines = list(read_metrics(path / "metrics.jsonl"))[:steps]
    if metric == "reward" and any("sampled_reward" in line for line in lines):
        metric = "sampled_reward"
    values = np.array([line.get(metric, math.nan) for line in lines])
    if not np.isfinite(values).any():
        logged = sorted({name for line in lines for name in line} - {"step"})
        raise GuerdonError(f"{path} never logged the metric {metric!r}; it logged {', '.join(logged) or 'nothing'}")
    spent = np.array([line.get("sampled_actions", math.nan) for line in lines])
    seconds = sum(line.get("time/collect_s", 0.0) + line.get("time/update_s", 0.0) for line in lines)
    actions = np.cumsum(np.nan_to_num(spent))
    score = read_evaluation(path).get("end", {}).get("pass_at", {}).get("1", {}).get("value") if evaluated else None
    if evaluated and score is None:
        raise GuerdonError(f"{path} has no evaluation")
    missing = steps - len(lines)
    return Measured(
        np.pad(filled(values), (0, missing), mode="edge"),
        np.pad(actions, (0, missing), mode="edge"),
        float(seconds),
        len(lines),
        score,
    )


def filled(values: Numbers) -> Numbers:
    """The values with each gap filled by the value before it, at the start by the first one."""
    known = np.isfinite(values)
    before = np.maximum.accumulate(np.where(known, np.arange(len(values)), -1))
    return values[np.where(before < 0, known.argmax(), before)]


def windows(steps: int, most: int = 60) -> list[tuple[int, int]]:
    """The steps cut into at most so many windows of about equal length: (first, one after the last)."""
    count = min(steps, most)
    return [(part * steps // count, (part + 1) * steps // count) for part in range(count)]


def by_steps(runs: Sequence[Measured]) -> tuple[Numbers, Numbers]:
    """Ends of the windows in steps, and the mean of each run in each window, ``[runs, windows]``."""
    cuts = windows(len(runs[0].curve))
    means = np.array([[run.curve[first:last].mean() for first, last in cuts] for run in runs])
    return np.array([float(last) for _, last in cuts]), means


def by_actions(runs: Sequence[Measured]) -> tuple[Numbers, Numbers]:
    """The same against sampled actions, on a grid that ends where the first run had spent its budget."""
    cuts = windows(len(runs[0].curve))
    spent = [np.array([run.actions[last - 1] for _, last in cuts]) for run in runs]
    means = [np.array([run.curve[first:last].mean() for first, last in cuts]) for run in runs]
    grid = np.linspace(max(each[0] for each in spent), min(each[-1] for each in spent), len(cuts))
    if grid[-1] < grid[0]:
        grid = grid[:0]
    return grid, np.array([np.interp(grid, xs, ys) for xs, ys in zip(spent, means, strict=True)])


__all__ = ["Measured", "by_actions", "by_steps", "measure"]
