"""The policy of a run, rebuilt from its folder: for evaluation, and to begin another run from."""

from pathlib import Path
from typing import Any

from guerdon.errors import GuerdonError
from guerdon.loop import base
from guerdon.piece import Origin, Policy
from guerdon.rng import Stream
from guerdon.runs.checkpoint import latest, load_checkpoint, steps_in
from guerdon.runs.folder import origin_from_json, read_facts
from guerdon.serial import from_json


def is_run(path: str | Path) -> bool:
    """Whether there is a run folder."""
    return (Path(path) / "run.json").is_file()


def load_policy(path: str | Path, wants: frozenset[str] = frozenset(), step: int | None = None) -> Policy:
    """The policy with the weights of the newest complete checkpoint, or of that of a step, in evaluation mode.

    ``wants``: columns that it has to provide beyond those of its run; heads that its run did not have are new.

    Raises:
        GuerdonError: if there is no run or no such complete checkpoint, or the weights are not those of its recipe's
            policy.
    """
    folder = Path(path)
    facts = read_facts(folder)
    recipe = from_json(facts["recipe"])
    if facts["origin"] is not None:
        origin = origin_from_json(facts["origin"])
    else:
        origin = Origin(recipe.policy, recipe.task, frozenset(base(name) for name in recipe.reads()))
    weights = _state(folder / "checkpoints", step)["policy"]
    policy = Origin(origin.spec, origin.task, origin.wants | wants).build(Stream((facts["seed"],)).child("policy"))
    missing, unexpected = policy.load_state_dict(weights, strict=False)
    if unexpected or (missing and not wants - origin.wants):
        raise GuerdonError(
            f"the weights in {folder} must be those of {type(origin.spec).__name__}, but "
            f"{', '.join([*missing, *unexpected][:3])} do not fit"
        )
    return policy.eval()


def _state(folder: Path, step: int | None) -> dict[str, Any]:
    """The state that a checkpoint holds: that of ``step``, or the newest complete one."""
    if step is None:
        found = latest(folder)
        if found is None:
            raise GuerdonError(f"{folder.parent} must hold a complete checkpoint, but there is none yet")
        return found[1]
    there = steps_in(folder)
    if step not in there:
        have = ", ".join(map(str, there)) or "none"
        raise GuerdonError(f"the checkpoint of a policy must be one that {folder.parent} has ({have}), got {step}")
    return load_checkpoint(there[step])


__all__ = ["is_run", "load_policy"]
