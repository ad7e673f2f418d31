"""Arithmetic achieved by a training pass, forward and backward, over the rate of a matrix product in the same process.

The responses are those of ``end_to_end.py`` (32 prompts, 8 responses each, up to 32 tokens), sampled once; their lengths
are printed, since what packing gains depends on them. The ways take turns. ``useful`` counts each prompt once, each
sampled token but the last, and three products (one forward, two backward) per weight and attended pair; what a way
computes beyond that is waste.

    python benchmarks/update.py [--rounds 7] [--threads 2] [--long] [--curve] [--processor] [--json [FILE]] [--record]

``--long``: prompts of 200 tokens and responses of very unequal lengths up to 200.
``--curve``: in place of speeds, rewards at every step with and without the new ways, on three seeds of a small task.
"""

import argparse
import itertools
import statistics
import sys
from collections.abc import Callable
from dataclasses import replace

import torch
from _measure import Row, add_clock, add_options, clock_of, matmul_rate, median, paired, publish, quartiles, ratio
from _small_llama import SHAPE, Sums, digits, quiet, tiny, weights_per_token

from guerdon.batch import Batch
from guerdon.loop import Trainer
from guerdon.papers.grpo import TRL
from guerdon.policies.language_model import LanguageModel
from guerdon.policies.tiny_lm import TinyLanguageModel
from guerdon.rewards.guard import Guard
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample, pack
from guerdon.rollouts.sampler import LocalSampler, Sampling
from guerdon.update import Update, micro_batches

PROMPTS, GROUP = 32, 8
WANTS = frozenset({"action.logprob"})


class Padded(TinyLanguageModel):
    """The same network, as a model that pads its passes."""

    @property
    def packs(self) -> bool:
        return False


def padded(model: TinyLanguageModel) -> TinyLanguageModel:
    other = tiny(WANTS)
    other.__class__ = Padded
    other.load_state_dict(model.state_dict())
    return other


def batch_of(model: TinyLanguageModel, long: bool) -> Batch:
    """Sampled responses; with ``long``, random tokens of a long-tailed length distribution."""
    task = Sums(PROMPTS)
    problems = [task.problem("train", number) for number in range(PROMPTS)]
    generator = torch.Generator().manual_seed(0)
    if long:
        draw = lambda size: torch.randint(2, 22, (size,), generator=generator)  # noqa: E731
        prompts = [draw(200) for _ in range(PROMPTS)]
        sizes = (torch.empty(PROMPTS * GROUP).log_normal_(3.5, 0.9, generator=generator)).clamp(1, 200).long()
        return pack(problems, range(PROMPTS), prompts, [draw(size) for size in sizes.tolist()])
    prompts = [torch.tensor(model.encode_prompt(problem)) for problem in problems]
    seeds = torch.randint(0, 2**62, (PROMPTS * GROUP,), generator=generator)
    done = LocalSampler(model).generate(prompts, GROUP, seeds, Sampling(max_tokens=32))
    return pack(problems, range(PROMPTS), prompts, [each.ids for each in done])


def one_pass(model: LanguageModel, batch: Batch, update: Update) -> None:
    """Log-probs of all tokens and their gradient, in the passes of ``update``."""
    model.zero_grad(set_to_none=True)
    for part in micro_batches(batch, update, "traj", model.packs):
        (model.evaluate(part, WANTS)["action.logprob"] * part["token.weight"]).sum().backward()


