"""What there is to train on: `guerdon tasks list`. A task is named by SPEC, such as `token_tree:depth=2`."""

import argparse

from guerdon.commands._show import print_json, print_table


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="one line per task")
    listing.add_argument("--json", action="store_true", help="print what a program can read")


def run(arguments: argparse.Namespace) -> int:
    """List the tasks with the short names that `--task` takes."""
    from guerdon.catalogue import pieces
    from guerdon.describe import summary
    from guerdon.piece import TaskSpec
    from guerdon.specs import short_name

    found = [
        {"spec": short_name(cls), **summary(cls)}
        for cls in sorted(pieces().values(), key=lambda cls: cls.__name__)
        if issubclass(cls, TaskSpec)
    ]
    if arguments.json:
        print_json(found)
    else:
        print_table(("--task", "piece", "what it is"), [(f["spec"], f["name"], f["line"]) for f in found])
    return 0
