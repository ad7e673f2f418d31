"""Recipes inside TRL's GRPO trainer: ``RecipeTrainer(model, recipe=..., args=GRPOConfig(...), train_dataset=...)``.

Idea
    TRL loads, samples, shuffles, accumulates, distributes and logs. The recipe says what is rewarded, what becomes of
    rewards and advantages, and which loss is minimised. See ``docs/trl.md``.
Reads
    TRL's generation: token ids, masks, log-probs, rewards of reward functions.
Deviations
    Filters leave responses out and nothing is sampled in their place. ``update``, ``rollout`` and ``curriculum`` are
    TRL's: its arguments decide (``settings`` turns a recipe's into them).
"""

import inspect
import logging
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.plugins import _trl_checks as checks
from guerdon.plugins._slots import Slots
from guerdon.plugins._trl_bridge import ROW, Bridge, per_response
from guerdon.plugins._trl_bridge import Scored as Generation
from guerdon.plugins._trl_rewards import dataset as dataset
from guerdon.plugins._trl_rewards import functions_of
from guerdon.plugins._trl_rewards import reward as reward
from guerdon.plugins._trl_rows import padded
from guerdon.recipe import Recipe
from guerdon.rewards.function import ALWAYS, Function
from guerdon.rewards.scored import Scored
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample

log = logging.getLogger(__name__)
STATES = "guerdon_states.pt"


def no_reward(completions: Sequence[Any], **given: Any) -> list[float]:
    """Stands where TRL asks for a reward function and the recipe has none that looks at single responses."""
    return [0.0] * len(completions)


