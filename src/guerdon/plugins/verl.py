"""guerdon inside verl: advantages and policy losses by name, found by verl through the entry point ``verl.plugins``.

Idea
    ``algorithm.adv_estimator=guerdon/grpo`` and ``actor_rollout_ref.actor.policy_loss.loss_mode=guerdon/grpo`` run a
    paper's recipe; ``guerdon`` alone runs the one that ``algorithm.guerdon.recipe`` or the environment variable
    GUERDON_RECIPE names: a paper's id, ``id:composition``, or a file. Importing this module registers all of them.
Reads
    verl's registries. Tested with verl 0.9.1.
Deviations
    verl logs a plug-in that fails to load at a level that nobody sees; so this module says it as an error, and
    ``verify`` (``python -m guerdon.plugins.verl``) tells whether everything is in place.
"""

import argparse
import logging
import os
import sys
from collections.abc import Callable
from functools import cache, partial
from importlib.metadata import entry_points, version
from typing import Any

from torch import Tensor

from guerdon.errors import GuerdonError
from guerdon.plugins.verl_score import compute_score as compute_score
from guerdon.plugins.verl_score import scorer as scorer

PLAIN = "guerdon"
"""The name whose recipe the configuration or the environment tells."""
VARIABLE = "GUERDON_RECIPE"
TESTED = ("0.9.1",)
log = logging.getLogger("guerdon")


def names() -> list[str]:
    """Every name that verl knows guerdon's recipes by."""
    from guerdon.catalogue import paper_ids

    return [PLAIN, *(f"{PLAIN}/{paper}" for paper in paper_ids())]


def spec_of(name: str, config: Any = None) -> str:
    """What recipe a registered name means.

    Raises:
        GuerdonError: if nothing says what ``guerdon`` alone is.
    """
    if name != PLAIN:
        return name.partition("/")[2]
    chosen = ((config.get("guerdon") if config is not None else None) or {}).get("recipe") or os.environ.get(VARIABLE)
    if not chosen:
        raise GuerdonError(
            f"{PLAIN} alone needs a recipe: set +algorithm.guerdon.recipe=ID (advantages) and {VARIABLE}=ID "
            f"(advantages and loss, in every process), or use a name such as {PLAIN}/grpo"
        )
    return chosen


@cache
def advantages_of(spec: str) -> Any:
    """The recipe's advantages, one per process, so that states of pieces last."""
    from guerdon.plugins.verl_recipe import Advantages, recipe_of

    verify()
    return Advantages(recipe_of(spec))


@cache
def recipe_for_loss(spec: str) -> Any:
    """The recipe of a policy loss."""
    from guerdon.plugins.verl_recipe import recipe_of

    verify()
    return recipe_of(spec)


def estimate(
    name: str, token_level_rewards: Tensor, response_mask: Tensor, config: Any = None, index: Any = None, **others: Any
) -> tuple[Tensor, Tensor]:
    """verl's advantage estimator: ``(advantages, returns)``, each ``[rows, positions]``."""
    from guerdon.plugins import verl_estimate

    chosen = advantages_of(spec_of(name, config))
    return verl_estimate.estimate(chosen, token_level_rewards, response_mask, index, others.get("reward_baselines"))


def loss(name: str, *arguments: Any, **options: Any) -> tuple[Tensor, dict[str, Any]]:
    """verl's policy loss: ``(loss, metrics)``."""
    from verl.trainer.ppo.core_algos import agg_loss  # pyright: ignore[reportMissingImports]

    from guerdon.plugins.verl_loss import policy_loss

    return policy_loss(recipe_for_loss(spec_of(name)), agg_loss, *arguments, **options)


def register(name: str, estimator: Callable[..., Any] | None = None, policy: Callable[..., Any] | None = None) -> None:
    """Register a name in both of verl's registries; again is the same."""
    from verl.trainer.ppo import core_algos  # pyright: ignore[reportMissingImports]

    if name not in core_algos.ADV_ESTIMATOR_REGISTRY:
        core_algos.register_adv_est(name)(estimator or partial(estimate, name))
    if name not in core_algos.POLICY_LOSS_REGISTRY:
        core_algos.register_policy_loss(name)(policy or partial(loss, name))


def verify() -> str:
    """What is registered, in one sentence; call it at the start of a run.

    Raises:
        GuerdonError: saying what is missing.
    """
    try:
        from verl.trainer.ppo import core_algos  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise GuerdonError(
            f"verl must be installed to run inside it, got {error}; pip install 'guerdon[verl]'"
        ) from None
    here = {"estimator": core_algos.ADV_ESTIMATOR_REGISTRY, "policy loss": core_algos.POLICY_LOSS_REGISTRY}
    for kind, registry in here.items():
        if lost := [name for name in names() if _owner(registry.get(name)) != __name__]:
            raise GuerdonError(f"verl has no {kind} of guerdon named {lost[0]!r}; {_why()}")
    found = version("verl")
    tested = "" if found in TESTED else f" (tested with {', '.join(TESTED)})"
    return f"verl {found}{tested}: {len(names())} estimators and policy losses of guerdon are registered"


def _owner(function: Any) -> str | None:
    return getattr(getattr(function, "func", function), "__module__", None)


def _why() -> str:
    policy = os.environ.get("VERL_USE_EXTERNAL_PLUGINS", "auto")
    if policy.strip().lower() != "auto":
        return f"VERL_USE_EXTERNAL_PLUGINS={policy} keeps plug-ins out; unset it, or name guerdon in it"
    if not any(entry.name == PLAIN for entry in entry_points(group="verl.plugins")):
        return "the installed guerdon has no entry point in verl.plugins; install it again"
    return "another package has taken the name, or the plug-in failed to load; import guerdon.plugins.verl to see"


def load() -> None:
    """Register every name; what goes wrong is said loudly."""
    try:
        for name in names():
            register(name)
    except Exception as error:
        log.error("guerdon could not register with verl: %s: %s", type(error).__name__, error)
        raise


def main() -> int:
    """Print what ``verify`` says; 2 where something is missing."""
    about = (
        "Say whether verl finds guerdon's estimators and policy losses; exit code 2 and the reason where it does not."
    )
    argparse.ArgumentParser(prog="python -m guerdon.plugins.verl", description=about).parse_args()
    try:
        from guerdon.plugins.verl import verify as check  # this file runs as __main__ here

        print(check())
    except GuerdonError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
