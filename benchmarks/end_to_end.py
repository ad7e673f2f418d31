"""Training steps per second: GRPO on a small Llama-shaped model, guerdon against TRL's ``GRPOTrainer``, in turns.

The same weights at the start, the same 32 prompts in every step, 256 responses of up to 32 tokens in groups of 8, one
AdamW step on all of them, no KL, fp32, the same number of threads. The learning rate is tiny, so that the model stays
near its random start, where a response ends with the same probability everywhere; the mean length of each side is
printed. One process runs the sides in turns, a step each, and so a busy machine slows them alike: the ratios are
medians over the steps, with their quartiles.

    python benchmarks/end_to_end.py [--steps 12] [--threads 2] [--continuous] [--json]
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

sys.path.insert(0, __file__.rpartition("/")[0])

from small_llama import Signs, Sums, digits, llama, quiet, tiny, tokenizer

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
            inside, started = sum(self.current.values()), time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                taken = time.perf_counter() - started - (sum(self.current.values()) - inside)
                self.current[phase] = self.current.get(phase, 0.0) + taken

        return run

    def add(self, seconds: float, tokens: float) -> None:
        """Note a step."""
        self.seconds.append(seconds)
        self.tokens.append(tokens)
        self.phases.append({**self.current, "rest": seconds - sum(self.current.values())})
        self.current = {}

    def report(self) -> dict[str, Any]:
        """Medians over the steps."""
        tokens, seconds = self.tokens[WARM_UP:], self.seconds[WARM_UP:]
        phases = {name: statistics.median(p.get(name, 0.0) for p in self.phases[WARM_UP:]) for name in PHASES}
        return {
            "step_s": statistics.median(seconds),
            "completions_per_s": PROMPTS * GROUP / statistics.median(seconds),
            "tokens_per_s": statistics.median(t / s for t, s in zip(tokens, seconds, strict=True)),
            "tokens_per_completion": statistics.mean(tokens) / (PROMPTS * GROUP),
            "phases_s": phases,
        }


class Guerdon(Side):
    """guerdon's own loop with a policy."""

    def __init__(self, name: str, policy: Any) -> None:
        super().__init__(name)
        recipe = replace(
            TRL,
            task=Sums(PROMPTS),
            rollout=Sample(PROMPTS, GROUP, Sampling(max_tokens=TOKENS)),
            rewards=(Verifier(guard=Guard(isolate=False)),),
            update=Update(lr=RATE, micro_batch_tokens=2048),
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
            started = time.perf_counter()
            batch, _ = self.trainer.train_step()
            self.add(time.perf_counter() - started, float(batch.size("token")))
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
                side.started = time.perf_counter()

            def on_step_end(self, *_: Any, **__: Any) -> None:
                side.add(time.perf_counter() - side.started, side.sampled)
                between()
                side.started = time.perf_counter()

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
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--continuous", action="store_true", help="TRL with transformers' continuous batching")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
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
    facts = report([*ours, theirs], difference, options.threads)
    print(json.dumps(facts) if options.json else table(facts))
    return 0 if facts["sides"]["guerdon, TinyLM"]["ratio"]["median"] >= 3 else 1


def report(sides: list[Side], difference: float, threads: int) -> dict[str, Any]:
    """Numbers of every side, and its completions per second over those of the last."""
    import transformers
    import trl

    base = sides[-1].seconds[WARM_UP:]
    out = {}
    for side in sides:
        ratios = [b / s for b, s in zip(base, side.seconds[WARM_UP:], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        out[side.name] = {**side.report(), "ratio": {"median": middle, "low": low, "high": high}}
    versions = {"torch": torch.__version__, "trl": trl.__version__, "transformers": transformers.__version__}
    return {
        "steps": len(base),
        "threads": threads,
        "versions": versions,
        "largest_logit_difference": difference,
        "sides": out,
    }


def table(facts: dict[str, Any]) -> str:
    """Lines to read."""
    lines = [
        f"{facts['steps']} steps in turns, {facts['threads']} threads, fp32, "
        + ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
        + f"; logits differ by {facts['largest_logit_difference']:.1e}",
        f"{'':24} compl./s  tokens/s  tokens/compl.  ratio [quartiles]     "
        + "".join(f"{name:>11}" for name in PHASES)
        + "   step (ms)",
    ]
    for name, side in facts["sides"].items():
        ratio = side["ratio"]
        lines.append(
            f"{name:24} {side['completions_per_s']:8.0f}  {side['tokens_per_s']:8.0f}  "
            f"{side['tokens_per_completion']:13.1f}  "
            f"{ratio['median']:5.2f} [{ratio['low']:.2f}, {ratio['high']:.2f}]   "
            + "".join(f"{1000 * side['phases_s'][phase]:11.0f}" for phase in PHASES)
            + f"{1000 * side['step_s']:12.0f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
