"""Memory and speed of ``guerdon score`` on a long file against a short one: the peak must not grow with the file.

Each file is scored by a process of its own, with --out; what counts is the largest resident memory of that process and
whatever it starts, summed, looked at fifty times a second (Linux: /proc).

    python benchmarks/score_memory.py [--lines 10000 1000000] [--reward exact:tag=answer] [--json]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _measure import resident

ALLOWED = 8.0
"""MiB by which the peaks may differ: buffers and the allocator's slack."""


def write_file(path: Path, lines: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        for n in range(lines):
            right = n + 1 + (n % 3 == 0)
            thought = f"{n} plus one is {right}; let me check that once more, slowly, before I answer. " * (1 + n % 3)
            response = f"<think>{thought}</think><answer>{right}</answer>"
            file.write(json.dumps({"prompt": f"What is {n} + 1?", "response": response, "answer": str(n + 1)}) + "\n")


def measure(lines: int, reward: str, folder: Path) -> dict[str, float]:
    source, out = folder / f"{lines}.jsonl", folder / f"{lines}.scores.jsonl"
    write_file(source, lines)
    command = [sys.executable, "-m", "guerdon", "score", str(source), "--reward", reward, "--out", str(out)]
    began, peak = time.perf_counter(), 0.0
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            peak = max(peak, resident(process.pid) / 2**20)
            time.sleep(0.02)
        assert process.stderr is not None
        told = process.stderr.read()
    if process.returncode:
        raise SystemExit(told)
    with out.open("rb") as file:
        assert sum(1 for _ in file) == lines
    rate = float(told.split()[-2])
    size = source.stat().st_size / 2**20
    seconds = time.perf_counter() - began
    return {"lines": lines, "input_mib": size, "peak_mib": peak, "lines_per_s": rate, "seconds": seconds}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, nargs=2, default=[10_000, 1_000_000])
    parser.add_argument("--reward", default="exact:tag=answer")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = [measure(lines, arguments.reward, Path(folder)) for lines in arguments.lines]
    more = found[1]["peak_mib"] - found[0]["peak_mib"]
    if arguments.json:
        print(json.dumps({"measured": found, "more_mib": more, "constant": more <= ALLOWED}))
    else:
        for each in found:
            print(
                f"{each['lines']:>9.0f} lines, {each['input_mib']:7.1f} MiB: peak {each['peak_mib']:6.1f} MiB, "
                f"{each['lines_per_s']:.0f} lines/s, {each['seconds']:.1f} s with the start"
            )
        print(f"the long file takes {more:+.1f} MiB")
    return int(more > ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
