"""What logs of other tools are made of, and which of them ``--log`` names.

Idea
    An adapter (``tensorboard_log.py``, ``wandb_log.py``) is an observer of the loop: it gets metrics under the names of
    ``metrics.jsonl``, the recipe, and now and then a few rollouts as text. The tool is imported when it is asked for.
"""

import importlib
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guerdon.catalogue import EXTRAS
from guerdon.errors import GuerdonError
from guerdon.serial import suggest, to_json

if TYPE_CHECKING:
    from guerdon.batch import Batch
    from guerdon.loop import Trainer

LONGEST = 2000
"""Characters of a prompt or a response that a log shows."""


def need(package: str, owner: str) -> Any:
    """The package.

    Raises:
        GuerdonError: if it is not installed.
    """
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError:
        raise GuerdonError(f"{owner} needs the package {package}; pip install 'guerdon[{EXTRAS[package]}]'") from None


def settings_of(trainer: "Trainer") -> dict[str, Any]:
    """What a run is: its recipe as JSON, seed, steps and device."""
    try:
        recipe = to_json(trainer.recipe)
    except GuerdonError:
        # It holds something that no file could, such as a function made on the spot.
        recipe = repr(trainer.recipe)
    return {"recipe": recipe, "seed": trainer.seed, "steps": trainer.steps, "device": str(trainer.device)}


def flat(tree: Any, name: str = "") -> dict[str, bool | int | float | str]:
    """``{"a": {"b": [1]}}`` as ``{"a.b.0": 1}``; what is empty or None is left out."""
    if isinstance(tree, dict):
        parts = [flat(value, f"{name}.{key}" if name else str(key)) for key, value in tree.items()]
    elif isinstance(tree, (list, tuple)):
        parts = [flat(value, f"{name}.{number}") for number, value in enumerate(tree)]
    else:
        return {} if tree is None else {name: tree}
    return {key: value for part in parts for key, value in part.items()}


def samples_of(batch: "Batch", count: int) -> list[dict[str, Any]]:
    """Prompt, response and reward of up to ``count`` rollouts, of as many prompts as there are; empty without texts."""
    if "traj.response" not in batch:
        return []
    group_of = batch.index("traj", "group").tolist()
    first = [row for row, group in enumerate(group_of) if row == 0 or group != group_of[row - 1]]
    chosen = sorted([*first, *(row for row in range(len(group_of)) if row not in first)][:count])
    reward = batch["traj.reward"].tolist() if "traj.reward" in batch else None
    prompts = batch["group.prompt"] if "group.prompt" in batch else None
    return [
        {
            "prompt": "" if prompts is None else str(prompts[group_of[row]])[:LONGEST],
            "response": str(batch["traj.response"][row])[:LONGEST],
            "reward": None if reward is None else reward[row],
        }
        for row in chosen
    ]


def log_of(spec: str, out: str | Path | None) -> Any:
    """The adapter that ``--log`` names: ``tensorboard``, ``tensorboard:DIR``, ``wandb`` or ``wandb:PROJECT``.

    Raises:
        GuerdonError: if there is no such adapter, its package is missing, or it does not know where to write.
    """
    from guerdon.runs.tensorboard_log import TensorBoard
    from guerdon.runs.wandb_log import WandB

    name, _, rest = spec.partition(":")
    if name == "wandb":
        return WandB(rest or None, folder=out)
    if name != "tensorboard":
        raise GuerdonError(f"--log must be tensorboard or wandb, got {spec!r}{suggest(name, ['tensorboard', 'wandb'])}")
    if not rest and out is None:
        raise GuerdonError(
            "--log tensorboard writes into the run folder; name one with --out, or --log tensorboard:DIR"
        )
    return TensorBoard(rest or Path(str(out)) / "tensorboard")


def continued(out: str | Path) -> list[str]:
    """Specs of the logs that a run folder holds, so that a resume goes on with them."""
    kept = {"tensorboard": Path(out) / "tensorboard", "wandb": Path(out) / "wandb.json"}
    return [name for name, path in kept.items() if path.exists()]


def logs_of(specs: list[str], out: str | Path | None, resumed: bool = False) -> list[Any]:
    """The adapters of all ``--log``, and on a resume those that the run had; of these, what is missing is warned about.

    Raises:
        GuerdonError: as ``log_of``, for those that are asked for.
    """
    found = [log_of(spec, out) for spec in specs]
    names = {spec.partition(":")[0] for spec in specs}
    for name in continued(out) if resumed and out is not None else []:
        if name in names:
            continue
        try:
            found.append(log_of(name, out))
        except GuerdonError as error:
            warnings.warn(f"the run goes on without its log: {error}", stacklevel=2)
    return found
