"""The result of a comparison as plain data, from the runs on disk: what ``compare.json`` holds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from guerdon.comparison import scores, statistics
from guerdon.comparison.plan import Cell, Plan
from guerdon.comparison.runner import Ended
from guerdon.comparison.scores import Measured
from guerdon.comparison.statistics import Numbers
from guerdon.comparison.verdict import overall, verdict
from guerdon.errors import GuerdonError

FORMAT = 1
UNEVEN = 1.1
"""Ratio of sampled actions from which it is said that the same steps were not the same samples."""
BAND_DRAWS = 2000
"""Resamples for bands and profiles, which nothing is decided by."""

DEFINITIONS = {
    "iqm": "interquartile mean: mean of the middle half of all scores (runs x tasks)",
    "mean": "mean over tasks of the mean over runs",
    "median": "median over tasks of the mean over runs",
    "optimality_gap": "gamma - mean of min(score, gamma)",
    "improvement": "P(a run of ours beats a run of theirs), ties 1/2, averaged over tasks",
    "percentile": "95% percentile interval of a bootstrap that draws runs within each task, the same for all methods",
    "interval": "the same at 1 - 0.05 / comparisons, stretched by sqrt(n/(n-1)) t/z for few runs; that of P(improvement) "
    "is no surer than complete separation would be; the verdict goes by it",
    "profiles": "runs: share of runs above a threshold; averages: share of tasks whose mean over runs is above it",
    "area": "mean of the metric over all steps",
    "least_seeds": "seeds below which even complete separation happens by chance too often for the interval's level",
    "seeds_needed": "seeds that would show a difference of the size seen with a chance of 80%, roughly",
}


@dataclass(frozen=True)
class Reading:
    """How scores are read off the runs and compared."""

    metric: str = "reward"
    """Whose curves are drawn, and the score unless ``evaluation`` is."""
    evaluation: bool = False
    """Whether the score is pass@1 on held-out problems."""
    ranges: tuple[tuple[float, float], ...] = ()
    """Scores that become 0 and 1, one pair per task."""
    gamma: float = 1.0
    baseline: int = 0
    """Number of the method that the others are compared with."""
    draws: int = 10000

    def sentence(self, steps: int) -> str:
        """What the score is."""
        if self.evaluation:
            return "pass@1 on held-out problems after training"
        tail = max(round(scores.TAIL * steps), 1)
        span = f"the last {tail} of {steps} steps" if tail > 1 else f"the last of {steps} steps"
        what = "reward of all that was sampled" if self.metric == "reward" else self.metric
        return f"{what}, mean over {span}"

    def scaled(self, values: Numbers, task: int) -> Numbers:
        """By the task's range."""
        if not self.ranges:
            return values
        low, high = self.ranges[task]
        return (values - low) / (high - low)


def read_cells(
    plan: Plan, ended: Mapping[Cell, Ended], reading: Reading
) -> tuple[dict[Cell, Measured], dict[Cell, Ended]]:
    """What every cell measured; one that cannot be read counts as failed."""
    measured, ends = {}, dict(ended)
    for cell in plan.cells():
        if cell in ends and ends[cell].status in ("finished", "stopped"):
            try:
                measured[cell] = scores.measure(cell.path, reading.metric, plan.steps, reading.evaluation)
            except GuerdonError as error:
                ends[cell] = Ended("failed", str(error))
    return measured, ends


def compose(
    plan: Plan, measured: Mapping[Cell, Measured], ended: Mapping[Cell, Ended], reading: Reading
) -> dict[str, Any]:
    """All numbers and sentences."""
    names = [method.name for method in plan.methods]
    compared, seeds = complete(plan, measured)
    data: dict[str, Any] = {
        "format": FORMAT,
        "methods": [{"name": m.name, "spec": m.spec, "notes": list(m.notes)} for m in plan.methods],
        "tasks": list(plan.tasks),
        "seeds": list(plan.seeds),
        "steps": plan.steps,
        "score": reading.sentence(plan.steps),
        **asdict(reading),
        "baseline": names[reading.baseline],
        "definitions": DEFINITIONS,
        "compared": {"methods": [names[number] for number in compared], "seeds": seeds},
        "budget": [budget(plan, measured, number) for number in range(len(names))],
        "cells": [cell_entry(plan, cell, measured.get(cell), ended.get(cell), reading) for cell in plan.cells()],
    }
    data["notes"] = notes(plan, measured, ended, compared, seeds, data["budget"])
    if reading.baseline in compared and len(compared) > 1 and seeds:
        data |= numbers(plan, measured, compared, seeds, reading)
    else:
        data["verdict"] = {"overall": "There are too few finished runs to compare anything.", "sentences": []}
    return data


