"""Train a policy by a recipe, which comes first: a paper's id or a recipe file. What it leaves open suits the task.

Examples:
  guerdon train grpo --help                                          the recipe's own flags
  guerdon train grpo --task chain_sum:max_terms=2 --out runs/a       a data set of reasoning-gym, a small model
  guerdon train mine.json --update.lr 3e-4 --advantage.0.eps 1e-4    any field of the recipe
  guerdon train mine.json --advantage.0 Standardize:scale=none       another piece in a slot
  guerdon train grpo --task chain_sum --out runs/a --log tensorboard --log wandb:sums
  guerdon train --resume runs/a                                      go on, with --steps up to another length
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guerdon.errors import GuerdonError

if TYPE_CHECKING:
    from guerdon.loop import Result
    from guerdon.recipe import Recipe

OWN_HELP = True
"""``--help`` is this command's own, because it depends on the recipe."""
OWN = (
    "task",
    "policy",
    "seed",
    "steps",
    "out",
    "resume",
    "variant",
    "device",
    "save-every",
    "keep",
    "log",
    "json",
    "help",
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command; every other flag is a field of the recipe."""
    parser.usage = "guerdon train ID|recipe.json [--task SPEC] [--policy SPEC] [options] [--RECIPE.FIELD VALUE ...]"
    parser.set_defaults(takes_recipe_flags=True)
    parser.add_argument(
        "recipe", nargs="?", metavar="ID|recipe.json", help="a paper of `guerdon papers list`, or a file"
    )
    parser.add_argument("-h", "--help", action="store_true", help="this help; after a recipe, its own flags too")
    parser.add_argument("--task", metavar="SPEC", help="what to train on, as `guerdon tasks list` names it")
    parser.add_argument(
        "--policy", metavar="SPEC", help="what to train: a policy, a Hugging Face model, a run folder, or DIR@STEP"
    )
    parser.add_argument("--variant", metavar="NAME", help="one of the paper's further compositions")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default: 0)")
    parser.add_argument("--steps", type=int, help="turns of the loop (default: 200, or what the resumed run has)")
    parser.add_argument("--out", metavar="DIR", help="run folder (default: none is kept)")
    parser.add_argument(
        "--save-every", type=int, default=50, metavar="N", help="steps between checkpoints (default: 50)"
    )
    parser.add_argument("--keep", type=int, default=2, metavar="N", help="newest checkpoints to keep (default: 2)")
    parser.add_argument("--device", help="cpu, cuda, ... (default: a GPU if there is one)")
    parser.add_argument(
        "--log", metavar="SPEC", action="append", default=[], help="tensorboard or wandb[:PROJECT]; again for both"
    )
    parser.add_argument("--resume", metavar="DIR", help="go on with the run in this folder, and with its logs")
    parser.add_argument("--json", action="store_true", help="print the last metrics as JSON, without a progress bar")


def run(arguments: argparse.Namespace) -> int:
    """Train, resume, or explain."""
    if arguments.help:
        return _help(arguments)
    if arguments.resume is not None:
        return _resume(arguments)
    if arguments.recipe is None:
        raise GuerdonError(
            "train needs a paper's id or a recipe file first, or --resume DIR; see `guerdon train --help`"
        )
    if arguments.words[0] != arguments.recipe:
        raise GuerdonError(
            f"the paper or recipe file must come first after `guerdon train`, got {arguments.words[0]!r}"
        )
    return _train(arguments)


def _recipe(arguments: argparse.Namespace) -> tuple["Recipe", list[str]]:
    """The chosen recipe under its flags, and what was exchanged to make it suit its task."""
    from guerdon import overrides
    from guerdon.runs.folder import read_run
    from guerdon.specs import find_recipe

    recipe = find_recipe(arguments.recipe, arguments.variant)
    flags = [(name, text) for name in ("task", "policy") if (text := getattr(arguments, name)) is not None]
    if other := _continued(arguments):
        flags = [(name, text) for name, text in flags if name != "policy"]
        recipe = recipe if recipe.task else replace(recipe, task=read_run(other[0]).recipe.task)
    flags += overrides.pairs(arguments.rest)
    return overrides.configured(recipe, flags, [f"--{name}" for name in OWN])


def _continued(arguments: argparse.Namespace) -> tuple[str, int | None] | None:
    """Folder and step of the run whose policy is trained on; None where it is no run's."""
    from guerdon.runs.policy import at_step, is_run

    path, step = at_step(arguments.policy or "")
    return (path, step) if path and is_run(path) else None


def _train(arguments: argparse.Namespace) -> int:
    from guerdon.commands._arguments import device_of, positive
    from guerdon.lint_settings import too_short
    from guerdon.loop import base, train
    from guerdon.runs.folder import RunFolder
    from guerdon.runs.logs import logs_of
    from guerdon.runs.policy import load_policy

    recipe, notes = _recipe(arguments)
    if recipe.task is None:
        raise GuerdonError(f"{arguments.recipe} leaves its task open; name one with --task, see `guerdon tasks list`")
    steps, save_every = positive("--steps", arguments.steps), positive("--save-every", arguments.save_every)
    keep = positive("--keep", arguments.keep)
    device = device_of(arguments.device)
    built = None
    if other := _continued(arguments):
        built = load_policy(other[0], frozenset(map(base, recipe.reads())), step=other[1])
    steps = 200 if steps is None else steps
    logs = logs_of(arguments.log, arguments.out)
    _warn([*notes, *recipe.check(), *too_short(recipe, steps)])
    result = train(
        recipe,
        steps=steps,
        seed=arguments.seed,
        policy=built,
        device=device,
        observers=[*_observers(arguments, Path(arguments.recipe).stem), *logs],
        out=RunFolder(arguments.out, save_every=save_every, keep=keep) if arguments.out else None,
    )
    return _finish(arguments, result, arguments.out)


def _resume(arguments: argparse.Namespace) -> int:
    from guerdon.commands._arguments import positive
    from guerdon.runs.folder import RunFolder
    from guerdon.runs.logs import logs_of
    from guerdon.runs.resume import resume

    given = [name for name in ("recipe", "task", "policy", "variant", "out") if getattr(arguments, name) is not None]
    if given or arguments.rest:
        extra = [*(f"--{name}" if name != "recipe" else arguments.recipe for name in given), *arguments.rest]
        raise GuerdonError(f"--resume goes on with the run as it was, so it takes no {' '.join(extra)}; only --steps")
    positive("--steps", arguments.steps)
    save_every, keep = positive("--save-every", arguments.save_every), positive("--keep", arguments.keep)
    folder = RunFolder(arguments.resume, save_every=save_every, keep=keep)
    observers = [*_observers(arguments, Path(arguments.resume).name), *logs_of(arguments.log, arguments.resume, True)]
    result = resume(folder, steps=arguments.steps, device=arguments.device, observers=observers)
    return _finish(arguments, result, arguments.resume)


def _observers(arguments: argparse.Namespace, label: str) -> list[Any]:
    if arguments.json:
        return []
    from guerdon.runs.progress import Progress

    # The command line says itself why a run stopped.
    return [Progress(label, tell_stop=False)]


def _warn(sentences: list[str]) -> None:
    for sentence in sentences:
        print(f"warning: {sentence}", file=sys.stderr)


def _finish(arguments: argparse.Namespace, result: "Result", out: str | None) -> int:
    from guerdon.commands._show import number, print_json

    _warn(result.noticed)
    last = result.metrics[-1] if result.metrics else {}
    if arguments.json:
        print_json({"steps": len(result.metrics), "out": out, "metrics": last})
        return 0
    shown = [f"{name} {number(last[name])}" for name in ("reward", "loss", "length", "entropy", "kl") if name in last]
    print(f"{len(result.metrics)} steps: {', '.join(shown)}" + (f"; `guerdon view {out}` shows the run" if out else ""))
    return 0


def _help(arguments: argparse.Namespace) -> int:
    from guerdon.cli import parser_of

    print(parser_of("train").format_help(), end="")
    if arguments.recipe is None:
        return 0
    from guerdon import overrides

    print(f"\nflags of {arguments.recipe}, with its values:")
    for flag in overrides.flags(_recipe(arguments)[0]):
        kind = "SPEC" if flag.swaps else flag.type
        print(f"  --{flag.path} {kind}\n        {flag.doc.replace('``', '')} ({flag.default})")
    return 0
