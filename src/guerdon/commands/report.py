"""Write one HTML page about a run, or about several side by side: what `guerdon view` shows, in a file.

The page opens offline and can be mailed: all curves, and as many rollouts with their tokens as are asked for, chosen
where rewards differ most and evenly over the steps.

Examples:
  guerdon report runs/a                      writes runs/a/report.html
  guerdon report runs/a runs/b --out ab.html
  guerdon report runs/a --rollouts 2000      more rollouts, a larger file
"""

import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("runs", nargs="+", metavar="DIR", help="run folders, or folders that hold some")
    parser.add_argument("--out", metavar="FILE", help="the page (default: report.html in the first folder)")
    parser.add_argument("--rollouts", type=int, default=400, metavar="N", help="rollouts in the file (default: 400)")
    parser.add_argument("--json", action="store_true", help="print path, bytes and numbers of rollouts as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Write the page and print its path and size."""
    import dataclasses
    import json

    from guerdon.view.report import write

    written = write(arguments.runs, arguments.out, arguments.rollouts)
    print(
        json.dumps({**dataclasses.asdict(written), "path": str(written.path)}) if arguments.json else written.sentence()
    )
    return 0
