"""How long it takes until guerdon can be used, in fresh processes.

Importing guerdon is held against importing torch alone, and what needs no torch against Python's own start. Every
round starts each process once, with compiled bytecode at hand, as after an installation. What counts is processor time,
which other jobs change least; --wall takes the clock on the wall.

    python benchmarks/start_up.py [--rounds 7] [--wall] [--json [FILE]] [--record]
"""

import argparse
import resource
import sys
import tempfile
import time

from _measure import Row, add_options, median, paired, publish, quantity, quartiles, run_process

PYTHON = {
    "python": "pass",
    "import torch": "import torch",
    "import guerdon": "import guerdon",
    "from guerdon import *": "from guerdon import *",
    "every piece": "from guerdon.catalogue import pieces; pieces()",
}
COMMANDS = {
    "guerdon --help": ["--help"],
    "guerdon papers list": ["papers", "list"],
    "guerdon papers show grpo": ["papers", "show", "grpo"],
    "guerdon pieces list": ["pieces", "list"],
    "guerdon train --help": ["train", "--help"],
}
BEYOND = 0.5
"""Seconds that importing guerdon may take beyond torch."""
LISTED = 1.0
"""Seconds of ``guerdon papers list``."""


def children_seconds() -> float:
    """Processor time of all processes that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--wall", action="store_true", help="seconds on the wall, where nothing else runs")
    add_options(parser)
    options = parser.parse_args()
    clock = time.perf_counter if options.wall else children_seconds
    commands = {name: [sys.executable, "-c", code] for name, code in PYTHON.items()}
    commands |= {name: [sys.executable, "-m", "guerdon", *words] for name, words in COMMANDS.items()}
    with tempfile.TemporaryDirectory() as folder:
        compiled = {"PYTHONPYCACHEPREFIX": folder, "PYTHONDONTWRITEBYTECODE": ""}
        ways = {name: lambda words=words: run_process(words, compiled, every=None) for name, words in commands.items()}
        seconds = paired(ways, options.rounds, clock=clock)
    start, torch = seconds["python"], seconds["import torch"]
    rows = []
    for name in ("import guerdon", "from guerdon import *", "every piece"):
        base, what = (start, "Python's start") if name == "import guerdon" else (torch, "import torch")
        beyond = quartiles([a - b for a, b in zip(seconds[name], base, strict=True)])
        against = f"beyond {what}, {quantity(median(base), 's')}"
        rows.append(Row(name, beyond, "s", None, against, BEYOND, at_most=True))
    for name in COMMANDS:
        target = LISTED if name in ("guerdon papers list", "guerdon --help") else None
        rows.append(Row(name, quartiles(seconds[name]), "s", None, "in all", target, at_most=True))
    notes = ["Seconds on the wall." if options.wall else "Processor time, with compiled bytecode at hand."]
    return publish(__file__, "Import and start", rows, options, notes=notes)


if __name__ == "__main__":
    sys.exit(main())
