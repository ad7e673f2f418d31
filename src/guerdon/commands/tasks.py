"""What there is to train on. The first column is what `--task` takes; fields follow a colon: `token_tree:depth=2`."""

import argparse
import textwrap

from guerdon.commands._show import print_json, print_table


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="one line per task, and the data sets of reasoning-gym")
    listing.add_argument("--json", action="store_true", help="print what a program can read")


def run(arguments: argparse.Namespace) -> int:
    """List the tasks with the short names that ``--task`` takes."""
    from guerdon.describe import summary
    from guerdon.piece import TaskSpec
    from guerdon.specs import generators, pieces_of, short_name

    classes = [cls for _, cls in sorted(pieces_of(TaskSpec).items())]
    found = [{"spec": short_name(cls), **summary(cls)} for cls in classes]
    names = generators()
    if arguments.json:
        print_json([*found, *({"spec": name, "name": "ReasoningGym"} for name in names)])
        return 0
    print_table(("--task", "piece", "what it is"), [(f["spec"], f["name"], f["line"]) for f in found])
    if names:
        text = f"and the {len(names)} data sets of reasoning-gym by their names: {', '.join(names)}"
        print("\n" + textwrap.fill(text, 110, subsequent_indent="  "))
    return 0
