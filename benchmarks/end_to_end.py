"""Training steps per second: GRPO on a small Llama-shaped model, guerdon against TRL's ``GRPOTrainer``, in turns.

The same weights at the start, the same 32 prompts in every step, 256 responses of up to 32 tokens in groups of 8, one
AdamW step on all of them, no KL, fp32, the same number of threads. The learning rate is tiny, so that the model stays
near its random start, where a response ends with the same probability everywhere; the mean length of each side is
printed. One process runs the sides in turns, a step each, and so a busy machine slows them alike: the ratios are
medians over the steps, with their quartiles.

    python benchmarks/end_to_end.py [--steps 12] [--threads 2] [--processor] [--continuous] [--json [FILE]] [--record]
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from _measure import Row, add_clock, add_options, clock_of, median, publish, quartiles, ratio
from _small_llama import Signs, Sums, digits, llama, quiet, tiny, tokenizer

from guerdon.loop import Trainer
from guerdon.papers.grpo import TRL
from guerdon.policies.hugging_face import HuggingFaceModel
from guerdon.policies.hugging_face_tokenizer import HuggingFaceTokenizer
from guerdon.rewards.guard import Guard
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.sampler import LocalSampler, Sampling
from guerdon.update import Update

PROMPTS, GROUP, TOKENS, RATE = 32, 8, 32, 1e-6
WARM_UP = 2
CLOCK = time.perf_counter
PHASES = ("sampling", "reward", "log-probs", "update", "rest")
WANTS = frozenset({"action.logprob"})


class Side:
    """One way to train: seconds and tokens of its steps, and seconds of its phases."""

    def __init__(self, name: str) -> None:
        self.name, self.seconds, self.tokens = name, [], []
        self.phases: list[dict[str, float]] = []
        self.current: dict[str, float] = {}

    def timed(self, phase: str, function: Callable) -> Callable:
        """``function`` with its seconds added to a phase, those of phases inside it taken off."""

        def run(*arguments: Any, **named: Any) -> Any:
            inside, started = sum(self.current.values()), CLOCK()
            try:
                return function(*arguments, **named)
            finally:
                taken = CLOCK() - started - (sum(self.current.values()) - inside)
                self.current[phase] = self.current.get(phase, 0.0) + taken

        return run

    def add(self, seconds: float, tokens: float) -> None:
        """Note a step."""
        self.seconds.append(seconds)
        self.tokens.append(tokens)
        self.phases.append({**self.current, "rest": seconds - sum(self.current.values())})
        self.current = {}

    def phase(self, name: str) -> float:
        """Median seconds of a phase."""
        return median([each.get(name, 0.0) for each in self.phases[WARM_UP:]])


class Guerdon(Side):
    """guerdon's own loop with a policy."""

    def __init__(self, name: str, policy: Any) -> None:
        super().__init__(name)
        recipe = replace(
            TRL,
            task=Sums(PROMPTS),
            rollout=Sample(PROMPTS, GROUP, Sampling(max_tokens=TOKENS)),
            rewards=(Verifier(guard=Guard(isolate=False)),),
            update=Update(lr=RATE, micro_batch_tokens=4096),
        )
        self.trainer = Trainer(recipe, steps=10**6, policy=policy)
        self.trainer._apply = self._apply_timed(self.trainer._apply)  # type: ignore[method-assign]
        self.trainer._fill = self.timed("log-probs", self.trainer._fill)  # type: ignore[method-assign]
        self.trainer._update = self.timed("update", self.trainer._update)  # type: ignore[method-assign]

    def _apply_timed(self, apply: Callable) -> Callable:
        reward = self.timed("reward", apply)
        return lambda slot, batch: (reward if slot == "rewards" else apply)(slot, batch)

    def step(self) -> None:
        """One step of training."""
        sampling = LocalSampler.generate
        LocalSampler.generate = self.timed("sampling", sampling)  # type: ignore[method-assign]
        try:
            started = CLOCK()
            batch, _ = self.trainer.train_step()
            self.add(CLOCK() - started, float(batch.size("token")))
        finally:
            LocalSampler.generate = sampling  # type: ignore[method-assign]


