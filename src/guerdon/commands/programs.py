"""Check a reward program, such as a language model's reply, before anything is trained with it.

The spec is JSON: {"fields": {"angle": {"shape": [], "unit": "rad", "low": -0.2, "high": 0.2}}, "form": "batched"}.
"""

import argparse
from dataclasses import asdict
from pathlib import Path

from guerdon.commands._show import number, print_json, print_table
from guerdon.errors import GuerdonError


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="static checks and a dry run in the sandbox; exit 1 when it is refused")
    check.add_argument("file", type=Path, help="the program, or a reply that holds it")
    check.add_argument("--spec", type=Path, required=True, help="what it may read, as JSON")
    check.add_argument("--data", type=Path, help="transitions for the dry run, an .npz of the fields; default: random")
    check.add_argument("--json", action="store_true", help="print what a program can read")


def run(arguments: argparse.Namespace) -> int:
    """Check and say what was found."""
    from guerdon.programs.program import RewardSpec, check
    from guerdon.programs.static import code_of

    spec = RewardSpec.load(arguments.spec)
    try:
        reply = arguments.file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise GuerdonError(f"FILE must be a program as text, got {error}") from None
    source = code_of(reply)
    verdict = check(source, spec, None if arguments.data is None else _stored(arguments.data, tuple(spec.fields)))
    if arguments.json:
        print_json(asdict(verdict))
    elif verdict.ok:
        rows = [
            (name, *(number(stats[key]) for key in ("min", "mean", "max"))) for name, stats in verdict.stats.items()
        ]
        print_table(("component", "min", "mean", "max"), rows)
        print(f"Verdict: fine{f', but {verdict.message}' if verdict.message else ''}.")
    else:
        print(f"{verdict.message}\nVerdict: refused at stage {verdict.stage}.")
    return 0 if verdict.ok else 1


def _stored(path: Path, fields: tuple[str, ...]):  # type: ignore[no-untyped-def]
    """The arrays of an ``.npz``."""
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in fields}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GuerdonError(f"--data must be an .npz with the fields {', '.join(fields)}, got {error}") from None
