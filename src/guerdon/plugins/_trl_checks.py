"""What a recipe may ask for inside TRL: refusals and warnings, before anything is loaded."""

import dataclasses
import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from guerdon.batch import Batch, Column
from guerdon.curricula.uniform import Uniform
from guerdon.errors import GuerdonError
from guerdon.objective import UNITS
from guerdon.piece import Transform
from guerdon.recipe import Recipe, check_columns, snapshot
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.sampler import Sampling
from guerdon.tasks.problem import ProblemTask
from guerdon.update import Update

PROVIDES = frozenset({"action.logprob", "action.entropy"})
"""What TRL's forward pass gives."""
SEAMS = (
    "_prepare_inputs",
    "_calculate_rewards",
    "_generate_and_score_completions",
    "_compute_loss",
    "_get_per_token_logps_and_entropies",
)
"""Methods of TRL's trainer that the plug-in goes through."""
REWARD_ARGUMENTS = ("scale_rewards", "multi_objective_aggregation")
LOSS_ARGUMENTS = (
    "beta",
    "epsilon",
    "epsilon_high",
    "delta",
    "loss_type",
    "importance_sampling_level",
    "off_policy_mask_threshold",
    "top_entropy_quantile",
    "use_bias_correction_kl",
    "entropy_coef",
    "use_adaptive_entropy",
    "sapo_temperature_pos",
    "sapo_temperature_neg",
)
"""Arguments of TRL whose work a recipe does."""


@dataclass(frozen=True)
class Given(Transform):
    """Stands for reward functions that TRL calls: their components are there when the recipe begins."""

    components: tuple[str, ...]
    """Names of the components."""

    @property
    def writes(self) -> tuple[str, ...]:
        """The components."""
        return tuple(f"traj.reward/{name}" for name in self.components)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """Nothing new."""
        return {}


def check_seams(trainer: type, version: str) -> None:
    """Refuse a TRL whose trainer does not have what the plug-in overrides.

    Raises:
        GuerdonError: naming what is missing.
    """
    missing = [name for name in SEAMS if not hasattr(trainer, name)]
    if not missing and "_buffered_inputs" not in inspect.getsource(trainer._prepare_inputs):  # pyright: ignore
        missing = ["_buffered_inputs"]
    if missing:
        raise GuerdonError(
            f"this plug-in needs a TRL whose GRPOTrainer has {', '.join(missing)}, got {version}; "
            "docs/trl.md names the tested versions"
        )


def check_recipe(recipe: Recipe, args: Any, loss: str, functions: bool) -> None:
    """Refuse pieces that have no place inside TRL.

    Raises:
        GuerdonError: naming the piece.
    """
    if loss not in ("recipe", "trl"):
        raise GuerdonError(f"loss must be 'recipe' or 'trl', got {loss!r}")
    if recipe.rollout is not None and (type(recipe.rollout) is not Sample or recipe.rollout.by_entropy):
        raise GuerdonError(
            f"rollout ({type(recipe.rollout).__name__}) has no place inside TRL, which samples itself; "
            "use Sample or none, and TRL's rollout_func or environment_factory for other rollouts"
        )
    if type(recipe.curriculum) is not Uniform:
        raise GuerdonError(
            f"curriculum ({type(recipe.curriculum).__name__}) has no place inside TRL, whose data loader picks the "
            "problems; sort or filter the data set instead"
        )
    if "ema" in recipe.snapshots():
        raise GuerdonError("the recipe reads a moving average of the policy (ema_), which TRL does not keep")
    for number, piece in enumerate(recipe.rewards):
        if isinstance(piece, Verifier) and not functions and not isinstance(recipe.task, ProblemTask):
            raise GuerdonError(
                f"rewards.{number} (Verifier) scores by the task's own rule, and there is no task; set Recipe.task and "
                "train on dataset(task), or pass reward_funcs"
            )
    if getattr(args, "reward_weights", None) is not None:
        raise GuerdonError(
            "reward_weights must be None with a recipe, whose shaping combines the components; use WeightedSum(weights=...)"
        )
    if loss == "recipe":
        _check_steps(recipe, args)
    elif not any("advantage" in name for piece in recipe.advantage for name in piece.writes):
        raise GuerdonError("loss='trl' needs a recipe that writes an advantage; add one, or use loss='recipe'")
    elif not args.beta and any(name.startswith("action.ref_") for name in reads_before_update(recipe)):
        raise GuerdonError(
            "the recipe reads the reference model, which TRL keeps with its own loss only if beta is not 0"
        )


def _check_steps(recipe: Recipe, args: Any) -> None:
    """What the loss needs of the way TRL cuts a generation into optimizer steps."""
    accumulated, per_generation = args.gradient_accumulation_steps, args.steps_per_generation
    if per_generation % accumulated:
        raise GuerdonError(
            "steps_per_generation must be a multiple of gradient_accumulation_steps, or an optimizer step has parts of "
            f"several generations and no common normalizer, got {per_generation} and {accumulated}"
        )
    unit = recipe.objective.unit
    if UNITS.index(unit) > UNITS.index("traj") and (per_generation > 1 or args.world_size > 1):
        coarse = max((*recipe.objective.terms, *recipe.objective.weights), key=lambda part: UNITS.index(part.unit))
        raise GuerdonError(
            f"{type(coarse).__name__} needs a whole {unit} in one pass, and TRL shuffles single responses; use one "
            "process, steps_per_generation=1 and a per_device_train_batch_size that holds all of them"
        )


