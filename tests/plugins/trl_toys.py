"""A tiny model and a tokenizer for TRL, made here, and guerdon's own loop on what TRL sampled."""

import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from guerdon import segment
from guerdon.batch import Batch
from guerdon.loop import Trainer
from guerdon.piece import Rollout, TaskSpec
from guerdon.policies.hugging_face import HuggingFaceModel
from guerdon.policies.hugging_face_tokenizer import HuggingFaceTokenizer
from guerdon.recipe import Recipe
from guerdon.rollouts.sample import WRITES, pack
from guerdon.tasks.problem import Problem
from guerdon.update import Update, optimizer_step

LETTERS = "0123456789+=ab"
WANTS = frozenset({"action.logprob", "action.entropy"})


def tokenizer() -> Any:
    """One token per letter."""
    import transformers

    vocabulary = {token: number for number, token in enumerate(["<pad>", "<eos>", "<unk>", *LETTERS])}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    inner.decoder = decoders.Fuse()
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<pad>",
        eos_token="<eos>",
        unk_token="<unk>",
        model_input_names=["input_ids", "attention_mask"],
    )
    fast.chat_template = "{% for message in messages %}{{ message.content }}{% endfor %}"
    return fast


def model(seed: int = 0, folder: Any = None) -> Any:
    """A Llama of two narrow layers with random weights; from a folder if it has to be found again by its name."""
    import transformers

    config = transformers.LlamaConfig(
        vocab_size=3 + len(LETTERS),
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=64,
        initializer_range=0.3,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=1,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = transformers.LlamaForCausalLM(config).double()
    if folder is None:
        return made
    made.save_pretrained(folder)
    return transformers.LlamaForCausalLM.from_pretrained(folder).double()


@dataclass(frozen=True)
class Sums(TaskSpec):
    """Prompts of unequal length; a response is the better the more digits of the answer it starts with."""

    number: int = 24
    """Problems."""

    def size(self, split):
        return self.number

    def problem(self, split, number):
        left, right = (number * 7) % 23, (number * 5) % 90
        return Problem(number, f"{left}+{right}=", str(left + right))

    def score(self, problem, response):
        if response.startswith("b"):
            return None
        return sum(letter in response for letter in problem.answer) / len(problem.answer)


def arguments(folder: Any, **changes: Any) -> Any:
    """A short run on the CPU: 3 prompts times 4 responses per generation, in two optimizer steps of two passes."""
    from trl import GRPOConfig

    options = {
        "output_dir": str(folder),
        "per_device_train_batch_size": 3,
        "gradient_accumulation_steps": 2,
        "steps_per_generation": 4,
        "num_generations": 4,
        "max_completion_length": 8,
        "max_steps": 4,
        "learning_rate": 1e-2,
        "lr_scheduler_type": "constant",
        "max_grad_norm": 0.0,
        "logging_steps": 1,
        "report_to": "none",
        "save_strategy": "no",
        "use_cpu": True,
        "bf16": False,
        "disable_tqdm": True,
        "gradient_checkpointing": False,
        "adam_epsilon": 1e-3,
        "seed": 3,
        **changes,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return GRPOConfig(**options)


@dataclass
class Seen:
    """What one generation of TRL was, and what came of it."""

    problems: list[Problem]
    prompts: list[list[int]]
    completions: list[list[int]]
    texts: list[str]
    step: int
    advantages: torch.Tensor
    passes: int = 0
    """Micro-batches so far."""
    steps: list[torch.Tensor] = field(default_factory=list)
    """Row numbers of each optimizer step."""
    weights: list[dict[str, torch.Tensor]] = field(default_factory=list)
    """What the model was when it began."""
    losses: list[float] = field(default_factory=list)
    gradients: list[dict[str, torch.Tensor]] = field(default_factory=list)


def recorder(base: type) -> type:
    """The trainer, noting what it sampled, did and computed."""

    class Recorder(base):  # type: ignore[misc, valid-type]
        def _generate_and_score_completions(self, inputs):
            output = super()._generate_and_score_completions(inputs)
            if not self.model.training:
                return output
            if not hasattr(self, "history"):
                self.history: list[Seen] = []
            batch = self.batch
            index, size = batch.index("token", "traj"), batch.size("traj")
            starts = segment.first(batch["token.position"], index, size).tolist()
            ids = [sequence.tolist() for sequence in batch["traj.input_ids"]]
            self.history.append(
                Seen(
                    problems=list(batch["group.problem"]),
                    prompts=[sequence[:start] for sequence, start in zip(ids, starts, strict=True)],
                    completions=[sequence[start:] for sequence, start in zip(ids, starts, strict=True)],
                    texts=list(batch["traj.response"]),
                    step=self.state.global_step,
                    advantages=self.accelerator.gather(output["advantages"].contiguous()),
                )
            )
            return output

        def _log_generation(self, scored, kept):
            self.batch, self.seen = scored, self._seen
            super()._log_generation(scored, kept)

        def _compute_loss(self, model, inputs):
            loss = super()._compute_loss(model, inputs)
            if model.training:
                now, rows = self.history[-1], self.accelerator.gather(inputs["guerdon_row"])
                value = float(self.accelerator.gather(loss.detach().reshape(1)).mean())
                if now.passes % self.args.gradient_accumulation_steps == 0:
                    now.steps.append(rows)
                    now.weights.append({name: value.clone() for name, value in self.model.state_dict().items()})
                    now.losses.append(value)
                else:
                    now.steps[-1] = torch.cat([now.steps[-1], rows])
                    now.losses[-1] += value
                now.passes += 1
            return loss

        def training_step(self, *arguments, **options):
            out = super().training_step(*arguments, **options)
            if self.history[-1].passes % self.args.gradient_accumulation_steps == 0:
                self.history[-1].gradients.append(
                    {name: p.grad.clone() for name, p in self.model.named_parameters() if p.grad is not None}
                )
            return out

    return Recorder


HISTORY: list[Seen] = []
"""What the replays at hand give back."""


@dataclass(frozen=True)
class Replay(Rollout):
    """What TRL sampled, as a rollout of guerdon."""

    number: int = 0
    """Place in the recorded history."""
    temperature: float = 1.0
    """What it was sampled at."""

    writes = (*WRITES, "token.behavior_logprob", "traj.truncated", "traj.temperature", "traj.number")

    def __call__(self, task, policy, pick, stream) -> Batch:
        seen = HISTORY[self.number]
        samples = len(seen.texts) // len(seen.problems)
        prompts = [torch.tensor(ids) for ids in seen.prompts[::samples]]
        parts = [torch.tensor(ids) for ids in seen.completions]
        batch = pack(seen.problems, [p.id for p in seen.problems], prompts, parts)
        batch = batch.with_columns({"traj.temperature": torch.full((len(seen.texts),), self.temperature)})
        with torch.no_grad():
            logprob = policy.evaluate(batch, frozenset({"action.logprob"}))["action.logprob"]
        return batch.with_columns(
            {
                "token.behavior_logprob": logprob,
                "traj.response": seen.texts,
                "traj.truncated": torch.tensor([ids[-1] not in (0, 1) for ids in seen.completions]),
                "traj.number": torch.arange(len(seen.texts)),
            }
        )


@dataclass
class Replayed:
    """What guerdon's own loop makes of a recorded generation."""

    batch: Batch
    losses: list[float]
    gradients: list[dict[str, torch.Tensor]]

    def advantages(self, seen: Seen) -> torch.Tensor:
        """In the shape that TRL was given; 0 where filtered out."""
        batch, out = self.batch, torch.zeros(seen.advantages.shape)
        if seen.advantages.dim() == 1:
            if "traj.advantage" in batch:
                out[batch["traj.number"]] = batch["traj.advantage"].float()
            return out
        start = torch.tensor([len(ids) for ids in seen.prompts])[batch["token.number"]]
        out[batch["token.number"], batch["token.position"] - start] = batch["token.advantage"].float()
        return out


def own_loop(recipe: Recipe, history: list[Seen], args: Any, start: Any) -> list[Replayed]:
    """Guerdon's own loop on the recorded generations, from the same weights, with the same rows per optimizer step."""
    HISTORY[:] = history
    policy = HuggingFaceModel(start, HuggingFaceTokenizer(tokenizer(), "toy"), WANTS, adapter=False, chat=False)
    update = Update(lr=args.learning_rate, adam_eps=args.adam_epsilon, max_grad_norm=None, epochs=2)
    recipe = replace(recipe, rollout=Replay(), update=update, max_refills=1, task=recipe.task or Sums())
    trainer = Trainer(recipe, steps=args.max_steps, seed=args.seed, policy=policy)
    out: list[Replayed] = []

    def update_as_trl_did(batch: Batch, stream: Any, progress: float, old: Any) -> dict[str, float]:
        done = Replayed(batch, [], [])
        states = {place.replace("/", "."): module for place, module in trainer.states.items()}
        seen = HISTORY[len(out)]
        for rows, weights in zip(seen.steps, seen.weights, strict=True):
            start.load_state_dict(weights)  # so that rounding does not grow from step to step
            part = batch.select("traj", torch.isin(batch["traj.number"], rows))
            metrics = optimizer_step(policy, trainer.optimizer, recipe.objective, part, update, states, old)
            done.losses.append(metrics["loss"])
            done.gradients.append({n: p.grad.clone() for n, p in start.named_parameters() if p.grad is not None})
        out.append(done)
        return {}

    trainer._update = update_as_trl_did  # type: ignore[method-assign]
    for number, seen in enumerate(history):
        trainer.step = seen.step
        trainer.recipe = replace(recipe, rollout=Replay(number, args.temperature))
        start.load_state_dict(seen.weights[0])
        trainer.train_step()
    return out


def compare(trainer: Any, recipe: Recipe) -> dict[str, float]:
    """TRL's run and guerdon's loop on it agree to 1e-6, above 1 relative to the loss and the largest gradient.

    Returns the largest differences.
    """
    own = own_loop(recipe, trainer.history, trainer.args, model())
    worst = {"advantages": 0.0, "losses": 0.0, "gradients": 0.0}
    for seen, mine in zip(trainer.history, own, strict=True):
        assert len(seen.gradients) == len(mine.gradients) == len(seen.steps)
        differences = {
            "advantages": [float((seen.advantages - mine.advantages(seen)).abs().max())],
            "losses": [
                abs(there - here) / max(1.0, abs(here)) for there, here in zip(seen.losses, mine.losses, strict=True)
            ],
            "gradients": [
                max(float((there[name] - here[name]).abs().max()) for name in here)
                / max(1.0, *(float(gradient.abs().max()) for gradient in here.values()))
                for there, here in zip(seen.gradients, mine.gradients, strict=True)
            ],
        }
        worst = {name: max(value, *differences[name]) for name, value in worst.items()}
    assert max(worst.values()) < 1e-6, worst
    assert any(float(gradient.abs().max()) > 1e-3 for seen in own for gradient in seen.gradients[0].values())
    return worst
