"""What there is to put into the slots of a recipe.

`list` prints one line per piece, `show NAME` its fields with their defaults, what it reads and what it writes.
"""

import argparse

from guerdon.catalogue import SLOTS
from guerdon.commands._show import print_json, print_table


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="one line per piece")
    listing.add_argument("--slot", choices=SLOTS, metavar="SLOT", help=f"only this folder: {', '.join(SLOTS)}")
    show = actions.add_parser("show", help="fields, reads and writes of one piece")
    show.add_argument("name", help="the class name, such as TokenMean")
    for action in (listing, show):
        action.add_argument("--json", action="store_true", help="print what a program can read")


def run(arguments: argparse.Namespace) -> int:
    """List or show."""
    from guerdon.catalogue import pieces, slot_of
    from guerdon.describe import summary

    if arguments.action == "show":
        return _show(arguments)
    found = [summary(cls) for cls in pieces().values() if slot_of(cls) in SLOTS]
    found = [facts for facts in found if arguments.slot in (None, facts["slot"])]
    found.sort(key=lambda facts: (SLOTS.index(facts["slot"]), facts["name"]))
    if arguments.json:
        print_json(found)
    else:
        print_table(("slot", "piece", "what it is"), [(f["slot"], f["name"], f["line"]) for f in found])
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from guerdon.describe import summary
    from guerdon.specs import piece_class

    facts = summary(piece_class(arguments.name))
    if arguments.json:
        print_json(facts)
        return 0
    print(f"{facts['name']} ({facts['slot']}, {facts['module']})\n{facts['line']}")
    for word in ("reads", "writes"):
        print(f"{word}: {_columns(facts[word])}")
    rows = [(name, field["type"], field["default"], field["doc"]) for name, field in facts["fields"].items()]
    if rows:
        print()
        print_table(("field", "type", "default", "what it is"), rows)
    return 0


def _columns(names: list[str] | None) -> str:
    return "depends on its fields" if names is None else ", ".join(names) or "nothing"
