"""The numbers every step logs, whatever the domain: rewards, components, lengths, what was unscored."""

import torch

from guerdon import segment
from guerdon.axes import is_extensive
from guerdon.batch import Batch
from guerdon.rewards.reasons import counted


def describe(batch: Batch) -> dict[str, float]:
    """Means over what was scored: ``reward``, ``reward/<name>``, ``unscored``, ``length``, ``groups``, ...

    ``length`` is actions per trajectory; ``unscored`` the share of trajectories whose reward is NaN;
    ``signal`` the share of groups whose rewards are not all equal; ``return`` the undiscounted return of episodes;
    ``right_punished`` the share of right responses (outcome 1 of 0 and 1) whose advantage is negative;
    ``program/<name>`` a component of a reward program, per step;
    ``unscored/<kind>`` the number of trajectories with a component that could not be scored (see ``rewards/reasons.py``).
    """
    out = {"trajectories": float(batch.size("traj")), "groups": float(batch.size("group"))}
    if not batch.size("traj"):
        return out
    ones = torch.ones(batch.size("action"), device=batch.device)
    out["length"] = float(batch.up(ones, segment.sum, "action", "traj").mean())
    if "traj.reward" in batch:
        reward = batch["traj.reward"].float()
        scored = reward.isfinite()
        out["unscored"] = float((~scored).float().mean())
        spread = batch.up(reward, segment.std, "traj", "group", where=scored)
        out["signal"] = float((spread > 0).float().mean())
    if (punished := right_punished(batch)) is not None:
        out["right_punished"] = punished
    if "traj.reward_error" in batch:
        counts = counted(batch["traj.reward_error"])
        out.update((f"unscored/{kind}", float(count)) for kind, count in sorted(counts.items()))
    rewards = filter(is_extensive, batch.names("traj", "reward"))
    for name in (
        *rewards,
        *batch.names("traj", "program/"),
        *(name for name in ("truncated", "terminated", "return") if f"traj.{name}" in batch),
    ):
        values = batch[f"traj.{name}"].float()
        known = values[values.isfinite()]
        if len(known):
            out[name] = float(known.mean())
    return out


OUTCOMES = ("traj.reward/correct", "traj.reward/task")
"""Where an outcome is found: what verifiers and what tasks write."""


def right_punished(batch: Batch) -> float | None:
    """Share of right responses with a negative advantage; None without right ones, 0/1 outcomes or one advantage each."""
    outcome = next((batch[name] for name in OUTCOMES if name in batch), None)
    if outcome is None or "traj.advantage" not in batch:
        return None
    known = outcome[outcome.isfinite()]
    right = outcome == 1
    if not bool(right.any()) or not bool(((known == 0) | (known == 1)).all()):
        return None
    return float((batch["traj.advantage"][right] < 0).float().mean())
