"""The policy of a run, rebuilt from its folder: for evaluation, and to begin another run from."""

from pathlib import Path

from guerdon.errors import GuerdonError
from guerdon.loop import base
from guerdon.piece import Origin, Policy
from guerdon.rng import Stream
from guerdon.runs.checkpoint import latest
from guerdon.runs.folder import origin_from_json, read_facts
from guerdon.serial import from_json


def is_run(path: str | Path) -> bool:
    """Whether there is a run folder."""
    return (Path(path) / "run.json").is_file()


def load_policy(path: str | Path, wants: frozenset[str] = frozenset()) -> Policy:
    """The policy with the weights of the newest complete checkpoint, in evaluation mode.

    ``wants``: columns that it has to provide beyond those of its run; heads that its run did not have are new.

    Raises:
        GuerdonError: if there is no run or no complete checkpoint, or the weights are not those of its recipe's policy.
    """
    folder = Path(path)
    facts = read_facts(folder)
    recipe = from_json(facts["recipe"])
    if facts["origin"] is not None:
        origin = origin_from_json(facts["origin"])
    else:
        origin = Origin(recipe.policy, recipe.task, frozenset(base(name) for name in recipe.reads()))
    found = latest(folder / "checkpoints")
    if found is None:
        raise GuerdonError(f"{folder} must hold a complete checkpoint, but there is none yet")
    policy = Origin(origin.spec, origin.task, origin.wants | wants).build(Stream((facts["seed"],)).child("policy"))
    missing, unexpected = policy.load_state_dict(found[1]["policy"], strict=False)
    if unexpected or (missing and not wants - origin.wants):
        raise GuerdonError(
            f"the weights in {folder} must be those of {type(origin.spec).__name__}, but "
            f"{', '.join([*missing, *unexpected][:3])} do not fit"
        )
    return policy.eval()


__all__ = ["is_run", "load_policy"]