def useful(batch: Batch, model: TinyLanguageModel) -> float:
    """Operations that the gradient needs."""
    row = batch.index("token", "traj")
    sampled = torch.bincount(row, minlength=batch.size("traj")).double()
    prompts = torch.tensor([len(ids) for ids in batch["traj.input_ids"]]).double() - sampled
    first = prompts[:: batch.size("traj") // batch.size("group")]
    own = (sampled - 1).clamp(min=0)
    tokens = float(first.sum() + own.sum())
    pairs = float((first * (first + 1) / 2).sum() + (own * prompts + own * (own + 1) / 2).sum())
    head = model.head()[0].numel()
    products = tokens * (weights_per_token(model) - head) + batch.size("token") * head
    return 3 * (2 * products + 4 * SHAPE.layers * SHAPE.width * pairs)


def histogram(batch: Batch) -> dict[str, int]:
    """How many responses have how many tokens."""
    sampled = torch.bincount(batch.index("token", "traj"), minlength=batch.size("traj"))
    edges = torch.linspace(0, float(sampled.max()), 9).ceil().long().tolist()
    return {
        f"{low + 1}-{high}": int(((sampled > low) & (sampled <= high)).sum()) for low, high in itertools.pairwise(edges)
    }


def curve(policy: TinyLanguageModel, update: Update, seed: int, steps: int) -> list[float]:
    """Mean rewards of a small task, step by step."""
    recipe = replace(
        TRL,
        task=Sums(16),
        rollout=Sample(8, 8, Sampling(max_tokens=12)),
        rewards=(Verifier(guard=Guard(isolate=False)),),
        update=replace(update, lr=1e-3),
    )
    trainer = Trainer(recipe, steps=steps, seed=seed, policy=policy)
    out = []
    for _ in range(steps):
        batch, _ = trainer.train_step()
        out.append(statistics.mean(map(digits, batch["traj.response"])))
    return out


def curves(options: argparse.Namespace) -> int:
    """Rewards at step k, old ways and new ways, within seeds."""
    rows, notes = [], []
    for seed in range(3):
        plain = Update()
        old = curve(padded(tiny(WANTS, seed)), plain, seed, 30)
        new = curve(tiny(WANTS, seed), replace(plain, micro_batch_tokens=512), seed, 30)
        gap = max(abs(a - b) for a, b in zip(old, new, strict=True))
        rows.append(Row(f"seed {seed}: largest difference of a step's reward", gap, "", target=0.01, at_most=True))
        for name, found in (("padded", old), ("packed", new)):
            notes.append(f"seed {seed}, {name}, every fifth step: " + " ".join(f"{each:.4f}" for each in found[::5]))
    return publish(__file__, "The learning curve, with and without padding", rows, options, part="curve", notes=notes)


def main() -> int:
    """Run the ways in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--passes", type=int, default=2048, help="tokens per pass")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--curve", action="store_true")
    add_clock(parser)
    add_options(parser)
    options = parser.parse_args()
    clock = clock_of(options)
    torch.set_num_threads(options.threads)
    with quiet():
        if options.curve:
            return curves(options)
        model = tiny(WANTS)
        batch = batch_of(model, options.long)
        batch = batch.with_columns({"token.weight": torch.linspace(-1, 1, batch.size("token"))})
        plain, whole, cut = padded(model), Update(), Update(micro_batch_tokens=options.passes)
        ways: dict[str, Callable[[], None]] = {
            "padded, one pass": lambda: one_pass(plain, batch, whole),
            "padded, passes by tokens": lambda: one_pass(plain, batch, cut),
            "packed, one pass": lambda: one_pass(model, batch, whole),
            "packed, passes by tokens": lambda: one_pass(model, batch, cut),
        }
        seconds, product = paired(ways, options.rounds, clock=clock), matmul_rate(clock=clock)
        difference = gradient_difference(plain, model, batch, cut)
    operations, base, rows = useful(batch, model), seconds["padded, one pass"], []
    for name, each in seconds.items():
        over = None if each is base else ratio(base, each)
        rows.append(Row(name, quartiles(each), "s", over, "" if each is base else "padded, one pass"))
        share = operations / median(each) / product
        limit = f"matrix product, {product / 1e9:.0f} GFLOP/s"
        rows.append(Row(f"{name}, useful arithmetic", operations / median(each), "FLOP/s", share, limit))
    rows.append(Row("largest difference of a gradient, fp64", difference, "", target=1e-6, at_most=True))
    lengths = ", ".join(f"{name}: {count}" for name, count in histogram(batch).items())
    return publish(
        __file__,
        f"Update: forward and backward of {batch.size('traj')} responses, {batch.size('token'):,} tokens",
        rows,
        options,
        part="long" if options.long else "",
        notes=[
            f"{options.threads} threads, fp32; useful: {operations / 1e9:.1f} GFLOP.",
            f"Responses by tokens: {lengths}.",
        ],
    )


def gradient_difference(plain: LanguageModel, model: LanguageModel, batch: Batch, cut: Update) -> float:
    """Of the padded gradient in one pass and the packed one in passes, over its largest entry, in fp64."""
    plain, model = plain.double(), model.double()
    one_pass(plain, batch, Update())
    one_pass(model, batch, cut)
    pairs = [(a.grad, b.grad) for a, b in zip(plain.parameters(), model.parameters(), strict=True)]
    scale = max(float(a.abs().max()) for a, _ in pairs if a is not None)
    return max(float((a - b).abs().max()) for a, b in pairs if a is not None and b is not None) / scale


if __name__ == "__main__":
    sys.exit(main())
