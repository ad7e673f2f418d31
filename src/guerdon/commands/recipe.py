"""Print the recipe of a paper as JSON: `guerdon recipe grpo > mine.json`, edit it, `guerdon train mine.json`."""

import argparse
import json


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("id", help="a paper of `guerdon papers list`, or a recipe file")
    parser.add_argument(
        "--variant", metavar="NAME", help="one of the paper's further compositions (default: its recipe)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the JSON."""
    from guerdon.serial import to_json
    from guerdon.specs import find_recipe

    print(json.dumps(to_json(find_recipe(arguments.id, arguments.variant)), indent=2))
    return 0
