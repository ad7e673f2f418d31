"""The policy of a run at any of its checkpoints: for evaluation, for looking at, and to begin another run from."""

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


def at_step(text: str) -> tuple[str, int | None]:
    """``runs/a@50`` -> ``("runs/a", 50)``; without a step, or where that is itself a path, None: the newest.

    Raises:
        GuerdonError: if what follows the last @ behind a run folder is no step.
    """
    path, at, step = text.rpartition("@")
    if not at or Path(text).exists() or not is_run(path):
        return text, None
    if not step.isdecimal():
        raise GuerdonError(f"a checkpoint must be named by its step, such as {path}@50, got {text!r}")
    return path, int(step)


def policy_steps(path: str | Path) -> list[int]:
    """Steps whose policy can be had: the kept checkpoints, and 0 where the beginning can be built again.

    Raises:
        GuerdonError: if there is no run.
    """
    stored = steps_in(Path(path) / "checkpoints")
    return sorted({*stored, *([] if read_facts(Path(path))["handed_over"] else [0])})


def load_policy(path: str | Path, wants: frozenset[str] = frozenset(), *, step: int | None = None) -> Policy:
    """The policy with the weights of a checkpoint, in evaluation mode.

    Args:
        path: the run folder.
        wants: columns that it has to provide beyond those of its run; heads that its run did not have are new.
        step: of which checkpoint; 0 is the policy that the run began from. None: the newest complete one.

    Raises:
        GuerdonError: if there is no run or no such complete checkpoint, or the weights are not those of its
            recipe's policy.
    """
    folder = Path(path)
    facts = read_facts(folder)
    recipe = from_json(facts["recipe"])
    if facts["origin"] is not None:
        origin = origin_from_json(facts["origin"])
    else:
        origin = Origin(recipe.policy, recipe.task, frozenset(base(name) for name in recipe.reads()))
    state = _state(folder, step)
    policy = Origin(origin.spec, origin.task, origin.wants | wants).build(Stream((facts["seed"],)).child("policy"))
    if state is None:
        return policy.eval()
    missing, unexpected = policy.load_state_dict(state["policy"], strict=False)
    if unexpected or (missing and not wants - origin.wants):
        raise GuerdonError(
            f"the weights in {folder} must be those of {type(origin.spec).__name__}, but "
            f"{', '.join([*missing, *unexpected][:3])} do not fit"
        )
    return policy.eval()


def _state(folder: Path, step: int | None) -> dict[str, Any] | None:
    """What a checkpoint holds; None for the beginning of a run that was built from its seed."""
    if step is None:
        if (found := latest(folder / "checkpoints")) is None:
            raise GuerdonError(f"{folder} must hold a complete checkpoint, but there is none yet")
        return found[1]
    stored, steps = steps_in(folder / "checkpoints"), policy_steps(folder)
    if step in stored:
        return load_checkpoint(stored[step])
    if step not in steps:
        have = ", ".join(map(str, steps)) or "none"
        raise GuerdonError(f"the policy of {folder} must be asked for at a kept step ({have}), got {step}")
    return None


__all__ = ["at_step", "is_run", "load_policy", "policy_steps"]