class RecipeMixin:
    """Put before a GRPO trainer of TRL: ``class MyTrainer(RecipeMixin, MyGRPOTrainer)``."""

    def __init__(
        self: Any,
        *arguments: Any,
        recipe: Recipe | str,
        loss: str = "recipe",
        answer: str | None = None,
        **options: Any,
    ) -> None:
        """As TRL's trainer, with keywords, and:

        Args:
            arguments: at most the model.
            recipe: a recipe, the id of a paper, or the path of a saved recipe.
            loss: ``recipe`` minimises the recipe's objective, ``trl`` keeps TRL's loss with the recipe's advantages.
            answer: the data set's column with the reference answer; None: answer, solution or ground_truth.
            options: what TRL's trainer takes. ``reward_funcs`` become components beside the recipe's rewards.

        Raises:
            GuerdonError: if the recipe or TRL's arguments ask for what cannot work.
        """
        args = options.get("args")
        if len(arguments) > 1 or args is None:
            raise GuerdonError(
                "a RecipeTrainer needs args=GRPOConfig(...), and all arguments after the model by keyword"
            )
        if isinstance(recipe, str):
            from guerdon.specs import find_recipe

            recipe = find_recipe(recipe)
        given = options.pop("reward_funcs", None)
        functions = list(given) if isinstance(given, (list, tuple)) else [] if given is None else [given]
        checks.check_recipe(recipe, args, loss, bool(functions))
        checks.check_liger(type(self), args, loss, checks.per_token(recipe))
        told = list(checks.warnings(recipe, args, loss))
        if loss == "recipe":
            args = checks.keeps_reference(recipe, args)
        recipe, rules = _split_rewards(recipe, answer, bool(functions))
        functions += rules
        options |= {"args": args, "reward_funcs": functions or [no_reward]}
        super().__init__(*arguments, **options)
        names = ["" if name == no_reward.__name__ and not functions else name for name in self.reward_func_names]
        recipe = checks.check_reads(recipe, [name for name in names if name], args)
        told += recipe.check()
        self.recipe, self.recipe_warnings, self.recipe_loss = recipe, told, loss
        self._bridge = Bridge(self, recipe, Slots(recipe, args.seed, log.warning), names, answer)
        self._seen: Generation | None = None
        self._prompt_ids: list[list[int]] | None = None
        self._fresh = False
        self._sums: dict[str, tuple[float, int]] = {}
        self._passes = 0
        for sentence in told:
            warnings.warn(sentence, stacklevel=2)

    def _generate(self: Any, prompts: Any) -> Any:
        generated = super()._generate(prompts)  # pyright: ignore
        self._prompt_ids = generated[0]
        return generated

    def _calculate_rewards(self: Any, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any) -> Any:
        rewards = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)  # pyright: ignore
        self._seen = Generation(inputs, prompts, completions, completion_ids_list, rewards, self._prompt_ids)
        return rewards

    def _transform_advantages(self: Any, advantages: Any) -> Any:
        """TRL's own hook, in versions that have it: called before advantages are logged and cut into processes."""
        assert self._seen is not None
        ours = self._bridge.before_logs(self._seen)
        return advantages if ours is None else ours.to(advantages)

    def _generate_and_score_completions(self: Any, inputs: Any) -> dict[str, Any]:
        output = super()._generate_and_score_completions(inputs)  # pyright: ignore
        assert self._seen is not None
        scored, kept = self._bridge.generation(output, self._seen)
        output["advantages"] = self._bridge.local_advantages(kept, output)
        self._fresh = True
        if self.recipe_loss == "trl":
            self._mask_for_trl(kept, output)
        self._log_generation(scored, kept)
        self._seen = None
        return output

    def _prepare_inputs(self: Any, generation_batch: Any) -> Any:
        inputs = super()._prepare_inputs(generation_batch)  # pyright: ignore
        if self._fresh and self.model.training and self.recipe_loss == "recipe":
            self._bridge.cut(self._buffered_inputs, self.args.gradient_accumulation_steps)
        self._fresh = False
        return inputs

    def _compute_loss(self: Any, model: Any, inputs: Any) -> Any:
        if self.recipe_loss == "trl":
            return super()._compute_loss(model, inputs)  # pyright: ignore
        loss, metrics = self._bridge.loss(model, inputs)
        mode = "train" if self.model.training else "eval"
        sums = self._sums if mode == "train" else {}
        for name, (total, rows) in metrics.items():
            before = sums.get(name, (0.0, 0))
            sums[name] = (before[0] + total, before[1] + rows)
        self._passes += mode == "train"
        if mode == "eval" or self._passes % self.args.gradient_accumulation_steps == 0:
            for name, pair in sorted(sums.items()):
                total, rows = self.accelerator.reduce(torch.tensor(pair, device=loss.device)).tolist()
                self._metrics[mode][name].append(total / max(rows, 1))
            sums.clear()
        return loss

    def _mask_for_trl(self: Any, kept: Batch, output: dict[str, Any]) -> None:
        """Leave out of TRL's loss what filters and masks leave out."""
        if kept.size("traj") == len(output[ROW]) * self.accelerator.num_processes and "token.mask" not in kept:
            return
        if "tool_mask" not in inspect.getsource(inspect.unwrap(super()._compute_loss)):  # pyright: ignore
            raise GuerdonError("this TRL's loss cannot leave out tokens (tool_mask); use loss='recipe' or a newer TRL")
        masked = kept.with_columns(
            {"token.given": kept["token.mask"].float() if "token.mask" in kept else 1.0 + 0.0 * kept["token.at"]}
        )
        everything = len(output[ROW]) * self.accelerator.num_processes
        local = padded(masked, "given", everything, output["completion_ids"].shape[1])[output[ROW].cpu()]
        mask = local.to(output["completion_mask"].device).to(output["completion_mask"].dtype)
        output["tool_mask"] = mask
        if "num_items_in_batch" in output:
            output["num_items_in_batch"] = self.accelerator.gather((mask * output["completion_mask"]).sum()).sum()

    def _log_generation(self: Any, scored: Batch, kept: Batch) -> None:
        """Put guerdon's numbers where TRL has logged its own."""
        metrics = self._metrics["train" if self.model.training else "eval"]
        numbers = self._bridge.described(scored, kept)
        total = scored["traj.reward"].float() if "traj.reward" in scored else torch.zeros(0)
        known = total[total.isfinite()]
        own = {
            "reward": float(known.mean()) if len(known) else torch.nan,
            "reward_std": float(known.std()) if len(known) > 1 else torch.nan,
            "frac_reward_zero_std": 1.0 - numbers.get("signal", 0.0),
        }
        for name, value in own.items():
            metrics[name][-1:] = [value]
        for name in scored.names("traj", "reward/"):
            called, values = name.removeprefix("reward/"), scored[f"traj.{name}"].float()
            if called not in self.reward_func_names:
                known = values[values.isfinite()]
                metrics[f"rewards/{called}/mean"].append(float(known.mean()) if len(known) else torch.nan)
                metrics[f"rewards/{called}/std"].append(float(known.std()) if len(known) > 1 else torch.nan)
                self._logs["rewards"][called].extend(values.tolist())
        for name, value in numbers.items():
            if name not in own and not name.startswith("reward"):
                metrics[f"guerdon/{name}"].append(value)
        if "" in self._bridge.components:
            for kind in ("mean", "std"):
                metrics.pop(f"rewards/{no_reward.__name__}/{kind}", None)
            self._logs["rewards"].pop(no_reward.__name__, None)
        _replace_last(self._logs["advantages"], per_response(scored, kept).tolist())

    def _save_checkpoint(self: Any, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)  # pyright: ignore
        if len(self._bridge.slots.states) and self.args.should_save:
            folder = Path(self._get_output_dir(trial=trial)) / f"checkpoint-{self.state.global_step}"
            torch.save(self._bridge.slots.states.state_dict(), folder / STATES)

    def _load_optimizer_and_scheduler(self: Any, checkpoint: Any) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)  # pyright: ignore
        if checkpoint is not None and (path := Path(checkpoint) / STATES).exists():
            self._bridge.slots.states.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))


