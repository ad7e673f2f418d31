"""What a recipe costs inside TRL's GRPO trainer, beside plain TRL on the same model, data and random numbers.

python benchmarks/trl_overhead.py [--steps 12] [--json]

Both trainers take their steps in turn, so that they see the same machine. The recipe says what TRL's loss says, so both
sample the same completions as long as they agree. Differences to guerdon's own loop come from the recipes of
tests/plugins/test_trl.py, on the generations that TRL made.
"""

import argparse
import contextlib
import importlib
import io
import json
import logging
import statistics
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import LlamaConfig, LlamaForCausalLM, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

from guerdon import Objective, Recipe, pieces
from guerdon.plugins import trl as plugin

warnings.simplefilter("ignore")

RECIPE = Recipe(
    advantage=(pieces.Standardize(eps=1e-4),),
    objective=Objective(
        pieces.PPOClip(dual_clip=None, log_ratio_bounds=(None, None)), pieces.SeqMeanTokenMean(count_empty=True)
    ),
)
PER_TOKEN = Recipe(
    advantage=(pieces.ReturnToGo(0.99), pieces.Whiten()), credit=(pieces.LastAction(),), objective=RECIPE.objective
)
DIFFERENCES = ("grpo", "dr_grpo", "dapo", "rloo", "gspo", "reinforce_pp", "entropy_clip", "several_rewards", "running")


sys.path[:0] = [str(Path(__file__).parents[1] / "tests" / "plugins")]
toys: Any = importlib.import_module("trl_toys")


def digits(completions: list[str], **columns: Any) -> list[float]:
    """The share of characters that are digits."""
    return [sum(sign.isdigit() for sign in text) / max(len(text), 1) for text in completions]


class Turns(TrainerCallback):
    """Lets trainers take optimizer steps in turn, and times them."""

    def __init__(self, number: int, shared: dict[str, Any]) -> None:
        self.number, self.shared, self.seconds = number, shared, []

    def _wait(self) -> None:
        with self.shared["turn"]:
            self.shared["turn"].wait_for(lambda: self.shared["now"] == self.number)

    def pass_on(self) -> None:
        """The next trainer's turn."""
        with self.shared["turn"]:
            self.shared["now"] = (self.number + 1) % self.shared["of"]
            self.shared["turn"].notify_all()

    def on_train_begin(self, *arguments: Any, **options: Any) -> None:
        """Begin one after the other."""
        self._wait()

    def on_step_begin(self, args: Any, state: Any, *arguments: Any, **options: Any) -> None:
        """Wait, then the same random numbers for all."""
        self._wait()
        torch.manual_seed(state.global_step)
        self.started = time.perf_counter()

    def on_step_end(self, *arguments: Any, **options: Any) -> None:
        """Note the time."""
        self.seconds.append(time.perf_counter() - self.started)
        self.pass_on()

    def on_train_end(self, *arguments: Any, **options: Any) -> None:
        """The others go on."""
        self.pass_on()


class Plain(GRPOTrainer):
    """TRL, noting its advantages."""

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        output = super()._generate_and_score_completions(inputs)
        self.__dict__.setdefault("advantages", []).append(output["advantages"].clone())
        return output


def network(size: int) -> Any:
    torch.manual_seed(0)
    shape = {"hidden_size": size, "intermediate_size": 4 * size, "num_hidden_layers": 4, "num_attention_heads": 4}
    ids = {"pad_token_id": 0, "eos_token_id": 1, "bos_token_id": None}
    return LlamaForCausalLM(LlamaConfig(vocab_size=3 + len(toys.LETTERS), **shape, **ids))


def build(base: type, turns: Turns, folder: str, steps: int, size: int, **options: Any) -> Any:
    task = toys.Sums(64)
    args = GRPOConfig(
        output_dir=folder,
        per_device_train_batch_size=64,
        gradient_accumulation_steps=2,
        steps_per_generation=4,
        num_generations=8,
        max_completion_length=32,
        max_steps=steps,
        learning_rate=1e-4,
        loss_type="grpo",
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        bf16=False,
        use_cpu=True,
        disable_tqdm=True,
        gradient_checkpointing=False,
    )
    rows = [
        {"prompt": task.problem("train", at).prompt, "answer": task.problem("train", at).answer} for at in range(64)
    ]
    return base(
        model=network(size),
        reward_funcs=[digits],
        args=args,
        train_dataset=Dataset.from_list(rows),
        processing_class=toys.tokenizer(),
        callbacks=[turns],
        **options,
    )


