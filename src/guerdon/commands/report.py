"""Write one HTML page about a run, or about several side by side: curves, evaluation, sample rollouts, recipe.

Examples:
  guerdon report runs/a                      writes runs/a/report.html
  guerdon report runs/a runs/b --out ab.html
"""

import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("runs", nargs="+", metavar="DIR", help="run folders")
    parser.add_argument("--out", metavar="FILE", help="the page (default: report.html in the first folder)")


def run(arguments: argparse.Namespace) -> int:
    """Write the page and print its path."""
    from guerdon.runs.report import write_report

    print(write_report(arguments.runs, arguments.out))
    return 0