def _split_rewards(recipe: Recipe, answer: str | None, functions: bool) -> tuple[Recipe, list[Any]]:
    """The recipe without the rules that look at one response at a time, and these as reward functions for TRL."""
    from dataclasses import replace

    rules, rest = [], []
    for piece in recipe.rewards:
        if isinstance(piece, Verifier) and recipe.task is None and functions:
            continue
        single = isinstance(piece, (Scored, Verifier)) or (
            isinstance(piece, Function) and set(piece.reads) <= set(ALWAYS.values())
        )
        (rules if single else rest).append(piece)
    made = [function for piece in rules for function in functions_of(piece, answer, recipe.task)]
    return replace(recipe, rewards=tuple(rest)), made


def _replace_last(entries: Any, values: list[float]) -> None:
    """Replace the newest entries of a list or deque."""
    for _ in range(min(len(values), len(entries))):
        entries.pop()
    entries.extend(values)


def settings(recipe: Recipe) -> dict[str, Any]:
    """Arguments for ``GRPOConfig`` that sample and update as the recipe's ``rollout`` and ``update`` say.

    Raises:
        GuerdonError: if the rollout is no ``Sample``, or its responses cannot be cut evenly.
    """
    update, rollout = recipe.update, recipe.rollout
    if not isinstance(rollout, Sample):
        raise GuerdonError(f"settings needs a recipe with the rollout Sample, got {type(rollout).__name__}")
    whole = rollout.prompts * rollout.samples_per_prompt
    step = whole // update.minibatches
    micro = update.micro_batch or step
    if whole % update.minibatches or step % micro:
        raise GuerdonError(
            f"TRL cuts evenly, so {whole} responses must be a multiple of {update.minibatches} minibatches of "
            f"micro-batches of {micro}"
        )
    schedule = update.decay + ("_with_warmup" if update.warmup and update.decay == "constant" else "")
    return {
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": step // micro,
        "steps_per_generation": whole // micro,
        "num_iterations": update.epochs,
        "num_generations": rollout.samples_per_prompt,
        "max_completion_length": rollout.sampling.max_tokens,
        "temperature": rollout.sampling.temperature,
        "top_p": rollout.sampling.top_p,
        "top_k": rollout.sampling.top_k,
        "learning_rate": update.lr,
        "lr_scheduler_type": schedule,
        "warmup_steps": update.warmup,
        "weight_decay": update.weight_decay,
        "adam_beta1": update.betas[0],
        "adam_beta2": update.betas[1],
        "adam_epsilon": update.adam_eps,
        "max_grad_norm": update.max_grad_norm or 0.0,
        "bf16": update.precision == "bf16",
    }


@cache
def _trainer() -> type:
    """The trainer, when TRL is there."""
    try:
        import trl  # pyright: ignore[reportMissingImports]
        from trl import GRPOTrainer  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise GuerdonError(f"RecipeTrainer needs TRL; pip install 'guerdon[trl]' ({error})") from error
    checks.check_seams(GRPOTrainer, trl.__version__)
    return type("RecipeTrainer", (RecipeMixin, GRPOTrainer), {"__doc__": RecipeMixin.__doc__, "__module__": __name__})


def __getattr__(name: str) -> Any:
    if name == "RecipeTrainer":
        return _trainer()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