def overhead(steps: int, size: int) -> dict[str, Any]:
    """Medians of the optimizer steps of plain TRL and of the plug-in, in turn."""
    ways = {"plain": (Plain, {}), "recipe": (type("Ours", (plugin.RecipeMixin, Plain), {}), {"recipe": RECIPE})}
    ways["per_token"] = (type("Tokens", (plugin.RecipeMixin, GRPOTrainer), {}), {"recipe": PER_TOKEN})
    shared = {"turn": threading.Condition(), "now": 0, "of": len(ways)}
    turns = {name: Turns(number, shared) for number, name in enumerate(ways)}
    ours: list[torch.Tensor] = []
    with tempfile.TemporaryDirectory() as folder:
        trainers = {
            name: build(base, turns[name], folder, steps, size, **options) for name, (base, options) in ways.items()
        }
        inner = trainers["recipe"]._bridge.local_advantages
        trainers["recipe"]._bridge.local_advantages = lambda *given: ours.append(inner(*given)) or ours[-1]
        threads = [threading.Thread(target=trainer.train) for trainer in trainers.values()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    theirs = trainers["recipe"].advantages
    losses = [[entry["loss"] for entry in trainers[name].state.log_history if "loss" in entry] for name in ways]
    # A generation is sampled every second optimizer step; the first one warms up.
    pairs = {name: [sum(one.seconds[at : at + 2]) for at in range(2, steps, 2)] for name, one in turns.items()}
    plain = pairs["plain"]
    result: dict[str, Any] = {"plain_s": statistics.median(plain) / 2}
    for name in ("recipe", "per_token"):
        added = [ours - base for ours, base in zip(pairs[name], plain, strict=True)]
        result[f"{name}_added_ms"] = statistics.median(added) / 2 * 1000
        result[f"{name}_ratio"] = statistics.median(o / b for o, b in zip(pairs[name], plain, strict=True))
    result["advantages"] = max(float((a - b).abs().max()) for a, b in zip(ours, theirs, strict=True))
    result["losses"] = max(abs(float(a) - float(b)) for a, b in zip(losses[0], losses[1], strict=True))
    return result


def differences() -> dict[str, dict[str, float]]:
    """The largest differences to guerdon's own loop, by recipe."""
    test_trl, found = importlib.import_module("test_trl"), {}
    for name in DIFFERENCES:
        with tempfile.TemporaryDirectory() as folder:
            found[name] = toys.compare(test_trl.run(test_trl.RECIPES[name], Path(folder)), test_trl.RECIPES[name])
    return found


def main() -> None:
    """Print a line per size and per recipe."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=12, help="optimizer steps of each trainer, an even number")
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 128], help="widths of the model")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        results = {str(size): overhead(options.steps, size) for size in options.sizes}
        loop = differences()
    if options.json:
        print(json.dumps({"overhead": results, "own_loop": loop}))
        return
    for size, result in results.items():
        print(
            f"4 layers, width {size}, 128 completions of up to 32 tokens per optimizer step: plain TRL "
            f"{result['plain_s']:.2f} s; a recipe adds {result['recipe_added_ms']:+.0f} ms "
            f"({result['recipe_ratio']:.3f}x), with advantages per token {result['per_token_added_ms']:+.0f} ms "
            f"({result['per_token_ratio']:.3f}x); largest difference to TRL's own advantages "
            f"{result['advantages']:.1e}, to its losses {result['losses']:.1e}"
        )
    print("largest differences to guerdon's own loop on the same generations:")
    for name, worst in loop.items():
        print(f"  {name:16} " + "  ".join(f"{what} {value:.1e}" for what, value in worst.items()))


if __name__ == "__main__":
    main()
