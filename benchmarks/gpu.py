"""Sampling and update of a Qwen2.5-0.5B-shaped model with random weights, in bf16, on a GPU.

Sampling, with the model's growing cache and over one of fixed size whose steps are compiled to a CUDA graph
(static_decode.py), is held against ``generate`` of transformers with its own two caches, and against the memory
bandwidth measured in the same process. The update is one optimiser step on responses of those lengths, held against the
rate of matrix products measured in the same process. The model comes from its configuration and the tokenizer is made
here: nothing is downloaded.

    python benchmarks/gpu.py [--prompts 32] [--repeats 8] [--new-tokens 256] [--json [FILE]] [--record]
    python benchmarks/gpu.py --device cpu --small        # runs every line without a GPU; its numbers mean nothing
"""

import argparse
import sys
from collections.abc import Callable
from typing import Any

import torch
from _measure import (
    Row,
    add_options,
    matmul_rate,
    median,
    paired,
    peak,
    publish,
    quantity,
    quartiles,
    ratio,
    read_bandwidth,
    reset_peak,
    synchronizer,
)
from static_decode import StaticDecoding
from torch import Tensor

from guerdon.batch import Batch
from guerdon.objective import Objective
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.policies.hugging_face import HuggingFaceModel
from guerdon.policies.hugging_face_tokenizer import HuggingFaceTokenizer
from guerdon.rollouts.sample import pack
from guerdon.rollouts.sampler import LocalSampler, Sampling
from guerdon.tasks.problem import Problem
from guerdon.update import Update, optimizer_step

