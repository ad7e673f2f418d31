"""THE MAP: a recipe is one frozen dataclass whose fields are the slots of the data flow, in order.

``check()`` proves, before any model is loaded, that every column a piece reads is written upstream, and
warns about settings that cannot have an effect. ``save`` and ``load`` are strict JSON.
"""

import json
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

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
from guerdon.serial import check_fields, from_json, to_json
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.update import Update

RUN_FACTS = ("run.step", "run.progress", "run.task", "run.seed")
FLOW = ("task", "policy", "rollout", "rewards", "shaping", "curriculum", "filters", "credit", "advantage")
"""The slots before the objective, in the order in which columns are read: a curriculum observes shaped rewards."""
LOSS_TIME = ("objective.surrogate", "objective.weights", "objective.regularizers")
"""Places that are called inside the update, where the policy's own columns exist."""


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

    def __post_init__(self) -> None:
        check_fields(self)
        if self.max_refills < 1:
            raise GuerdonError(f"Recipe.max_refills must be at least 1, got {self.max_refills}")

    def flow(self) -> Iterator[tuple[str, Piece]]:
        """(place, piece) in the order of the data flow, ``advantage.0`` and so on."""
        for slot in FLOW:
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
        written = frozenset(name for _, piece in self.flow() for name in piece.writes)
        return frozenset(parts[0] for name in self.reads() - written if (parts := snapshot(name)))

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


def check_columns(recipe: Recipe, provides: frozenset[str] | None = None) -> None:
    """Walk the data flow and refuse the first read that nothing upstream can satisfy.

    ``provides``: columns of the built policy; None takes what ``recipe.policy`` declares. Without a rollout the
    first columns are open, so nothing can be called missing.

    Raises:
        GuerdonError: naming the place, the piece, the column and what would write it.
    """
    if recipe.rollout is None:
        return
    flow = list(recipe.flow())
    finest = "token" if any(name.startswith("token.") for name in recipe.rollout.writes) else "step"
    provides = getattr(recipe.policy, "provides", None) if provides is None else provides
    known = Columns(finest, RUN_FACTS)
    for number, (place, piece) in enumerate(flow):
        for name in piece.reads:
            parts = snapshot(name)
            own = parts[1] if parts else name if place.startswith(LOSS_TIME) else None
            if not known.satisfy(name) and (own is None or not _gives(provides, own, finest)):
                raise GuerdonError(_missing(place, piece, name, known, provides, flow[number + 1 :]))
        known = Columns(finest, (*known.names, *piece.writes))


@dataclass(frozen=True)
class Columns:
    """Names of columns, of which some may be patterns, in a domain whose finest level is known."""

    finest: str
    names: Collection[str]

    def satisfy(self, name: str) -> bool:
        """Whether a read finds its column: at its level or, if it may be spread, at a coarser one."""
        level, column = split_name(name)
        if level == RUN:
            return name in self.names
        level = self.finest if level == ACTION else level
        if LEVELS.index(level) < LEVELS.index(self.finest):
            return False
        coarser = () if is_extensive(column) else LEVELS[LEVELS.index(level) + 1 :]
        return any(_fits(f"{at}.{column}", self._named(written)) for at in (level, *coarser) for written in self.names)

    def at(self, level: str) -> list[str]:
        """Sorted names of a level."""
        wanted = f"{self.finest if level == ACTION else level}."
        return sorted({name for written in self.names if (name := self._named(written)).startswith(wanted)})

    def _named(self, name: str) -> str:
        return f"{self.finest}.{name.partition('.')[2]}" if name.startswith(f"{ACTION}.") else name


def _fits(read: str, written: str) -> bool:
    """Whether a written name is what a read asks for; ``*`` at the end of either stands for any rest."""
    if read.endswith("*"):
        return written.startswith(read[:-1])
    return read.startswith(written[:-1]) if written.endswith("*") else read == written


def _gives(provides: frozenset[str] | None, name: str, finest: str) -> bool:
    """Whether the policy computes a column. One that is still open may give all that no piece of guerdon writes."""
    return not _makers(name, finest) if provides is None else name in provides


def _makers(name: str, finest: str) -> list[str]:
    """Names of the catalogue's pieces that write a column in such a domain."""
    from guerdon.catalogue import pieces, written_by

    made = ((cls.__name__, written_by(cls)) for cls in pieces().values() if not issubclass(cls, Rollout))
    return sorted(maker for maker, writes in made if Columns(finest, writes).satisfy(name))


def _missing(
    place: str,
    piece: Piece,
    name: str,
    known: Columns,
    provides: frozenset[str] | None,
    later: Sequence[tuple[str, Piece]],
) -> str:
    level, column = split_name(name)
    makers = _makers(name, known.finest)
    fix = f"pieces that write it: {', '.join(makers)}" if makers else "no piece of the catalogue writes it"
    too_late = [f"{at} ({type(p).__name__})" for at, p in later if Columns(known.finest, p.writes).satisfy(name)]
    coarser = [f"{at}.{column}" for at in LEVELS if Columns("token", known.names).satisfy(f"{at}.{column}")]
    parts = snapshot(name)
    own = parts[1] if parts else name
    if too_late:
        fix = f"{too_late[0]} writes it, but later: move it before {place}"
    elif name in (provides or ()):
        fix = f"the policy gives it inside the update only: read {level}.old_{column} here"
    elif parts or Columns(known.finest, provides or ()).satisfy(name):
        fix = f"the policy does not give {own}: it gives {', '.join(sorted(provides or ())) or 'nothing'}"
    elif is_extensive(column) and coarser:
        fix = f"{coarser[0]} is a sum and is not spread, so a credit piece has to place it; {fix}"
    return (
        f"{place} ({type(piece).__name__}) reads {name!r}, which nothing upstream writes; {fix}. "
        f"Written so far at level {level}: {', '.join(known.at(level)) or 'nothing'}"
    )


def with_run_choices(
    recipe: Recipe, task: TaskSpec | None, policy: PolicySpec | None, *, built: bool = False
) -> Recipe:
    """The recipe with a task and a policy filled in; ``built``: the policy itself is there, so no spec is needed.

    Raises:
        GuerdonError: if one of them is given neither here nor in the recipe.
    """
    task, policy = task or recipe.task, policy or recipe.policy
    for name, value in (("task", task), ("policy", policy), ("rollout", recipe.rollout)):
        if value is None and not (built and name == "policy"):
            raise GuerdonError(f"training needs a {name}; set Recipe.{name} or pass {name}=")
    return replace(recipe, task=task, policy=policy)
