"""The numbers every step logs, whatever the domain: rewards, components, lengths, what was unscored."""

import torch

from guerdon import segment
from guerdon.axes import is_extensive
from guerdon.batch import Batch


def describe(batch: Batch) -> dict[str, float]:
    """Means over what was scored: ``reward``, ``reward/<name>``, ``unscored``, ``length``, ``groups``, ...

    ``length`` is actions per trajectory; ``unscored`` the share of trajectories whose reward is NaN;
    ``signal`` the share of groups whose rewards are not all equal; ``return`` the undiscounted return of episodes.
    """
    length = batch.up(torch.ones(batch.size("action"), device=batch.device), segment.sum, "action", "traj")
    out = {"trajectories": float(batch.size("traj")), "groups": float(batch.size("group"))}
    if len(length):
        out["length"] = float(length.mean())
    for name in filter(is_extensive, batch.names("traj", "reward")):
        values = batch[f"traj.{name}"].float()
        scored = values.isfinite()
        if name == "reward":
            out["unscored"] = float((~scored).float().mean())
            spread = batch.up(values, segment.std, "traj", "group", where=scored)
            out["signal"] = float((spread > 0).float().mean())
        if bool(scored.any()):
            out[name] = float(values[scored].mean())
    for name in ("truncated", "terminated", "return"):
        if f"traj.{name}" in batch:
            out[name] = float(batch[f"traj.{name}"].float().mean())
    return out