QWEN = {
    "vocab_size": 151_936,
    "hidden_size": 896,
    "intermediate_size": 4864,
    "num_hidden_layers": 24,
    "num_attention_heads": 14,
    "num_key_value_heads": 2,
    "max_position_embeddings": 32_768,
    "tie_word_embeddings": True,
}
SMALL = {**QWEN, "vocab_size": 600, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
SMALL |= {"num_attention_heads": 4, "max_position_embeddings": 256}
WANTS = frozenset({"action.logprob"})


def make_tokenizer() -> Any:
    """A tokenizer of bytes; the model's other tokens have no text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate(["<pad>", "<eos>", *alphabet])}
    inner = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    inner.pre_tokenizer, inner.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="<pad>", eos_token="<eos>")


def make_policy(small: bool, device: str, dtype: torch.dtype) -> HuggingFaceModel:
    """A policy with random weights."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(0)
    config = Qwen2Config(**(SMALL if small else QWEN), pad_token_id=0, eos_token_id=1, bos_token_id=None)
    model = Qwen2ForCausalLM(config).to(device, dtype).eval()
    return HuggingFaceModel(model, HuggingFaceTokenizer(make_tokenizer(), "random"), WANTS, adapter=False, chat=False)


def decoded_bytes(config: Any, dtype: torch.dtype, rows: int, prompt: int, new: int) -> float:
    """Bytes that decoding ``new`` tokens of ``rows`` sequences must read: all weights per step, and the cache so far."""
    head = config.hidden_size // config.num_attention_heads
    per_token = 2 * config.num_hidden_layers * config.num_key_value_heads * head
    cache = rows * per_token * sum(prompt + step for step in range(new))
    return dtype.itemsize * (weights(config) * new + cache)


def weights(config: Any) -> int:
    """Numbers in the matrices that a token is multiplied by, the head included."""
    width, inside = config.hidden_size, config.intermediate_size
    shared = width // config.num_attention_heads * config.num_key_value_heads
    layer = 2 * width * width + 2 * width * shared + 3 * width * inside
    return config.num_hidden_layers * layer + config.vocab_size * width


def trained_flops(config: Any, rows: int, prompt: int, new: int) -> float:
    """Multiplications and additions that a step needs: the head on trained tokens alone, nothing computed twice."""
    length, head = prompt + new, config.vocab_size * config.hidden_size
    layers = 2 * (weights(config) - head) * rows * length
    attention = 2 * config.num_hidden_layers * config.hidden_size * rows * length**2
    return 3 * (layers + attention + 2 * head * rows * new)


def training_batch(policy: HuggingFaceModel, prompts: list[Tensor], repeats: int, new: int) -> Batch:
    """Random responses of one length, as a rollout would give them."""
    generator = torch.Generator().manual_seed(1)
    vocab = policy.head()[0].shape[0]
    parts = [torch.randint(2, vocab, (new,), generator=generator) for _ in range(len(prompts) * repeats)]
    problems = [Problem(number, "prompt") for number in range(len(prompts))]
    batch = pack(problems, range(len(prompts)), prompts, parts)
    rows = batch.size("token")
    facts = {
        "token.advantage": torch.randn(rows, generator=generator),
        "token.old_logprob": torch.full((rows,), -float(torch.tensor(vocab).log())),
    }
    return batch.with_columns(facts).to(policy.device)


def sampling_ways(policy: HuggingFaceModel, prompts: list[Tensor], repeats: int, new: int) -> dict[str, Callable]:
    """Ours and those of transformers; each gives ``len(prompts) * repeats * new`` tokens."""
    ids = torch.stack(prompts).to(policy.device)
    model: Any = policy.causal
    # Without an end-of-sequence token every response has the same length on all sides.
    plain = {
        "attention_mask": torch.ones_like(ids),
        "do_sample": True,
        "temperature": 1.0,
        "top_k": 0,
        "top_p": 1.0,
        "max_new_tokens": new,
        "min_new_tokens": new,
        "num_return_sequences": repeats,
        "pad_token_id": 0,
    }
    seeds = torch.arange(len(prompts) * repeats)
    how, static = Sampling(max_tokens=new), StaticDecoding(policy, new)
    return {
        "guerdon": lambda: LocalSampler(policy).generate(prompts, repeats, seeds, how),
        "guerdon, static cache": lambda: LocalSampler(static).generate(prompts, repeats, seeds, how),  # type: ignore[arg-type]
        "generate": lambda: model.generate(ids, **plain),
        "generate, static cache": lambda: model.generate(ids, **plain, cache_implementation="static"),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true", help="a model of two narrow layers, few and short responses")
    parser.add_argument("--prompts", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=8, help="responses per prompt")
    parser.add_argument("--prompt-tokens", type=int, default=256)
    parser.add_argument("--new-tokens", type=int, default=256)
    parser.add_argument("--micro-batch", type=int, default=16, help="responses per forward and backward pass")
    parser.add_argument("--rounds", type=int, default=3)
    add_options(parser)
    options = parser.parse_args()
    if options.device != "cpu" and not torch.cuda.is_available():
        raise SystemExit("no GPU was found; --device cpu --small runs every line of this benchmark without one")
    if options.device == "cpu" and options.record:
        raise SystemExit("what a CPU does here is no measurement of a GPU and is not recorded; leave --record out")
    if options.small:
        options.prompts, options.repeats, options.prompt_tokens, options.new_tokens = 2, 2, 8, 8
    dtype = torch.bfloat16
    policy = make_policy(options.small, options.device, dtype)
    config: Any = policy.causal.config
    generator = torch.Generator().manual_seed(0)
    size = (options.prompts, options.prompt_tokens)
    prompts = list(torch.randint(2, config.vocab_size, size, generator=generator))
    rows = [*sampling(policy, prompts, options, dtype), *update(policy, prompts, options, dtype)]
    notes = [
        f"{sum(p.numel() for p in policy.parameters()) / 1e6:.0f} million parameters in bf16; {options.prompts} prompts "
        f"of {options.prompt_tokens} tokens, {options.repeats} responses each of {options.new_tokens} tokens."
    ]
    if options.device == "cpu":
        notes.append("Run on a CPU to see that it runs: these are not measurements of a GPU.")
    return publish(__file__, "Sampling and update on a GPU", rows, options, packages=("transformers",), notes=notes)


def sampling(policy: HuggingFaceModel, prompts: list[Tensor], options: argparse.Namespace, dtype: torch.dtype) -> list:
    """Tokens per second of each way, the share of the bandwidth, and our peak."""
    wait = synchronizer(options.device)
    ways = sampling_ways(policy, prompts, options.repeats, options.new_tokens)
    responses = len(prompts) * options.repeats
    tokens = responses * options.new_tokens
    with torch.no_grad():
        seconds = paired(ways, options.rounds, synchronize=wait)
        held = reset_peak(options.device)
        ways["guerdon"]()
    most = peak(options.device)
    rows = []
    for our in ("guerdon", "guerdon, static cache"):
        rate = quartiles([tokens / each for each in seconds[our]])
        for name in ("generate", "generate, static cache"):
            against = f"transformers {name}, {quantity(tokens / median(seconds[name]), 'tokens/s')}"
            rows.append(Row(f"sampling, {our}", rate, "tokens/s", ratio(seconds[name], seconds[our]), against))
    ours = min(seconds["guerdon"], seconds["guerdon, static cache"], key=median)
    bandwidth = read_bandwidth(options.device, 4 if options.small else 256)
    least = decoded_bytes(policy.causal.config, dtype, responses, options.prompt_tokens, options.new_tokens) / bandwidth
    against = f"reading weights and cache once per step at {quantity(bandwidth, 'B/s')}"
    rows.append(Row("sampling, the faster's share of the bandwidth", median(ours), "s", least / median(ours), against))
    rows.append(Row("sampling, peak memory", most, "B", None, f"{quantity(held, 'B')} held before"))
    return rows


def update(policy: HuggingFaceModel, prompts: list[Tensor], options: argparse.Namespace, dtype: torch.dtype) -> list:
    """Tokens per second of an optimiser step, its arithmetic over the rate of matrix products, and its peak."""
    batch = training_batch(policy, prompts, options.repeats, options.new_tokens)
    how = Update(lr=1e-6, micro_batch=options.micro_batch)
    optimizer, objective = how.optimizer(policy), Objective(PPOClip())
    policy.train()
    step = lambda: optimizer_step(policy, optimizer, objective, batch, how, {})  # noqa: E731
    wait = synchronizer(options.device)
    step()
    held = reset_peak(options.device)
    ours = paired({"step": step}, options.rounds, warm_up=0, synchronize=wait)["step"]
    most = peak(options.device)
    policy.eval()
    responses = len(prompts) * options.repeats
    tokens = responses * (options.prompt_tokens + options.new_tokens)
    flops = trained_flops(policy.causal.config, responses, options.prompt_tokens, options.new_tokens) / median(ours)
    limit = matmul_rate(options.device, dtype, 64 if options.small else None)
    rate = quartiles([tokens / each for each in ours])
    return [
        Row("update, prompt tokens counted", rate, "tokens/s"),
        Row("update, arithmetic", flops, "FLOP/s", flops / limit, f"matrix products at {quantity(limit, 'FLOP/s')}"),
        Row("update, peak memory", most, "B", None, f"{quantity(held, 'B')} held before"),
    ]


if __name__ == "__main__":
    sys.exit(main())
