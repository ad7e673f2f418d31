"""Peak memory of log-probabilities and entropies with gradients: chunked head against full logits.

Each way runs in a process of its own; its peak is what it adds to the memory held before it (``ru_maxrss`` on a CPU,
``torch.cuda.max_memory_allocated`` on a GPU). The full logits of the default sizes need about 25 GB. On a machine with
less, the plain way is measured at the most tokens that fit and scaled up in proportion, and the output says so.

    python benchmarks/logprob_memory.py [--vocab 151936] [--tokens 8192] [--hidden 64] [--device cpu] [--json]
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from guerdon.policies.linear_logprob import linear_logprob, plain_logprob

COPIES = 5.5
"""Arrays of the logits' size that the plain way holds at its peak (an upper bound, to decide what fits)."""
TARGET = 1 / 8


def child(way: str, vocab: int, tokens: int, hidden: int, device: str, out: str) -> None:
    """Run one way and write results, peak and seconds to ``out``."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    generator = torch.Generator().manual_seed(0)
    state = torch.randn(tokens, hidden, generator=generator).to(device).requires_grad_()
    weight = torch.randn(vocab, hidden, generator=generator).mul_(hidden**-0.5).to(device).requires_grad_()
    target = torch.randint(vocab, (tokens,), generator=generator).to(device)
    function: Callable = linear_logprob if way == "chunked" else plain_logprob
    small = function(state[:2], weight[:64], target[:2] % 64)[0].sum()  # loads the kernels' libraries
    small.backward()
    state.grad = weight.grad = None
    before, started = peak(device), time.perf_counter()
    logprob, entropy = function(state, weight, target)
    (logprob.mean() + 0.1 * entropy.mean()).backward()
    if device != "cpu":
        torch.cuda.synchronize()
    report = {"bytes": peak(device) - before, "seconds": time.perf_counter() - started}
    some = slice(0, 512)
    # The loss is a mean, so gradients are scaled back to those of one row.
    results = (logprob.detach()[some], entropy.detach()[some], state.grad[some] * tokens, weight.grad[some] * tokens)
    torch.save({**report, "results": [tensor.cpu() for tensor in results]}, out)


def peak(device: str) -> int:
    """Bytes at the highest point so far."""
    if device != "cpu":
        return torch.cuda.max_memory_allocated()
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def free(device: str) -> float:
    """Bytes that can be used now."""
    if device != "cpu":
        return torch.cuda.mem_get_info()[0]
    meminfo = Path("/proc/meminfo")
    if not meminfo.exists():
        return float("inf")
    line = next(line for line in meminfo.read_text().splitlines() if line.startswith("MemAvailable"))
    return int(line.split()[1]) * 1024.0


def measure(way: str, options: argparse.Namespace, tokens: int) -> dict:
    """``child`` in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "out.pt")
        sizes = [str(options.vocab), str(tokens), str(options.hidden), options.device, out]
        subprocess.run([sys.executable, __file__, "--child", way, *sizes], check=True)
        return torch.load(out)


def main() -> int:
    """Measure both ways, print the ratio and the largest difference; exit 1 if the ratio misses its target."""
    if sys.argv[1:2] == ["--child"]:
        way, vocab, tokens, hidden, device, out = sys.argv[2:]
        child(way, int(vocab), int(tokens), int(hidden), device, out)
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vocab", type=int, default=151_936)
    parser.add_argument("--tokens", type=int, default=8192)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    plain_tokens = options.tokens
    while plain_tokens > 1 and COPIES * 4 * plain_tokens * options.vocab > 0.9 * free(options.device):
        plain_tokens //= 2
    chunked = measure("chunked", options, options.tokens)
    plain = measure("plain", options, plain_tokens)
    same = chunked if plain_tokens == options.tokens else measure("chunked", options, plain_tokens)
    difference = max(float((a - b).abs().max()) for a, b in zip(same.pop("results"), plain.pop("results"), strict=True))
    plain_bytes = plain["bytes"] * options.tokens / plain_tokens
    facts = {
        "vocab": options.vocab,
        "tokens": options.tokens,
        "hidden": options.hidden,
        "chunked_mb": chunked["bytes"] / 1e6,
        "chunked_s": chunked["seconds"],
        "plain_mb": plain_bytes / 1e6,
        "plain_measured_at_tokens": plain_tokens,
        "plain_s": plain["seconds"] * options.tokens / plain_tokens,
        "ratio": chunked["bytes"] / plain_bytes,
        "largest_difference": difference,
    }
    if options.json:
        print(json.dumps(facts))
    else:
        scaled = "" if plain_tokens == options.tokens else f" (measured at {plain_tokens} tokens and scaled up)"
        print(f"vocabulary {options.vocab:,}, {options.tokens:,} tokens, hidden {options.hidden}, {options.device}")
        print(f"chunked  {facts['chunked_mb']:10,.0f} MB  {facts['chunked_s']:6.1f} s")
        print(f"plain    {facts['plain_mb']:10,.0f} MB  {facts['plain_s']:6.1f} s{scaled}")
        print(f"ratio {facts['ratio']:.4f} (target at most {TARGET}); largest difference {difference:.1e}")
    return 0 if facts["ratio"] <= TARGET and difference < 1e-4 else 1


if __name__ == "__main__":
    sys.exit(main())