def complete(plan: Plan, measured: Mapping[Cell, Measured]) -> tuple[list[int], list[int]]:
    """Methods with at least one seed that is complete on all tasks, and the seeds that all of those have."""
    done: dict[tuple[int, int], int] = {}
    for cell in measured:
        done[cell.method, cell.seed] = done.get((cell.method, cell.seed), 0) + 1
    have = {
        number: {seed for seed in plan.seeds if done.get((number, seed)) == len(plan.tasks)}
        for number in range(len(plan.methods))
    }
    compared = [number for number, seeds in have.items() if seeds]
    common = set.intersection(*(have[number] for number in compared)) if compared else set()
    return compared, sorted(common)


def numbers(
    plan: Plan, measured: Mapping[Cell, Measured], compared: Sequence[int], seeds: Sequence[int], reading: Reading
) -> dict[str, Any]:
    """The statistics of the methods that can be compared."""
    names = [plan.methods[number].name for number in compared]
    runs = {(cell.method, cell.task, cell.seed): run for cell, run in measured.items()}
    table = [[[runs[m, t, s] for t in range(len(plan.tasks))] for s in seeds] for m in compared]

    def read(what: str) -> Numbers:
        found = [
            [[float(reading.scaled(np.array(getattr(run, what)), t)) for t, run in enumerate(row)] for row in rows]
            for rows in table
        ]
        return np.array(found)

    final, area = read("evaluated" if reading.evaluation else "final"), read("area")
    equal = equal_actions(table, len(plan.tasks))
    baseline = compared.index(reading.baseline)
    drawn = statistics.drawn_for(final, reading.draws)
    found = {key: judged(values, drawn, names, baseline, reading) for key, values in (("final", final), ("area", area))}
    if equal and not reading.evaluation:
        values = [
            [[float(reading.scaled(np.array(run.final_at(equal[t])), t)) for t, run in enumerate(row)] for row in rows]
            for rows in table
        ]
        found["equal_actions"] = {"actions": equal, **judged(np.array(values), drawn, names, baseline, reading)}
    iqm = [entry["iqm"]["value"] for entry in found["final"]["aggregates"]]
    count = len(names)
    everyone = [statistics.pair(final, drawn, a, b, count * (count - 1) // 2) for a, b in statistics.pairs(count)]
    return {
        **found,
        "pairs": [pair_entry(pair, names) for pair in everyone],
        "verdict": {
            "equal_actions": [entry["sentence"] for entry in found["equal_actions"]["comparisons"]]
            if "equal_actions" in found
            else [],
            "sentences": [entry["sentence"] for entry in found["final"]["comparisons"]],
            "overall": overall(final, drawn, names, iqm),
            "caption": caption(count, len(seeds), len(plan.tasks)),
        },
        "profiles": statistics.profiles(final, drawn[:BAND_DRAWS]),
        "curves": curves(table, plan, drawn[:BAND_DRAWS], reading),
    }


def equal_actions(table: Sequence[Sequence[Sequence[Measured]]], tasks: int) -> list[float]:
    """Per task the sampled actions that every run reached; empty where all methods sampled about the same."""
    reached, uneven = [], False
    for task in range(tasks):
        means = [float(np.mean([row[task].actions[-1] for row in rows])) for rows in table]
        uneven |= max(means) > UNEVEN * min(means)
        runs = [row[task] for rows in table for row in rows]
        # A run that stopped itself keeps its value whatever the others go on to sample.
        whole = [run for run in runs if run.made == len(run.curve)] or runs
        reached.append(min(float(run.actions[-1]) for run in whole))
    return reached if uneven else []


def caption(methods: int, seeds: int, tasks: int) -> str:
    """What the verdict's intervals are."""
    several = f" for all {methods - 1} comparisons with the baseline at once" if methods > 2 else ""
    where = f"{seeds} paired seed{'s' * (seeds != 1)}" + f" on each of {tasks} tasks" * (tasks > 1)
    return f"In brackets: 95% intervals{several}, from {where}, made wide enough for so few."


def judged(
    values: Numbers, drawn: statistics.Drawn, names: Sequence[str], baseline: int, reading: Reading
) -> dict[str, Any]:
    """Aggregates of scores ``[methods, runs, tasks]``, and every method against the baseline."""
    others = [number for number in range(len(names)) if number != baseline]
    comparisons = []
    for number in others:
        found = statistics.pair(values, drawn, number, baseline, len(others))
        said = verdict(found, names, values.shape[1])
        comparisons.append({**pair_entry(found, names), "outcome": said.outcome, "sentence": said.sentence})
    return {
        "scores": values.transpose(0, 2, 1).tolist(),
        "aggregates": [statistics.summary(one, drawn, reading.gamma) for one in values],
        "tasks": [
            [statistics.summary(one[:, [task]], drawn[:, :, [task]], reading.gamma)["iqm"] for one in values]
            for task in range(values.shape[2])
        ],
        "comparisons": comparisons,
    }


def pair_entry(found: statistics.Pair, names: Sequence[str]) -> dict[str, Any]:
    """A pair as plain data."""
    return {
        "ours": names[found.ours],
        "theirs": names[found.theirs],
        "difference": asdict(found.difference),
        "improvement": asdict(found.improvement),
        "same": found.same,
        "seeds_needed": found.needed,
        "least_seeds": found.least,
    }


def curves(
    table: Sequence[Sequence[Sequence[Measured]]], plan: Plan, drawn: statistics.Drawn, reading: Reading
) -> dict[str, Any]:
    """IQM bands against steps and against sampled actions for every task, and against steps for all tasks."""
    tasks = range(len(plan.tasks))

    def of(task: int, method: int, read: Any) -> tuple[Numbers, Numbers]:
        at, values = read([row[task] for row in table[method]])
        return at, reading.scaled(values, task)

    found: dict[str, Any] = {"steps": [], "actions": []}
    for task in tasks:
        for kind, read in (("steps", scores.by_steps), ("actions", scores.by_actions)):
            bands = []
            for method in range(len(table)):
                at, values = of(task, method, read)
                band = statistics.iqm_band(values[:, None, :], drawn[:, :, [task]])
                bands.append({"at": at.tolist(), **band})
            found[kind].append(bands)
    if len(tasks) > 1:
        found["all"] = []
        for method in range(len(table)):
            each = [of(task, method, scores.by_steps) for task in tasks]
            values = np.stack([values for _, values in each], axis=1)
            found["all"].append({"at": each[0][0].tolist(), **statistics.iqm_band(values, drawn)})
    return found


def budget(plan: Plan, measured: Mapping[Cell, Measured], method: int) -> dict[str, Any]:
    """What a run of the method cost on average, per task."""
    rows = []
    for task in range(len(plan.tasks)):
        runs = [run for cell, run in measured.items() if (cell.method, cell.task) == (method, task)]
        rows.append(
            {
                "runs": len(runs),
                "actions": float(np.mean([run.actions[-1] for run in runs])) if runs else math.nan,
                "seconds": float(np.mean([run.seconds for run in runs])) if runs else math.nan,
            }
        )
    return {"method": plan.methods[method].name, "steps": plan.steps, "tasks": rows}


def cell_entry(plan: Plan, cell: Cell, run: Measured | None, end: Ended | None, reading: Reading) -> dict[str, Any]:
    """One run."""
    entry: dict[str, Any] = {
        "method": plan.methods[cell.method].name,
        "task": plan.tasks[cell.task],
        "seed": cell.seed,
        "path": cell.path.relative_to(plan.folder).as_posix(),
        "status": end.status if end else "not run",
        "reason": end.reason if end else "",
    }
    if run is not None:
        score = run.evaluated if reading.evaluation else run.final
        assert score is not None
        entry |= {
            "score": float(reading.scaled(np.array(score), cell.task)),
            "area": float(reading.scaled(np.array(run.area), cell.task)),
            "steps": run.made,
            "actions": float(run.actions[-1]),
            "seconds": run.seconds,
        }
    return entry


def notes(
    plan: Plan,
    measured: Mapping[Cell, Measured],
    ended: Mapping[Cell, Ended],
    compared: Sequence[int],
    seeds: Sequence[int],
    budgets: Sequence[Mapping[str, Any]],
) -> list[str]:
    """What has to be known to read the numbers right."""
    found = []
    for number, method in enumerate(plan.methods):
        if number not in compared:
            found.append(f"{method.name} has no seed that finished on every task, so it is left out.")
    if left := [seed for seed in plan.seeds if seed not in seeds]:
        listed = ", ".join(map(str, left))
        found.append(f"Seed{'s' * (len(left) > 1)} {listed}: left out for all methods, because not every run finished.")
    stopped = [cell.label for cell in measured if ended[cell].status == "stopped"]
    if stopped:
        listed = ", ".join(stopped[:5] + ["and so on"] * (len(stopped) > 5))
        what = "1 run stopped itself and keeps its last value"
        if len(stopped) > 1:
            what = f"{len(stopped)} runs stopped themselves and keep their last values"
        found.append(f"{what}: {listed}.")
    for task, name in enumerate(plan.tasks):
        spent = {entry["method"]: entry["tasks"][task]["actions"] for entry in budgets}
        known = {method: value for method, value in spent.items() if value > 0}
        if known and max(known.values()) > UNEVEN * min(known.values()):
            most, least = max(known, key=lambda m: known[m]), min(known, key=lambda m: known[m])
            where = f" on {name}" if len(plan.tasks) > 1 else ""
            found.append(
                f"The same steps are not the same samples: {most} sampled {known[most] / known[least]:.1f} times the "
                f"actions of {least}{where}."
            )
    looks = [count for count in plan.looks if count != len(plan.seeds)]
    if looks:
        counts = ", ".join(map(str, [*looks, len(plan.seeds)]))
        found.append(
            f"Seeds were added after a look ({counts}): to add until something shows makes false findings likelier "
            "than the intervals say."
        )
    return found


__all__ = ["Reading", "compose", "read_cells"]
