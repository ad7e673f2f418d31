"""Tokens per second of sampling: guerdon against transformers' ``generate`` and continuous batching, and the machine.

The model, weights and prompts of ``end_to_end.py``: 32 prompts, 8 responses each, up to 32 tokens. The ways take turns,
a round each. The limit is what binds of two rates measured in the same process: the arithmetic of all tokens at the
rate of a large matrix product, and the bytes of the key-value cache that every token reads at the rate of a
matrix-vector product. The model's own 3 MB stay in the processor's cache.

    python benchmarks/sampling.py [--rounds 7] [--threads 2] [--no-continuous] [--processor] [--json [FILE]] [--record]
"""

import argparse
import itertools
import statistics
import sys
from collections.abc import Callable
from typing import Any

import torch
from _measure import (
    Row,
    add_clock,
    add_options,
    clock_of,
    matmul_rate,
    median,
    paired,
    publish,
    quartiles,
    ratio,
    read_bandwidth,
)
from _small_llama import SHAPE, Signs, Sums, llama, quiet, tiny, tokenizer, weights_per_token

from guerdon.policies.hugging_face import HuggingFaceDecodeState, HuggingFaceModel
from guerdon.policies.hugging_face_tokenizer import HuggingFaceTokenizer
from guerdon.rollouts.sampler import LocalSampler, Sampling

PROMPTS, GROUP = 32, 8
Way = Callable[[int], tuple[int, int]]
"""Seed -> responses and sampled tokens."""


def ours(policy: Any, prompts: list[torch.Tensor], how: Sampling) -> Way:
    def run(seed: int) -> tuple[int, int]:
        generator = torch.Generator().manual_seed(seed)
        seeds = torch.randint(0, 2**62, (len(prompts) * GROUP,), generator=generator)
        out = LocalSampler(policy).generate(prompts, GROUP, seeds, how)
        return len(out), sum(len(each.ids) for each in out)

    return run


def through_modules(policy: HuggingFaceModel) -> HuggingFaceModel:
    """The same policy, decoding by the model's own modules as models of other shapes do."""
    policy.prefill = lambda prompts: HuggingFaceDecodeState(policy, prompts)  # type: ignore[method-assign]
    return policy


def theirs(model: Any, prompts: list[torch.Tensor], tokens: int) -> Way:
    longest = max(map(len, prompts))
    ids = torch.stack([torch.nn.functional.pad(each, (longest - len(each), 0)) for each in prompts])
    mask = torch.stack([torch.arange(longest) >= longest - len(each) for each in prompts]).long()
    ids, mask = ids.repeat_interleave(GROUP, 0), mask.repeat_interleave(GROUP, 0)

    def run(seed: int) -> tuple[int, int]:
        torch.manual_seed(seed)
        out = model.generate(
            input_ids=ids, attention_mask=mask, do_sample=True, max_new_tokens=tokens, top_k=0, top_p=1.0
        )[:, longest:]
        ended = (out == Signs.eos_id).int().cumsum(1)
        return len(out), int(((ended - (out == Signs.eos_id).int()) == 0).sum())

    return run


def continuous(model: Any, prompts: list[torch.Tensor], tokens: int) -> Way:
    from transformers import GenerationConfig
    from transformers.generation import ContinuousBatchingConfig

    # By default it takes most of the memory for its cache. This is room for all responses at once.
    room = ContinuousBatchingConfig(num_blocks=GROUP * PROMPTS, page_size=64, max_batch_tokens=512)
    config = GenerationConfig(
        do_sample=True, max_new_tokens=tokens, top_k=0, top_p=1.0, eos_token_id=Signs.eos_id, pad_token_id=Signs.pad_id
    )
    inputs = [each.tolist() for each in prompts for _ in range(GROUP)]

    def run(seed: int) -> tuple[int, int]:
        torch.manual_seed(seed)
        out = model.generate_batch(
            inputs=inputs, generation_config=config, continuous_batching_config=room, progress_bar=False
        )
        return len(out), sum(len(each.generated_tokens) for each in out.values())

    return run