def check_liger(trainer: Any, args: Any, loss: str, per_token: bool) -> None:
    """Refuse Liger's fused loss where it would be wrong or would leave the recipe's loss out.

    Raises:
        GuerdonError: saying which.
    """
    asked = getattr(args, "use_liger_kernel", False) or getattr(args, "use_liger_loss", False)
    if not asked or not hasattr(trainer, "compute_liger_loss"):
        return
    if loss == "recipe":
        raise GuerdonError(
            "use_liger_kernel must be False with the recipe's loss: this TRL would compute Liger's fused loss instead; "
            "switch it off, or use loss='trl'"
        )
    if per_token:
        raise GuerdonError(
            "use_liger_kernel must be False with advantages per token: Liger's fused loss takes one per response and "
            "would mix them up between responses without an error"
        )


def per_token(recipe: Recipe) -> bool:
    """Whether some piece writes an advantage below the level of trajectories."""
    fine = ("action.advantage", "token.advantage", "step.advantage")
    return any(name in fine for slot in (recipe.credit, recipe.advantage) for piece in slot for name in piece.writes)


def check_reads(recipe: Recipe, names: Sequence[str], args: Any) -> Recipe:
    """The recipe as TRL runs it, with what TRL decides filled in; refuses columns that nothing gives.

    Raises:
        GuerdonError: naming the piece and the column.
    """
    if twice := sorted({name for name in names if list(names).count(name) > 1}):
        raise GuerdonError(f"reward functions must have different names, got {', '.join(twice)} twice; pass name=")
    inner = replace(
        recipe,
        rollout=Sample(
            max(args.generation_batch_size // args.num_generations, 1),
            args.num_generations,
            Sampling(args.max_completion_length, args.temperature, args.top_p, max(args.top_k or 0, 0)),
        ),
        rewards=(*([Given(tuple(names))] if names else []), *recipe.rewards),
        update=Update(
            lr=args.learning_rate or 1e-12,
            epochs=args.num_iterations,
            minibatches=max(args.steps_per_generation // args.gradient_accumulation_steps, 1),
        ),
        policy=None,
    )
    check_columns(inner, PROVIDES)
    if odd := [name for name in recipe.reads() if name.startswith("action.ref_") and name != "action.ref_logprob"]:
        raise GuerdonError(f"the recipe reads {odd[0]!r}; inside TRL the reference model gives log-probs only")
    if "action.behavior_logprob" in recipe.reads() and not args.use_vllm and _cuts(args):
        raise GuerdonError(
            "the recipe reads log-probs of the sampler, which TRL has only from vLLM where top_p, top_k or min_p cut the "
            "distribution; leave them open or set use_vllm"
        )
    return inner


def _cuts(args: Any) -> bool:
    return (
        args.top_p != 1.0 or (args.top_k or 0) > 0 or bool(getattr(args, "min_p", None)) or args.repetition_penalty != 1
    )


def keeps_reference(recipe: Recipe, args: Any) -> Any:
    """The arguments, with a ``beta`` that makes TRL keep a reference model where the recipe's loss reads one."""
    if "ref" not in recipe.snapshots() or args.beta:
        return args
    import copy

    args = copy.copy(args)
    args.beta = next(
        (c for term in recipe.objective.terms if isinstance(c := getattr(term, "coef", None), float)), 1e-3
    )
    return args


def warnings(recipe: Recipe, args: Any, loss: str) -> Iterator[str]:
    """Sentences about settings that cannot have an effect, or mean something else here."""
    dead = [name for name in (*REWARD_ARGUMENTS, *(LOSS_ARGUMENTS if loss == "recipe" else ())) if _set(args, name)]
    if "ref" in recipe.snapshots() and "beta" in dead:
        dead.remove("beta")
    if dead:
        yield f"{', '.join(dead)} of GRPOConfig {_have(dead)} no effect: the recipe decides that"
    if recipe.filters:
        yield (
            f"filters ({', '.join(type(piece).__name__ for piece in recipe.filters)}) only leave responses out: TRL "
            "samples no others in their place, so a step may train on few"
        )
    if loss == "trl" and per_token(recipe):
        if getattr(args, "off_policy_mask_threshold", None) is not None:
            yield "off_policy_mask_threshold looks at the sign of the advantage, so it masks tokens, not responses, here"
        if args.loss_type == "vespo":
            yield "loss_type='vespo' weighs by the sign of the advantage, so its weights differ between tokens here"
    corrects = "action.behavior_logprob" in recipe.reads()
    if loss == "recipe" and args.use_vllm and not corrects:
        yield "the recipe does not mend the difference between vLLM and the trainer; add ImportanceWeight or RejectMismatch"


def _have(names: Sequence[str]) -> str:
    return "has" if len(names) == 1 else "have"


def _set(args: Any, name: str) -> bool:
    """Whether an argument differs from its default."""
    default = {f.name: f.default for f in dataclasses.fields(args)}
    return name in default and getattr(args, name) != default[name]


def reads_before_update(recipe: Recipe) -> frozenset[str]:
    """Columns of other copies of the policy that some piece reads before, or apart from, the loss."""
    return frozenset(
        name
        for place, piece in recipe.flow()
        if not place.startswith("objective.")
        for name in piece.reads
        if snapshot(name)
    )
