"""Between TRL's trainer and a recipe: generations become batches, micro-batches find their part of them again.

Idea
    After TRL has sampled and scored, before it shuffles, all processes build the same batch of the whole generation and
    do the group work on it. When TRL has shuffled and cut, the rows of an optimizer step are put together again and
    ``Objective.prepare`` gives them their weights, so that the micro-batches of all processes add up to the loss of
    guerdon's own loop. A micro-batch is then the part of the prepared batch that has its rows.
"""

import copy
import hashlib
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from guerdon import segment
from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.metrics.basic import describe
from guerdon.objective import call_with_state
from guerdon.plugins._slots import Slots
from guerdon.plugins._trl_checks import reads_before_update
from guerdon.plugins._trl_rewards import response_text, sample_of
from guerdon.plugins._trl_rows import Row, pack, packed, padded
from guerdon.recipe import Recipe
from guerdon.rewards.samples import problem_of
from guerdon.tasks.problem import Problem, ProblemTask

ROW, LENGTH = "guerdon_row", "guerdon_length"
"""Keys that travel through TRL: the row's number in the generation, and the length of its completion."""
Tensors = Mapping[str, Any]


@dataclass
class Scored:
    """What TRL tells of a generation before it shuffles: the rows of this process, and all processes' rewards."""

    inputs: Any
    prompts: Any
    completions: Any
    completion_ids: Any
    rewards: Tensor
    """``[all rows, reward functions]``, NaN where unscored."""
    prompt_ids: list[list[int]] | None
    """Ids of the prompts, where this TRL tells them."""
    done: tuple[Batch, Batch] | None = None
    """The group work, when it is done."""