def main() -> int:
    """Run the ways in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--no-continuous", action="store_true", help="leave continuous batching out")
    add_clock(parser)
    add_options(parser)
    options = parser.parse_args()
    clock = clock_of(options)
    torch.set_num_threads(options.threads)
    with quiet():
        network, task = tiny(), Sums(PROMPTS)
        prompts = [torch.tensor(network.encode_prompt(task.problem("train", n))) for n in range(PROMPTS)]
        how, model = Sampling(max_tokens=options.tokens), llama(network)
        wrap = lambda: HuggingFaceModel(  # noqa: E731
            model, HuggingFaceTokenizer(tokenizer(), "small"), frozenset(), adapter=False, chat=False
        )
        ways: dict[str, Way] = {
            "guerdon, TinyLM": ours(network, prompts, how),
            "guerdon, HuggingFaceLM": ours(wrap(), prompts, how),
            "guerdon, by the model's modules": ours(through_modules(wrap()), prompts, how),
            "transformers generate": theirs(model, prompts, options.tokens),
        }
        notes = []
        if not options.no_continuous:
            way = continuous(llama(network), prompts, options.tokens)
            try:
                way(0)
                ways["transformers continuous batching"] = way
            except Exception as error:
                notes.append(f"Continuous batching did not run: {type(error).__name__}: {str(error)[:120]}")
        sampled: dict[str, list[tuple[int, int]]] = {name: [] for name in ways}
        numbers = {name: itertools.count() for name in ways}
        seconds = paired(
            {name: lambda n=name: sampled[n].append(ways[n](next(numbers[n]))) for name in ways},
            options.rounds,
            clock=clock,
        )
        product, read = matmul_rate(clock=clock), read_bandwidth(clock=clock)
    rates = {
        name: [tokens / each for (_, tokens), each in zip(sampled[name][1:], seconds[name], strict=True)]
        for name in ways
    }
    lengths = {name: statistics.mean(tokens / count for count, tokens in sampled[name]) for name in ways}
    return publish(
        __file__,
        f"Sampling: 4 layers of width 128, {PROMPTS * GROUP} responses of up to {options.tokens} tokens",
        rows_of(rates, lengths["guerdon, TinyLM"] / 2 + statistics.mean(map(len, prompts)), product, read),
        options,
        packages=("transformers",),
        notes=[
            f"{options.threads} threads, fp32; tokens per response: "
            + ", ".join(f"{name} {length:.1f}" for name, length in lengths.items())
            + ".",
            *notes,
        ],
    )


def rows_of(rates: dict[str, list[float]], seen: float, product: float, read: float) -> list[Row]:
    """Tokens per second, over ``generate``, and as a share of the limits; ``seen``: mean length of the cache."""
    out = []
    for name, each in rates.items():
        peers = [peer for peer in rates if peer.startswith("transformers")] if name.startswith("guerdon") else []
        if not peers:
            out.append(Row(name, quartiles(each), "tokens/s"))
        for peer in peers:
            out.append(Row(name, quartiles(each), "tokens/s", ratio(each, rates[peer]), peer))
    operations = 2 * weights_per_token() + 4 * SHAPE.layers * SHAPE.width * seen
    cached = 4 * 2 * SHAPE.layers * SHAPE.width * seen
    limits = {
        f"arithmetic at {product / 1e9:.0f} GFLOP/s": product / operations,
        f"cache read at {read / 1e9:.1f} GB/s": read / cached,
    }
    best = median(rates["guerdon, TinyLM"])
    for name, limit in limits.items():
        out.append(Row("guerdon, TinyLM, share of a limit", limit, "tokens/s", best / limit, name))
    return out


if __name__ == "__main__":
    sys.exit(main())
