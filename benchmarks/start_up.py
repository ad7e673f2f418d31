"""How long it takes until guerdon can be used, in fresh processes.

Importing guerdon is held against importing torch alone, and what needs no torch against Python's own start. Every
round starts each process once, with compiled bytecode at hand, as after an installation.

    python benchmarks/start_up.py [--rounds 7] [--json [FILE]] [--record]
"""

import argparse
import sys
import tempfile

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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    add_options(parser)
    options = parser.parse_args()
    commands = {name: [sys.executable, "-c", code] for name, code in PYTHON.items()}
    commands |= {name: [sys.executable, "-m", "guerdon", *words] for name, words in COMMANDS.items()}
    with tempfile.TemporaryDirectory() as folder:
        compiled = {"PYTHONPYCACHEPREFIX": folder, "PYTHONDONTWRITEBYTECODE": ""}
        ways = {name: lambda words=words: run_process(words, compiled, every=None) for name, words in commands.items()}
        seconds = paired(ways, options.rounds)
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
    return publish(__file__, "Import and start", rows, options)


if __name__ == "__main__":
    sys.exit(main())