class Bridge:
    """The recipe's side of a trainer of TRL."""

    def __init__(
        self, trainer: Any, recipe: Recipe, slots: Slots, components: Sequence[str], answer: str | None
    ) -> None:
        """``components``: names of the reward functions that TRL calls, in its order; "" hides one."""
        self.trainer, self.recipe, self.slots = trainer, recipe, slots
        self.components, self.answer = components, answer
        self.early = {name.partition(".")[2] for name in reads_before_update(recipe)}
        self.late = {name.partition(".")[2] for name in recipe.objective.reads}
        self.kept: dict[bool, Batch] = {}
        self.windows: list[Batch] = []
        self.window_of_row: dict[int, int] = {}

    # The generation

    def generation(self, output: dict[str, Any], seen: "Scored") -> tuple[Batch, Batch]:
        """Group work on a generation: the scored batch of all processes, and what the filters leave of it.

        ``output`` is TRL's, of this process. If TRL has asked for advantages before, the work is done already.
        """
        lengths, device = [len(ids) for ids in seen.completion_ids], output["completion_ids"].device
        first = self.trainer.accelerator.process_index * len(lengths)
        output[LENGTH] = torch.tensor(lengths, device=device)
        output[ROW] = torch.arange(first, first + len(lengths), device=device)
        if seen.done is None:
            pairs = zip(output["prompt_ids"], output["prompt_mask"], strict=True)
            prompts = [ids[mask.bool()].tolist() for ids, mask in pairs]
            left_out = (~output["completion_mask"].bool().any(1)).tolist()
            columns = {name: values.cpu() for name, values in self._columns(output).items()}
            seen.done = self._worked(seen, prompts, left_out, output.get("tool_mask"), columns)
        return seen.done

    def before_logs(self, seen: "Scored") -> Tensor | None:
        """Advantages of all rows, one each, where TRL asks before it logs; None where they cannot be known yet."""
        trainer, args = self.trainer, self.trainer.args
        every = args.steps_per_generation * args.num_iterations
        forward_needed = self.early or self.late & {"ref_logprob", "behavior_logprob", "old_entropy"}
        if forward_needed or args.gradient_accumulation_steps % every or args.use_vllm or seen.prompt_ids is None:
            return None
        if getattr(trainer, "tools", None) or getattr(trainer, "rollout_func", None):
            return None
        ends = _ends(trainer)
        masks = trainer.mask_truncated_completions
        left_out = [masks and bool(ids) and ids[-1] not in ends for ids in seen.completion_ids]
        seen.done = self._worked(seen, seen.prompt_ids, left_out, None, {})
        return per_response(*seen.done)

    def _worked(
        self, seen: "Scored", prompts: list[list[int]], left_out: list[bool], tools: Tensor | None, columns: Tensors
    ) -> tuple[Batch, Batch]:
        trainer, state = self.trainer, self.trainer.state
        training = trainer.model.training
        ends = _ends(trainer)
        rows = [
            self._row(seen, at, prompts[at], left_out[at], None if tools is None else tools[at], columns, ends)
            for at in range(len(prompts))
        ]
        rows = _gathered(rows)
        evaluated = getattr(trainer, "num_generations_eval", trainer.num_generations)
        batch = pack(rows, trainer.num_generations if training else evaluated, trainer.args.temperature)
        names = enumerate(self.components)
        batch = batch.with_columns({f"traj.reward/{name}": seen.rewards[:, at].cpu() for at, name in names if name})
        batch = batch.with_run(
            step=state.global_step,
            progress=state.global_step / max(state.max_steps, 1),
            task=self.recipe.task,
            seed=trainer.args.seed,
        )
        slots = self.slots if training else copy.deepcopy(self.slots)
        scored, kept = slots(batch, state.global_step)
        self.kept[training] = kept
        return scored, kept

    def _row(
        self,
        seen: "Scored",
        at: int,
        prompt_ids: list[int],
        left_out: bool,
        tools: Tensor | None,
        columns: Tensors,
        ends: set[int],
    ) -> Row:
        ids, given, prompt = seen.completion_ids[at], seen.inputs[at], seen.prompts[at]
        by_task = isinstance(self.recipe.task, ProblemTask) and "problem_id" in given
        row = {name: value for name, value in given.items() if name not in ("prompt", "completion")}
        sample = sample_of(prompt, seen.completions[at], row, self.answer, by_task)
        problem = problem_of(self.recipe.task if by_task else None, at, {**sample, "id": str(prompt)})
        return Row(
            problem=problem,
            number=_number(row, problem),
            prompt_ids=prompt_ids,
            completion_ids=list(ids),
            sampled=[True] * len(ids) if tools is None or left_out else tools[: len(ids)].bool().tolist(),
            response=response_text(seen.completions[at]),
            truncated=bool(ids) and ids[-1] not in ends,
            excluded=left_out,
            columns={name: values[at, : len(ids)] for name, values in columns.items()},
        )

    def _columns(self, output: dict[str, Any]) -> dict[str, Tensor]:
        """Columns of completion tokens that the recipe reads of other policies, ``[rows, width]``."""
        wanted, found = self.early | self.late, {}
        if (old := output.get("old_per_token_logps")) is not None:
            found["old_logprob"] = old
        if (reference := output.get("ref_per_token_logps")) is not None and "ref_logprob" in wanted:
            found["ref_logprob"] = reference
        needed = self.early | (self.late - {"old_logprob"})
        sampler = output.get("sampling_per_token_logps")
        lacking = "behavior_logprob" in wanted and (sampler is None or not bool(sampler.isfinite().all()))
        entropy = "old_entropy" in wanted
        if entropy or (("old_logprob" in needed or lacking) and "old_logprob" not in found):
            with torch.no_grad():
                size = self.trainer.args.per_device_train_batch_size
                logprob, entropies, _ = forward(self.trainer, self.trainer.model, output, entropy, size)
            found.setdefault("old_logprob", logprob)
            if entropies is not None:
                found["old_entropy"] = entropies
        if "behavior_logprob" in wanted:
            # Where the sampler's number is missing, it is taken to be the trainer's: a ratio of 1.
            found["behavior_logprob"] = (
                found["old_logprob"]
                if sampler is None
                else torch.where(sampler.isfinite(), sampler, found["old_logprob"])
                if lacking
                else sampler
            )
        return found

    def local_advantages(self, kept: Batch, output: Tensors) -> Tensor:
        """The advantages of this process, ``[rows]``, or ``[rows, width]`` where they differ between tokens."""
        rows, width = output[ROW], output["completion_ids"].shape[1]
        everything = len(rows) * self.trainer.accelerator.num_processes
        device = rows.device
        if any(f"{level}.advantage" in kept.columns for level in ("token", "step")):
            return padded(kept.with_columns({"token.given": kept["token.advantage"]}), "given", everything, width)[
                rows.cpu()
            ].to(device)
        out = torch.zeros(everything)
        if "traj.advantage" in kept:
            out[kept["traj.row"]] = kept["traj.advantage"].float()
        return out[rows.cpu()].to(device)

    # The optimizer step

    def cut(self, buffered: Sequence[Tensors], accumulated: int) -> None:
        """Give the rows of every optimizer step their weights, now that TRL has cut the generation."""
        self.windows, self.window_of_row = [], {}
        for start in range(0, len(buffered), accumulated):
            local = torch.cat([part[ROW] for part in buffered[start : start + accumulated]])
            everywhere = self.trainer.accelerator.gather(local)
            self.window_of_row.update(dict.fromkeys(local.tolist(), len(self.windows)))
            self.windows.append(self._prepared(self.kept[True], everywhere.cpu()))

    def _prepared(self, kept: Batch, rows: Tensor) -> Batch:
        window = kept.select("traj", torch.isin(kept["traj.row"], rows))
        prepared = self.recipe.objective.prepare(window, self.slots.by_place())
        return prepared.to(self.trainer.accelerator.device)

    def loss(self, model: Any, inputs: Tensors) -> tuple[Tensor, dict[str, tuple[float, int]]]:
        """The micro-batch's part of the loss, and metrics as (sum, rows)."""
        rows = inputs[ROW]
        if self.trainer.model.training:
            window = self.windows[self.window_of_row[int(rows[0])]]
        else:
            window = self._prepared(self.kept[False], self.trainer.accelerator.gather(rows).cpu())
        logprob, entropy, extra = forward(self.trainer, model, inputs, entropy=True)
        if "entropy" in self.late and logprob.requires_grad and not (entropy is not None and entropy.requires_grad):
            raise GuerdonError(
                "the recipe's loss reads action.entropy, and this TRL gives entropies without a gradient; use a newer TRL"
            )
        part = window.select("traj", torch.isin(window["traj.row"], rows))
        columns = {"token.logprob": packed(logprob, rows, part)}
        if entropy is not None:
            columns["token.entropy"] = packed(entropy, rows, part)
        if "action.old_logprob" not in part:
            columns["token.old_logprob"] = columns["token.logprob"].detach()
        part = part.with_columns(columns)
        loss, metrics = self.recipe.objective(part, self.slots.by_place())
        if entropy is not None and part.size("token"):
            seen = part["token.entropy"].detach()
            seen = seen[part["token.mask"]] if "token.mask" in part else seen
            metrics["entropy"] = (float(seen.sum()), len(seen))
        # Every parameter gets a gradient, also where no row is left; the mean over processes becomes their sum.
        loss = (loss + 0.0 * logprob.sum()) * self.trainer.accelerator.num_processes
        return loss * divided_by(self.trainer) + extra, metrics

    # Numbers for the logs

    def described(self, scored: Batch, kept: Batch) -> dict[str, float]:
        """What guerdon's loop logs of a batch, its metrics pieces included."""
        numbers = describe(scored)
        for number, piece in enumerate(self.recipe.metrics):
            numbers.update(call_with_state(piece, kept, state=self.slots.by_place().get(f"metrics.{number}")))
        return numbers


