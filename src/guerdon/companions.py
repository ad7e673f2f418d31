"""What suits a task: the policy and the rollout of a recipe that leaves them open, or was written for other tasks.

Idea
    Most methods do not care what is sampled. A recipe for prompts trains on a token tree or an environment once its
    rollout is exchanged, so the command line exchanges it, and says so.
"""

from dataclasses import fields, replace
from typing import Any, NamedTuple

from guerdon.catalogue import pieces
from guerdon.piece import Piece
from guerdon.recipe import Recipe
from guerdon.tasks.problem import ProblemTask


class Companions(NamedTuple):
    """Pieces that go with a task, the default first."""

    policies: tuple[str, ...]
    rollouts: tuple[str, ...]


TREE = Companions(("Tabular",), ("SampleTree", "Stored"))
FEATURES = Companions(("Linear", "Tabular"), ("SampleTree",))
CONTROL = Companions(("MLP", "ActorCritic"), ("FixedSteps", "Episodes"))
COMPANIONS: dict[str, Companions] = {
    "TokenTree": TREE,
    "ForkSequences": TREE,
    "HackableBandit": TREE,
    "ShopSessions": TREE,
    "TransitMap": TREE,
    "PairScores": TREE,
    "TwoFactors": TREE,
    "UncertainAnswer": TREE,
    "ChainLength": FEATURES,
    "LoggedBandit": Companions(("Tabular",), ("Stored", "SampleTree")),
    "PairwiseJudging": FEATURES,
    "SharedFeatures": FEATURES,
    "TwoSkills": FEATURES,
    "GradedBandit": FEATURES,
    "Jigsaw": FEATURES,
    "TypedActions": FEATURES,
    "AnswerSpaces": FEATURES,
    "FewShot": Companions(("Linear", "Tabular"), ("SampleTree", "Stored")),
    "CategoryBandit": TREE,
    "ChainChoice": TREE,
    "SqlSlots": TREE,
    "PraisedWriting": TREE,
    "PushLine": TREE,
    "GeometryPrograms": TREE,
    "BoxWriting": TREE,
    "CipherTranslation": FEATURES,
    "CommandedMotion": TREE,
    "ActionCode": TREE,
    "NextItem": Companions(("Linear",), ("SampleTree", "BeamItems")),
    "HyperGrid": Companions(("Flow",), ("Construct",)),
    "Gym": CONTROL,
    "Lane": CONTROL,
    "Maze": CONTROL,
    "Screens": CONTROL,
    "Offline": Companions(("ActorCritic",), ("Transitions", "OnlineOffline")),
    "Points": Companions(("Denoiser",), ("Denoise", "NoisedData")),
}
"""Task -> what goes with it."""
PROBLEMS = Companions(("TinyLM",), ("Sample",))
"""The defaults of tasks made of problems, which go with every piece that is not listed for another task."""
TEXT = frozenset({"group.problem", "group.prompt", "traj.response"})
"""Columns that only rollouts of problems write."""


def completed(recipe: Recipe) -> tuple[Recipe, list[str]]:
    """The recipe made to suit its task, and sentences about what was exchanged for that.

    What it leaves open is filled in: policy, rollout, and a verifier where a reward is read and none is made. A policy
    or rollout of another family of tasks is exchanged, and rewards that score text are then left out.
    """
    family, problems, known = type(recipe.task).__name__, isinstance(recipe.task, ProblemTask), pieces()
    if not problems and family not in COMPANIONS:
        return recipe, []
    suited, notes = COMPANIONS.get(family, PROBLEMS), []
    if recipe.policy is not None and not goes_with(recipe.policy, suited.policies, problems):
        notes.append(f"{type(recipe.policy).__name__} is no policy for {family}: it is {suited.policies[0]}")
        recipe = replace(recipe, policy=None)
    recipe = replace(recipe, policy=recipe.policy or known[suited.policies[0]]())
    if recipe.rollout is None:
        recipe = replace(recipe, rollout=known[suited.rollouts[0]]())
    elif not goes_with(sampler := innermost(recipe.rollout), suited.rollouts, problems):
        notes.append(f"{type(sampler).__name__} does not sample {family}: the rollout is {suited.rollouts[0]}")
        recipe = replace(recipe, rollout=exchanged(recipe.rollout, known[suited.rollouts[0]]()))
        if not problems:
            recipe, left_out = without_text(recipe)
            notes += [f"{name} scores text, so it is left out: {family} brings its own reward" for name in left_out]
    if problems and reads_reward(recipe):
        recipe = replace(recipe, rewards=(*recipe.rewards, known["Verifier"]()))
    return recipe, notes


def goes_with(piece: Piece, listed: tuple[str, ...], problems: bool) -> bool:
    """Whether a piece is one of those listed for the task; a task of problems takes what no other task lists."""
    name = type(piece).__name__
    return not any(name in names for each in COMPANIONS.values() for names in each) if problems else name in listed


def innermost(rollout: Any) -> Any:
    """What samples in the end: a rollout that changes another's batches has that one as its field ``rollout``."""
    while (inner := getattr(rollout, "rollout", None)) is not None:
        rollout = inner
    return rollout


def exchanged(rollout: Any, sampler: Any) -> Any:
    """The rollout with another one innermost."""
    inner = getattr(rollout, "rollout", None)
    return sampler if inner is None else replace(rollout, rollout=exchanged(inner, sampler))


def without_text(recipe: Recipe) -> tuple[Recipe, list[str]]:
    """The recipe without the rewards that score text, and their names; the task's own takes the verifier's place."""
    left_out = [piece for piece in recipe.rewards if TEXT & set(piece.reads)]
    verifiers: list[Any] = [piece for piece in left_out if type(piece).__name__ == "Verifier"]
    rollout: Any = recipe.rollout
    if scoring := getattr(rollout, "rewards", ()):
        rollout = replace(rollout, rewards=tuple(piece for piece in scoring if not TEXT & set(piece.reads)))
    sampler = innermost(rollout)
    if verifiers and "reward" in {field.name for field in fields(sampler)}:
        rollout = exchanged(rollout, replace(sampler, reward=verifiers[0].name))
    kept = tuple(piece for piece in recipe.rewards if piece not in left_out)
    return replace(recipe, rollout=rollout, rewards=kept), [type(piece).__name__ for piece in left_out]


def reads_reward(recipe: Recipe) -> bool:
    """Whether a trajectory's reward is read and no piece makes a component of it."""
    written: set[Any] = {name for _, piece in recipe.flow() for name in piece.writes}
    wanted = any(name.startswith("traj.reward") for name in recipe.reads())
    return wanted and not any(name.startswith(("traj.reward/", "step.reward")) for name in written)
