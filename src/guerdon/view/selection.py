"""Which rollouts a report holds, when it cannot hold all.

Idea
    Half of the room for the groups with the widest spread of reward of the first, a middle and the last stored step of
    each run, because that is where the gradient comes from; the rest for groups at even distances over all steps. Groups
    stay whole, so that they can be looked at side by side.
"""

import numpy as np

from guerdon.view.rows import Rows


def select(rows: Rows, most: int) -> np.ndarray:
    """Ascending numbers of at most ``most`` rows; all where they fit."""
    if len(rows) <= most:
        return np.arange(len(rows))
    run = rows.column("run")
    runs = np.unique(run)
    chosen = [_of_run(rows, np.flatnonzero(run == each), most // len(runs)) for each in runs]
    return np.sort(np.concatenate(chosen))


def _of_run(rows: Rows, mine: np.ndarray, most: int) -> np.ndarray:
    """At most ``most`` of the rows ``mine`` of one run."""
    step, group = rows.column("step")[mine], rows.column("group")[mine]
    by_group = np.lexsort((mine, group, step))
    mine, step, group = mine[by_group], step[by_group], group[by_group]
    first = np.flatnonzero(np.concatenate([[True], (np.diff(step) != 0) | (np.diff(group) != 0)]))
    groups = np.split(mine, first[1:])
    step_of = step[first]
    spread = np.array([_spread(rows.column("reward")[each]) for each in groups])
    stored = np.unique(step_of)
    taken: dict[int, None] = {}
    wanted = sorted({int(stored[0]), int(stored[len(stored) // 2]), int(stored[-1])})
    for at, each in enumerate(wanted, 1):
        numbers = np.flatnonzero(step_of == each)
        widest = numbers[np.argsort(-spread[numbers], kind="stable")]
        _take(taken, groups, widest, most * at // (2 * len(wanted)))
    _take(taken, groups, halvings(len(groups)), most)
    picked = [groups[number] for number in taken] or [groups[0][:most]]
    return np.concatenate(picked)


def _take(taken: dict[int, None], groups: list[np.ndarray], wanted: np.ndarray, most: int) -> None:
    """Add wanted groups while they fit into ``most`` rows."""
    room = most - sum(len(groups[number]) for number in taken)
    for number in wanted.tolist():
        if number not in taken and len(groups[number]) <= room:
            taken[number] = None
            room -= len(groups[number])


def halvings(count: int) -> np.ndarray:
    """The numbers below ``count`` in an order of which every beginning is spread evenly: 0, 1/2, 1/4, 3/4, ... of it."""
    bits = max(count - 1, 1).bit_length()
    backwards = [int(f"{number:0{bits}b}"[::-1], 2) for number in range(1 << bits)]
    return np.array([number for number in backwards if number < count], dtype=np.int64)


def _spread(reward: np.ndarray) -> float:
    reward = reward[np.isfinite(reward)]
    return float(np.ptp(reward)) if len(reward) else 0.0


__all__ = ["select"]