def forward(
    trainer: Any, model: Any, inputs: Tensors, entropy: bool, batch_size: int | None = None
) -> tuple[Tensor, Tensor | None, Any]:
    """TRL's log-probs and entropies of the completions ``[rows, width]``, and the router's loss where there is one.

    Completions that TRL masks are seen whole: whether they are trained is the recipe's mask's business.
    """
    ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], dim=1)
    width = inputs["completion_ids"].shape[1]
    inside = torch.arange(width, device=ids.device)[None, :] < inputs[LENGTH][:, None]
    mask = torch.cat([inputs["prompt_mask"], inside.to(inputs["prompt_mask"].dtype)], dim=1)
    call = trainer._get_per_token_logps_and_entropies
    parameters = inspect.signature(call).parameters
    more = {name: inputs[name] for name in parameters if name in inputs}
    router = (
        getattr(trainer, "aux_loss_enabled", False) and "compute_aux_loss" in parameters and torch.is_grad_enabled()
    )
    if router:
        more["compute_aux_loss"] = True
    out: Any = call(model, ids, mask, width, batch_size=batch_size, compute_entropy=entropy, **more)
    if isinstance(out, dict):
        out = (out["logps"], out.get("entropies"))
    extra: Any = 0.0
    if router:
        steps = trainer.current_gradient_accumulation_steps if trainer.model.training else 1
        extra = trainer.router_aux_loss_coef * out[2] / steps
    return out[0], out[1], extra


def divided_by(trainer: Any) -> float:
    """What the trainer divides a loss by that it takes for a mean over the micro-batch."""
    scaled = getattr(trainer, "loss_is_scaled_for_ga", None)
    if scaled is None:
        scaled = trainer.compute_loss_func is not None
    return 1 if scaled or not trainer.model.training else trainer.current_gradient_accumulation_steps


def per_response(scored: Batch, kept: Batch) -> torch.Tensor:
    """One advantage per response for the table, ``[traj]``: the mean over its trained tokens; 0 where filtered out."""
    out = torch.zeros(scored.size("traj"))
    if "action.advantage" not in kept:
        return out * torch.nan
    if "traj.advantage" in kept.columns and not any(
        f"{level}.advantage" in kept.columns for level in ("token", "step")
    ):
        values = kept["traj.advantage"]
    else:
        where = kept["token.mask"] if "token.mask" in kept else None
        values = kept.up(kept["token.advantage"], segment.mean, "token", "traj", where=where)
    out[kept["traj.row"]] = values.float()
    return out


def _ends(trainer: Any) -> set[int]:
    """Ids that end a completion, as TRL counts."""
    tokenizer = getattr(trainer.processing_class, "tokenizer", trainer.processing_class)
    many = getattr(trainer, "eos_token_ids", None) or [getattr(trainer, "eos_token_id", tokenizer.eos_token_id)]
    return {*many, tokenizer.pad_token_id}


def _number(row: Mapping[str, Any], problem: Problem) -> int:
    """The problem's number: the data set's, or one that depends on the prompt alone."""
    if isinstance(number := row.get("problem_id"), int):
        return number
    return int.from_bytes(hashlib.blake2b(str(problem.prompt).encode(), digest_size=8).digest(), "big") >> 1


def _gathered(rows: list[Row]) -> list[Row]:
    """The rows of all processes, in their order."""
    from accelerate.utils import gather_object  # pyright: ignore[reportMissingImports]

    return list(gather_object(rows))
