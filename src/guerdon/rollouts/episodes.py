"""Playing an environment: many copies at once, one batched forward pass per step, fresh starts in every batch.

Idea
    Every batch begins in start states that the curriculum picked and ends with the episodes it began, so a run is a
    function of (seed, step) and nothing of an environment has to be saved. An episode that is cut, by a time limit
    or by ``horizon``, is *truncated*: it has a value left, which the rollout takes from the policy's critic.
Maths
    ``traj.return = sum_t r_t``, undiscounted, which is also the reward component ``task`` of a trajectory, so that
    methods that compare whole trajectories work here too; ``traj.bootstrap_value = V(final observation)`` where the
    trajectory is truncated, 0 where it terminated.
Reads
    The task's ``environments`` and ``start`` (tasks/environment.py); the policy's ``act`` and ``value``.
Deviations
    CleanRL carries environments over from one batch to the next and treats truncation as termination.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from guerdon import segment
from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import Pick, Rollout
from guerdon.rng import Stream
from guerdon.tasks.environment import Acting, ControlTask, Moved

PLAYED = (
    "step.observation",
    "step.action",
    "step.reward",
    "step.terminated",
    "step.next_observation",
    "step.behavior_logprob",
    "traj.length",
    "traj.return",
    "traj.reward/task",
    "traj.terminated",
    "traj.truncated",
    "traj.final_observation",
    "traj.bootstrap_value",
    "group.problem_id",
)
"""Columns of a played batch."""


@dataclass(frozen=True)
class Episodes(Rollout):
    """``starts`` x ``samples_per_start`` episodes, each to its end or to ``horizon`` steps."""

    starts: int = 8
    """Start states per batch (the groups)."""
    samples_per_start: int = 1
    """Episodes from each start state (the group size)."""
    horizon: int | None = None
    """Cut episodes after this many steps and bootstrap there; None: play to the end."""

    writes = PLAYED

    def __post_init__(self) -> None:
        if min(self.starts, self.samples_per_start, self.horizon or 1) < 1:
            raise GuerdonError(f"Episodes needs at least 1 start, sample and step, got {self}")

    def __call__(self, task: ControlTask, policy: Any, pick: Pick, stream: Stream) -> Batch:
        """One batch; the trajectories of a group begin in the same state."""
        problems = pick(self.starts)
        queues = [[number] for number in problems for _ in range(self.samples_per_start)]
        played = play(task, policy, queues, stream, horizon=self.horizon)
        return as_batch(played, policy, self.samples_per_start)


@dataclass
class Played:
    """What ``play`` recorded: one entry per moment, each over the slots that stepped then."""

    slots: list[np.ndarray] = field(default_factory=list)
    """Slot numbers."""
    episodes: list[np.ndarray] = field(default_factory=list)
    """Which episode of its slot, from 0."""
    rows: dict[str, list[Tensor]] = field(default_factory=dict)
    """Step column -> values."""
    problems: list[Sequence[int]] = field(default_factory=list)
    """Slot -> problem number of each of its episodes."""

    def record(
        self, slots: np.ndarray, episodes: np.ndarray, chosen: dict[str, Tensor], moved: Moved, is_cut: np.ndarray
    ) -> None:
        """Add one moment: what was chosen, where it led, and which slots are cut there."""
        self.slots.append(slots)
        self.episodes.append(episodes)
        led = {
            "reward": moved.reward,
            "terminated": moved.terminated,
            "truncated": (moved.truncated | is_cut) & ~moved.terminated,
            "next_observation": moved.observation,
        }
        for name, values in {**chosen, **{name: torch.from_numpy(values) for name, values in led.items()}}.items():
            self.rows.setdefault(name, []).append(values)


def play(
    task: ControlTask,
    policy: Acting,
    queues: Sequence[Sequence[int]],
    stream: Stream,
    *,
    horizon: int | None = None,
    split: str = "train",
    greedy: bool = False,
) -> Played:
    """Play one slot per queue of problem numbers, an episode per number, until its queue or its horizon ends.

    ``horizon`` is in steps per *slot*; the episode it interrupts is marked truncated.
    """
    device = device_of(policy)
    generator = stream.child("action").generator(device)
    envs, played = task.environments(len(queues)), Played(problems=list(queues))
    left = np.array([len(queue) - 1 for queue in queues])
    active, episode, taken = np.arange(len(queues)), np.zeros_like(left), np.zeros_like(left)
    seen = envs.reset(active, [task.start(split, queue[0]) for queue in queues])
    while len(active):
        observation = torch.from_numpy(seen[active])
        action, logprob = policy.act(observation.to(device), generator, greedy)
        action = action.cpu()
        moved = envs.step(active, action.numpy())
        taken[active] += 1
        is_cut = np.zeros(len(active), bool) if horizon is None else taken[active] >= horizon
        columns = {"observation": observation, "action": action, "behavior_logprob": logprob.cpu()}
        played.record(active, episode[active], columns, moved, is_cut)
        seen[active] = moved.observation
        ended, more = moved.terminated | moved.truncated, episode[active] < left[active]
        if len(again := active[ended & more & ~is_cut]):
            episode[again] += 1
            seen[again] = envs.reset(again, [task.start(split, queues[slot][episode[slot]]) for slot in again])
        active = active[~is_cut & (~ended | more)]
    envs.close()
    return played


def as_batch(played: Played, policy: Any | None, samples_per_start: int = 1) -> Batch:
    """Rows ordered by slot, episode and time; ``samples_per_start`` neighbouring episodes form a group.

    ``policy``: its ``value`` bootstraps truncated trajectories; None (a controller played) leaves 0.
    """
    slots, numbers = np.concatenate(played.slots), np.concatenate(played.episodes)
    order = np.lexsort((numbers, slots))
    episodes, traj_of_step = np.unique(np.stack([slots, numbers])[:, order], axis=1, return_inverse=True)
    index, count = torch.from_numpy(traj_of_step.reshape(-1)), episodes.shape[1]
    rows = {name: torch.cat(parts)[torch.from_numpy(order)] for name, parts in played.rows.items()}
    final, truncated, terminated = (
        segment.last(rows[name], index, count) for name in ("next_observation", "truncated", "terminated")
    )
    bootstrap = torch.zeros(count)
    if policy is not None and bool(truncated.any()):
        bootstrap[truncated] = policy.value(final[truncated].to(device_of(policy))).cpu().float()
    total = segment.sum(rows["reward"], index, count)
    problems = [played.problems[slot][number] for slot, number in episodes.T.tolist()]
    columns = {
        **{f"step.{name}": values for name, values in rows.items() if name != "truncated"},
        "traj.length": segment.count(index, count),
        "traj.return": total,
        "traj.reward/task": total,
        "traj.terminated": terminated,
        "traj.truncated": truncated,
        "traj.final_observation": final,
        "traj.bootstrap_value": bootstrap,
        "group.problem_id": torch.tensor(problems[::samples_per_start]),
    }
    return Batch.build(columns, traj_of_step=index, group_of_traj=torch.arange(count) // samples_per_start)


def device_of(policy: Any) -> torch.device:
    """Where a policy's parameters are; the CPU for a controller that has none."""
    parameters = policy.parameters() if isinstance(policy, torch.nn.Module) else iter(())
    return next((parameter.device for parameter in parameters), torch.device("cpu"))


def returns(
    task: ControlTask, policy: Acting, episodes: int, stream: Stream, *, greedy: bool = True, split: str = "test"
) -> Tensor:
    """Undiscounted returns of the first ``episodes`` start states of a split, ``[episodes]``."""
    played = play(task, policy, [[number] for number in range(episodes)], stream, split=split, greedy=greedy)
    return as_batch(played, None)["traj.return"]
