"""THE MAP: a recipe is one frozen dataclass whose fields are the slots of the data flow, in order.

``check()`` proves, before any model is loaded, that every column a piece reads is written upstream, and
warns about settings that cannot have an effect. ``save`` and ``load`` are strict JSON.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guerdon.axes import ACTION, LEVELS, RUN, is_extensive, split_name
from guerdon.curricula.uniform import Uniform
from guerdon.errors import GuerdonError
from guerdon.objective import Objective
from guerdon.piece import (
    SNAPSHOTS,
    Curriculum,
    Filter,
    Metric,
    Piece,
    PolicySpec,
    Rollout,
    TaskSpec,
    Transform,
    members,
)
from guerdon.serial import from_json, to_json
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.update import Update

RUN_FACTS = ("run.step", "run.progress", "run.task", "run.seed")
TRANSFORM_SLOTS = ("rewards", "shaping", "credit", "advantage")


@dataclass(frozen=True)
class Recipe:
    """A method, slot by slot. ``task`` and ``policy`` may be left open and given when training."""

    objective: Objective
    """(batch, advantage) -> loss."""
    task: TaskSpec | None = None
    """Prompts or environments with their verifier."""
    policy: PolicySpec | None = None
    """What acts and is trained."""
    curriculum: Curriculum = field(default_factory=Uniform)
    """Which problems come next."""
    rollout: Rollout | None = None
    """Task + policy -> batch."""
    rewards: tuple[Transform, ...] = ()
    """Batch -> named reward columns, ``traj.reward/<name>``."""
    shaping: tuple[Transform, ...] = (WeightedSum(),)
    """Reward -> reward; by default the components are added up into ``traj.reward``."""
    filters: tuple[Filter, ...] = ()
    """Which groups are worth an update; dropped ones are replaced by further rollouts."""
    max_refills: int = 8
    """Rollouts to try per step until the filters let a full batch through."""
    credit: tuple[Transform, ...] = ()
    """Coarse -> finer level."""
    advantage: tuple[Transform, ...] = ()
    """Reward -> advantage."""
    update: Update = field(default_factory=Update)
    """The optimiser step."""
    metrics: tuple[Metric, ...] = ()
    """Further numbers for the log."""

    def flow(self) -> Iterator[tuple[str, Piece]]:
        """(place, piece) in the order of the data flow, ``advantage.0`` and so on."""
        for slot in ("task", "policy", "curriculum", "rollout", "rewards", "shaping", "filters", "credit", "advantage"):
            value = getattr(self, slot)
            for number, piece in enumerate(members(value)):
                yield (f"{slot}.{number}" if isinstance(value, tuple) else slot), piece
        yield "objective.surrogate", self.objective.surrogate
        yield "objective.aggregation", self.objective.aggregation
        for name in ("weights", "regularizers"):
            for number, piece in enumerate(getattr(self.objective, name)):
                yield f"objective.{name}.{number}", piece
        for number, piece in enumerate(self.metrics):
            yield f"metrics.{number}", piece

    def reads(self) -> frozenset[str]:
        """Every column that some piece reads."""
        return frozenset(name for _, piece in self.flow() for name in piece.reads)

    def snapshots(self) -> frozenset[str]:
        """Which other copies of the policy the recipe reads: a subset of ``old``, ``ref``, ``ema``."""
        return frozenset(parts[0] for name in self.reads() if (parts := snapshot(name)))

    def check(self) -> list[str]:
        """Refuse what cannot work; return warnings about what cannot matter.

        Raises:
            GuerdonError: naming the piece, the missing column and the pieces that write it.
        """
        from guerdon.lint import warnings

        check_columns(self)
        return warnings(self)

    def save(self, path: str | Path) -> None:
        """Write as JSON, atomically."""
        path = Path(path)
        temporary = path.with_name(path.name + ".partial")
        temporary.write_text(json.dumps(to_json(self), indent=2) + "\n", encoding="utf-8")
        os.replace(temporary, path)

    @classmethod
    def load(cls, path: str | Path) -> "Recipe":
        """Read what ``save`` wrote.

        Raises:
            GuerdonError: if the file is no JSON or no recipe.
        """
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise GuerdonError(f"{path} must be a recipe saved as JSON: {error}") from None
        recipe = from_json(data)
        if not isinstance(recipe, Recipe):
            raise GuerdonError(f"{path} must hold a Recipe at the top, got {type(recipe).__name__}")
        return recipe


def snapshot(name: str) -> tuple[str, str] | None:
    """``("old", "action.logprob")`` for ``action.old_logprob``; None for other names."""
    level, column = split_name(name)
    prefix, underscore, rest = column.partition("_")
    return (prefix, f"{level}.{rest}") if underscore and prefix in SNAPSHOTS else None


def check_columns(recipe: Recipe) -> None:
    """Walk the data flow and refuse the first read that nothing upstream can satisfy."""
    known: set[str] = set(RUN_FACTS)
    # Without a rollout or a policy the columns they give are open, so nothing can be called missing.
    is_open = recipe.rollout is None
    if is_open:
        return
    provided = provided_columns(recipe)
    after_policy = False
    for place, piece in recipe.flow():
        after_policy = after_policy or place.startswith("objective")
        for name in piece.reads:
            if _known(name, known) or _from_snapshot(name, provided):
                continue
            if after_policy and (provided is None or _known(name, provided)):
                continue
            raise GuerdonError(_missing(place, piece, name, known))
        known |= set(piece.writes)


def provided_columns(recipe: Recipe) -> set[str] | None:
    """Columns the recipe's policy can compute; None while the policy is open."""
    provides = getattr(recipe.policy, "provides", None)
    return None if provides is None else set(provides)


