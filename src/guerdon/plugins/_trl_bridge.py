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
from typing import Any

import torch
from torch import Tensor

from guerdon.batch import Batch
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
        self.scored: Batch | None = None
        self.windows: list[Batch] = []
        self.window_of_row: dict[int, int] = {}

    # The generation

    def generation(self, output: dict[str, Any], seen: tuple[Any, ...], rewards: Tensor) -> tuple[Batch, Batch]:
        """Group work on a generation: the scored batch of all processes, and what the filters leave of it.

        ``output`` is TRL's, of this process; ``seen`` what reward functions are given; ``rewards`` is ``[all rows, R]``.
        """
        trainer = self.trainer
        training = trainer.model.training
        lengths = [len(ids) for ids in seen[3]]
        first = trainer.accelerator.process_index * len(lengths)
        output[LENGTH] = torch.tensor(lengths, device=output["completion_ids"].device)
        output[ROW] = torch.arange(first, first + len(lengths), device=output["completion_ids"].device)
        rows = _gathered(self._rows(output, seen))
        samples = (
            trainer.num_generations if training else getattr(trainer, "num_generations_eval", trainer.num_generations)
        )
        batch = pack(rows, samples, trainer.args.temperature)
        names = {f"traj.reward/{name}": rewards[:, at].cpu() for at, name in enumerate(self.components) if name}
        state = trainer.state
        batch = batch.with_columns(names).with_run(
            step=state.global_step,
            progress=state.global_step / max(state.max_steps, 1),
            task=self.recipe.task,
            seed=trainer.args.seed,
        )
        slots = self.slots if training else copy.deepcopy(self.slots)
        scored, kept = slots(batch, state.global_step)
        self.kept[training] = kept
        self.scored = scored
        return scored, kept

    def _rows(self, output: dict[str, Any], seen: tuple[Any, ...]) -> list[Row]:
        inputs, prompts, completions, completion_ids = seen
        columns = self._columns(output)
        ends = _ends(self.trainer)
        by_task = isinstance(self.recipe.task, ProblemTask) and "problem_id" in inputs[0]
        rows = []
        for at, ids in enumerate(completion_ids):
            row = {name: value for name, value in inputs[at].items() if name not in ("prompt", "completion")}
            sample = sample_of(prompts[at], completions[at], row, self.answer, by_task)
            problem = problem_of(self.recipe.task if by_task else None, at, {**sample, "id": str(prompts[at])})
            left_out = not bool(output["completion_mask"][at].any())
            tools = output.get("tool_mask")
            sampled = [True] * len(ids) if tools is None or left_out else tools[at, : len(ids)].bool().tolist()
            rows.append(
                Row(
                    problem=problem,
                    number=_number(row, problem),
                    prompt_ids=output["prompt_ids"][at][output["prompt_mask"][at].bool()].tolist(),
                    completion_ids=list(ids),
                    sampled=sampled,
                    response=response_text(completions[at]),
                    truncated=bool(ids) and ids[-1] not in ends,
                    excluded=left_out,
                    columns={name: values[at, : len(ids)].cpu() for name, values in columns.items()},
                )
            )
        return rows

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
