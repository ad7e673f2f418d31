"""Tokens per second of sampling: guerdon against transformers' ``generate`` and continuous batching, and the machine.

The model, weights and prompts of ``end_to_end.py``: 32 prompts, 8 responses each, up to 32 tokens. The ways take turns,
a round each; numbers are medians over the rounds. The limit is what binds of two rates measured in the same process:
the arithmetic of all tokens at the rate of a large matrix product, and the bytes of the key-value cache that every
token reads at the rate of a copy. The model's own 3 MB stay in the processor's cache.

    python benchmarks/sampling.py [--rounds 7] [--threads 2] [--tokens 32] [--json]
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch

sys.path.insert(0, __file__.rpartition("/")[0])

from small_llama import SHAPE, Signs, Sums, llama, quiet, rates, tiny, tokenizer, weights_per_token

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
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--no-continuous", action="store_true", help="leave continuous batching out")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
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
        failed = {}
        if not options.no_continuous:
            way = continuous(llama(network), prompts, options.tokens)
            try:
                way(0)
                ways["transformers continuous batching"] = way
            except Exception as error:
                failed["transformers continuous batching"] = f"{type(error).__name__}: {str(error)[:120]}"
        speeds: dict[str, list[float]] = {name: [] for name in ways}
        lengths: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(options.rounds + 1):
            for name, way in ways.items():
                started = time.perf_counter()
                count, tokens = way(turn)
                if turn:
                    speeds[name].append(tokens / (time.perf_counter() - started))
                    lengths[name].append(tokens / count)
        product, copy = rates()
    facts = report(speeds, lengths, failed, product, copy, prompts, options)
    print(json.dumps(facts) if options.json else table(facts))
    return 0


def report(
    speeds: dict[str, list[float]],
    lengths: dict[str, list[float]],
    failed: dict[str, str],
    product: float,
    copy: float,
    prompts: list[torch.Tensor],
    options: argparse.Namespace,
) -> dict[str, Any]:
    """Medians, ratios and the limits."""
    base = speeds["transformers generate"]
    mean = statistics.mean(lengths["guerdon, TinyLM"])
    seen = statistics.mean(map(len, prompts)) + mean / 2
    cached = 4 * 2 * SHAPE.layers * SHAPE.width * seen
    arithmetic = 2 * weights_per_token() + 4 * SHAPE.layers * SHAPE.width * seen
    ways = {
        name: {
            "tokens_per_s": statistics.median(each),
            "tokens_per_response": statistics.mean(lengths[name]),
            "over_generate": statistics.median(a / b for a, b in zip(each, base, strict=True)),
        }
        for name, each in speeds.items()
    }
    limits = {"arithmetic": product / arithmetic, "memory": copy / cached}
    binding = min(limits, key=lambda name: limits[name])
    return {
        "threads": options.threads,
        "product_flop_per_s": product,
        "copy_bytes_per_s": copy,
        "limits_tokens_per_s": limits,
        "binds": binding,
        "share_of_limit": ways["guerdon, TinyLM"]["tokens_per_s"] / limits[binding],
        "ways": ways,
        "failed": failed,
    }


def table(facts: dict[str, Any]) -> str:
    """Lines to read."""
    lines = [f"{'':34} tokens/s  over generate  tokens/response"]
    for name, way in facts["ways"].items():
        rate, length = way["tokens_per_s"], way["tokens_per_response"]
        lines.append(f"{name:34} {rate:8,.0f}  {way['over_generate']:12.2f}x  {length:15.1f}")
    lines += [f"{name:34} did not run: {why}" for name, why in facts["failed"].items()]
    limits = facts["limits_tokens_per_s"]
    lines.append(
        f"limits: {limits['arithmetic']:,.0f} tokens/s by arithmetic at {facts['product_flop_per_s'] / 1e9:.0f} GFLOP/s, "
        f"{limits['memory']:,.0f} by the cache's bytes at {facts['copy_bytes_per_s'] / 1e9:.1f} GB/s; "
        f"TinyLM reaches {facts['share_of_limit']:.0%} of what binds ({facts['binds']})"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