def _from_snapshot(name: str, provided: set[str] | None) -> bool:
    parts = snapshot(name)
    return parts is not None and (provided is None or _known(parts[1], provided))


def _known(name: str, known: set[str]) -> bool:
    """Whether a read is satisfied: at its level or, for intensive columns, at a coarser one."""
    level, column = split_name(name)
    if level == RUN:
        return name in known
    finest = [LEVELS[0], LEVELS[1]] if level == ACTION else [level]
    levels = [ACTION, *LEVELS] if level == ACTION else [*finest, *([] if level in ("traj", "group") else [ACTION])]
    if level != ACTION and not is_extensive(column):
        levels += LEVELS[LEVELS.index(level) :]
    if level == ACTION and is_extensive(column):
        levels = [ACTION, *finest]
    if column.endswith("*"):
        return any(
            f"{at}.{column}" in known or any(k.startswith(f"{at}.{column[:-1]}") for k in known) for at in levels
        )
    component = f"{column.partition('/')[0]}/*" if "/" in column else None
    return any(f"{at}.{column}" in known or (component and f"{at}.{component}" in known) for at in levels)


def _missing(place: str, piece: Piece, name: str, known: set[str]) -> str:
    from guerdon.catalogue import pieces

    def writes(cls: type) -> tuple[str, ...]:
        declared = getattr(cls, "writes", ())
        return declared if isinstance(declared, tuple) else ()

    makers = sorted(cls.__name__ for cls in pieces().values() if _known(name, set(writes(cls))))
    fix = f"pieces that write it: {', '.join(makers)}" if makers else "no piece of the catalogue writes it"
    level = split_name(name)[0]
    have = sorted(column for column in known if column.startswith(f"{level}.")) or ["nothing"]
    return (
        f"{place} ({type(piece).__name__}) reads {name!r}, which nothing upstream writes; {fix}. "
        f"Written so far at level {level}: {', '.join(have)}"
    )


def with_run_choices(
    recipe: Recipe, task: TaskSpec | None, policy: PolicySpec | None, *, built: bool = False
) -> Recipe:
    """The recipe with a task and a policy filled in; ``built``: the policy itself is there, so no spec is needed.

    Raises:
        GuerdonError: if one of them is given neither here nor in the recipe.
    """
    from dataclasses import replace

    task, policy = task or recipe.task, policy or recipe.policy
    for name, value in (("task", task), ("policy", policy), ("rollout", recipe.rollout)):
        if value is None and not (built and name == "policy"):
            raise GuerdonError(f"training needs a {name}; set Recipe.{name} or pass {name}=")
    return replace(recipe, task=task, policy=policy)


States = Mapping[str, Any]
