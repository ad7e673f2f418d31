"""guerdon: reinforcement learning from the reward to the policy."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from guerdon.batch import Batch as Batch
    from guerdon.errors import GuerdonError as GuerdonError
    from guerdon.loop import train as train
    from guerdon.objective import Objective as Objective
    from guerdon.paper import Paper as Paper
    from guerdon.recipe import Recipe as Recipe
    from guerdon.update import Update as Update

__version__ = "0.1.0"

_HOME = {
    "Batch": "guerdon.batch",
    "GuerdonError": "guerdon.errors",
    "Objective": "guerdon.objective",
    "Paper": "guerdon.paper",
    "Recipe": "guerdon.recipe",
    "Update": "guerdon.update",
    "train": "guerdon.loop",
}

__all__ = ["Batch", "GuerdonError", "Objective", "Paper", "Recipe", "Update", "train"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that ``import guerdon`` costs nothing (no torch)."""
    if name not in _HOME:
        raise AttributeError(f"module 'guerdon' has no attribute {name!r}; it has {', '.join(__all__)}")
    import importlib

    return getattr(importlib.import_module(_HOME[name]), name)
