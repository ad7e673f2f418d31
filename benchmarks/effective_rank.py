"""Effective rank of all prefixes of a response: growing Gram matrix against a full decomposition of every prefix.

python benchmarks/effective_rank.py [--rows 2000] [--width 128 256] [--stride 20] [--json]
"""

import argparse
import json
import time

import torch

from guerdon.metrics.effective_rank import effective_rank, prefix_ranks

TARGET = 5.0


def measure(rows: int, width: int, stride: int) -> dict[str, float]:
    """Seconds of both ways, their ratio and the largest relative difference of the ranks."""
    generator = torch.Generator().manual_seed(0)
    # A decaying spectrum, as hidden states have one.
    states = torch.randn(rows, width, generator=generator) * torch.linspace(1, 0.01, width)
    ends = [at + 1 for at in range(stride, rows, stride)]
    prefix_ranks(states[:50], [50])
    effective_rank(states[:50])
    started = time.perf_counter()
    fast = prefix_ranks(states, ends)
    between = time.perf_counter()
    full = [effective_rank(states[:end]) for end in ends]
    done = time.perf_counter()
    worst = max(abs(a - b) / b for a, b in zip(fast, full, strict=True))
    seconds = (between - started, done - between)
    return {"gram_s": seconds[0], "full_s": seconds[1], "ratio": seconds[1] / seconds[0], "largest_error": worst}


def main() -> None:
    """Print a line per width."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2000, help="hidden states of the response")
    parser.add_argument("--width", type=int, nargs="+", default=[64, 128, 256], help="their sizes")
    parser.add_argument("--stride", type=int, default=20, help="rows between prefixes")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    options = parser.parse_args()
    results = {str(width): measure(options.rows, width, options.stride) for width in options.width}
    if options.json:
        print(json.dumps(results))
        return
    for width, result in results.items():
        print(
            f"T={options.rows} d={width}: Gram {result['gram_s']:.2f} s, full {result['full_s']:.2f} s, "
            f"{result['ratio']:.1f} times faster (target {TARGET:g}), largest relative error {result['largest_error']:.1e}"
        )


if __name__ == "__main__":
    main()
