"""Peak memory and time of log-probabilities and entropies with gradients: chunked head against full logits.

For the peak, each way runs once in a process of its own, and what counts is what it adds to the memory held before it.
The full logits of the default sizes need about 25 GB. On a machine with less, the plain way is measured at the most
tokens that fit and scaled up in proportion, and the table says so. Times are those of fewer tokens, in turns. Numbers
are held against the plain way in float64: results and gradients of the first rows.

    python benchmarks/logprob_memory.py [--vocab 151936] [--tokens 8192] [--device cpu] [--json [FILE]] [--record]
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable

import torch
from _measure import (
    Row,
    add_options,
    available_memory,
    median,
    paired,
    peak,
    publish,
    quantity,
    ratio,
    reset_peak,
    synchronizer,
)
from torch import Tensor

from guerdon.policies.linear_logprob import linear_logprob, plain_logprob

COPIES = 5.5
"""Arrays of the logits' size that the plain way holds at its peak (an upper bound, to decide what fits)."""
LEAST = 8.0
"""How many times less memory the chunked way must take."""
SAME = 1e-5
"""Largest difference allowed, relative to the largest number of its kind where that exceeds 1."""
WAYS: dict[str, Callable] = {"chunked": linear_logprob, "plain": plain_logprob}


def inputs(vocab: int, tokens: int, hidden: int, device: str, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """Hidden states and weights that want a gradient, and targets."""
    generator = torch.Generator().manual_seed(0)
    state = torch.randn(tokens, hidden, generator=generator).to(device, dtype).requires_grad_()
    weight = torch.randn(vocab, hidden, generator=generator).mul_(hidden**-0.5).to(device, dtype).requires_grad_()
    return [state, weight, torch.randint(vocab, (tokens,), generator=generator).to(device)]


def work(way: str, state: Tensor, weight: Tensor, target: Tensor) -> list[Tensor]:
    """Forward and backward: log-probs, entropies and both gradients of a sum over rows."""
    state.grad = weight.grad = None
    logprob, entropy = WAYS[way](state, weight, target)
    (logprob.sum() + 0.1 * entropy.sum()).backward()
    assert state.grad is not None and weight.grad is not None
    return [logprob.detach(), entropy.detach(), state.grad, weight.grad]


def child(way: str, vocab: int, tokens: int, hidden: int, device: str) -> None:
    """Run one way and print the bytes it added at its peak."""
    state, weight, target = inputs(vocab, tokens, hidden, device)
    few = [state[:2].detach().requires_grad_(), weight[:64].detach().requires_grad_(), target[:2] % 64]
    work(way, *few)  # loads the kernels' libraries
    before = reset_peak(device)
    work(way, state, weight, target)
    if wait := synchronizer(device):
        wait()
    print(json.dumps(peak(device) - before))


def peak_of(way: str, options: argparse.Namespace, tokens: int) -> int:
    """``child`` in a process of its own."""
    sizes = [str(options.vocab), str(tokens), str(options.hidden), options.device]
    command = [sys.executable, __file__, "--child", way, *sizes]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def errors(options: argparse.Namespace, rows: int = 256) -> dict[str, dict[str, float]]:
    """Way -> what -> largest error against float64."""
    exact = work("plain", *inputs(options.vocab, rows, options.hidden, options.device, torch.float64))
    found = {way: work(way, *inputs(options.vocab, rows, options.hidden, options.device)) for way in WAYS}
    names = ("log-probs", "entropies", "gradients of states", "gradients of weights")
    return {
        way: {
            name: float((a - b).abs().max() / b.abs().max().clamp(min=1))
            for name, a, b in zip(names, results, exact, strict=True)
        }
        for way, results in found.items()
    }


def main() -> int:
    """Measure both ways; exit 1 if a target is missed."""
    if sys.argv[1:2] == ["--child"]:
        way, vocab, tokens, hidden, device = sys.argv[2:]
        child(way, int(vocab), int(tokens), int(hidden), device)
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vocab", type=int, default=151_936)
    parser.add_argument("--tokens", type=int, default=8192)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=5, help="of the timing")
    add_options(parser)
    options = parser.parse_args()
    free = available_memory() if options.device == "cpu" else torch.cuda.mem_get_info()[0]
    fits = options.tokens
    while fits > 1 and COPIES * 4 * fits * options.vocab > 0.9 * free:
        fits //= 2
    chunked, plain = peak_of("chunked", options, options.tokens), peak_of("plain", options, fits)
    scaled = plain * options.tokens / fits
    how = "measured" if fits == options.tokens else f"{quantity(plain, 'B')} measured at {fits:,} tokens, scaled up"
    data = inputs(options.vocab, min(options.tokens, 512), options.hidden, options.device)
    ways = {way: lambda way=way: work(way, *data) for way in WAYS}
    seconds = paired(ways, options.rounds, synchronize=synchronizer(options.device))
    faster = ratio(seconds["plain"], seconds["chunked"])
    against = f"full logits, {quantity(scaled, 'B')} ({how})"
    rows = [Row("peak memory added", chunked, "B", scaled / chunked, against, LEAST)]
    against = f"full logits, {quantity(median(seconds['plain']), 's')}"
    rows.append(Row(f"time of {len(data[0]):,} tokens", median(seconds["chunked"]), "s", faster, against))
    found = errors(options)
    for name, error in found["chunked"].items():
        against = f"float64 (full logits in float32: {found['plain'][name]:.1e})"
        rows.append(Row(f"largest relative error of {name}", error, "", None, against, SAME, at_most=True))
    sizes = f"vocabulary {options.vocab:,}, {options.tokens:,} tokens, hidden size {options.hidden}, {options.device}"
    return publish(__file__, f"Log-probabilities and entropies with gradients: {sizes}", rows, options)


if __name__ == "__main__":
    sys.exit(main())