class Theirs(Side):
    """TRL's trainer, which runs itself; ``between`` is called after each of its steps, off the clock."""

    def __init__(self, name: str, model: Any, steps: int, continuous: bool, between: Callable[[], None]) -> None:
        super().__init__(name)
        from datasets import Dataset
        from transformers import TrainerCallback
        from trl import GRPOConfig, GRPOTrainer

        config = GRPOConfig(
            output_dir="unused",
            max_steps=steps,
            per_device_train_batch_size=PROMPTS * GROUP,
            gradient_accumulation_steps=1,
            num_generations=GROUP,
            max_completion_length=TOKENS,
            learning_rate=RATE,
            lr_scheduler_type="constant",
            beta=0.0,
            num_iterations=1,
            temperature=1.0,
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            use_transformers_continuous_batching=continuous,
            report_to="none",
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            dataloader_pin_memory=False,
        )
        task = Sums(PROMPTS)
        prompts = Dataset.from_list([{"prompt": task.problem("train", number).prompt} for number in range(PROMPTS)])
        self.trainer = GRPOTrainer(
            model=model,
            reward_funcs=lambda completions, **_: [digits(text) for text in completions],
            args=config,
            train_dataset=prompts,
            processing_class=tokenizer(),
        )
        side = self

        class Clock(TrainerCallback):
            def on_train_begin(self, *_: Any, **__: Any) -> None:
                side.started = CLOCK()

            def on_step_end(self, *_: Any, **__: Any) -> None:
                side.add(CLOCK() - side.started, side.sampled)
                between()
                side.started = CLOCK()

        self.trainer.add_callback(Clock())
        self.sampled = 0.0
        generate = self.timed("sampling", self.trainer._generate_single_turn)

        def counted(*arguments: Any, **named: Any) -> Any:
            out = generate(*arguments, **named)
            self.sampled = float(sum(map(len, out[0])))
            return out

        self.trainer._generate_single_turn = counted
        self.trainer._calculate_rewards = self.timed("reward", self.trainer._calculate_rewards)
        self.trainer.training_step = self._without_preparation(self.trainer.training_step)

    def _without_preparation(self, step: Callable) -> Callable:
        # Their preparation (generation, rewards, advantages) is inside their training step.
        self.trainer._generate_and_score_completions = self.timed("rest", self.trainer._generate_and_score_completions)
        return self.timed("update", step)

    def run(self) -> None:
        """All steps."""
        self.trainer.train()


def check_equal(ours: Any, theirs: Any) -> float:
    """The largest difference of the logits of both forms of the model."""
    ids = torch.randint(2, Signs.vocab_size, (4, 24), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        one = ours.hidden(ids, torch.ones_like(ids, dtype=torch.bool)) @ ours.head()[0].T
        return float((one - theirs(input_ids=ids).logits).abs().max())


def main() -> int:
    """Run the sides in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=12, help="steps that count; the first two do not")
    parser.add_argument("--continuous", action="store_true", help="TRL with transformers' continuous batching")
    add_clock(parser)
    add_options(parser)
    options = parser.parse_args()
    global CLOCK
    CLOCK = clock_of(options)
    torch.set_num_threads(options.threads)
    with quiet():
        network = tiny(WANTS)
        difference = check_equal(network, llama(network))
        wrapped = HuggingFaceModel(
            llama(network), HuggingFaceTokenizer(tokenizer(), "small"), WANTS, adapter=False, chat=False
        )
        theirs_model = llama(network)
        ours = [Guerdon("guerdon, TinyLM", network), Guerdon("guerdon, HuggingFaceLM", wrapped)]

        def between() -> None:
            for side in ours:
                side.step()

        steps = options.steps + WARM_UP
        theirs = Theirs("trl GRPOTrainer", theirs_model, steps, options.continuous, between)
        theirs.run()
    title = f"Training steps: GRPO, 4 layers of width 128, {PROMPTS * GROUP} responses of up to {TOKENS} tokens"
    notes = [f"{options.threads} threads, fp32; the logits of both forms of the model differ by {difference:.1e}."]
    return publish(
        __file__,
        title,
        rows_of([*ours, theirs]),
        options,
        part="continuous" if options.continuous else "processor" if options.processor else "",
        packages=("trl", "transformers"),
        notes=notes + [told(side) for side in [*ours, theirs]],
    )


def rows_of(sides: list[Side]) -> list[Row]:
    """Completions and tokens per second of every side, held against the last."""
    base, out = sides[-1], []
    for side in sides:
        seconds = side.seconds[WARM_UP:]
        over = ratio(base.seconds[WARM_UP:], seconds)
        completions = quartiles([PROMPTS * GROUP / each for each in seconds])
        tokens = quartiles([t / s for t, s in zip(side.tokens[WARM_UP:], seconds, strict=True)])
        if side is base:
            out.append(Row(side.name, completions, "completions/s"))
        else:
            target = 3.0 if "TinyLM" in side.name else None
            out.append(Row(side.name, completions, "completions/s", over, base.name, target))
        out.append(Row(side.name, tokens, "tokens/s"))
    return out


def told(side: Side) -> str:
    """Length of the completions and the parts of a step."""
    length = statistics.mean(side.tokens[WARM_UP:]) / (PROMPTS * GROUP)
    parts = ", ".join(f"{name} {1000 * side.phase(name):.0f} ms" for name in PHASES)
    return f"{side.name}: {length:.1f} tokens per completion; {parts}."


if __name__ == "__main__":
    sys.exit(main())
