"""The command line. One module of ``commands/`` per command, imported when the command is used.

Bad input ends with one sentence on stderr and exit code 2, never with a traceback; exit code 1 means that the
command ran and the answer is no: a claim failed, or a run stopped itself.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from guerdon.catalogue import EXTRAS
from guerdon.errors import GuerdonError, RunStopped
from guerdon.serial import suggest

COMMANDS: dict[str, str] = {
    "train": "train a policy by a paper's recipe or your own, or go on with a run",
    "compare": "train methods on the same tasks and seeds, and say what the difference is worth",
    "eval": "measure a policy, its checkpoints or a file of responses: pass@k, votes, calibration, ...",
    "score": "score a file of responses with any reward",
    "audit": "attack a reward before it is trusted",
    "programs": "check a reward program before anything is trained with it",
    "serve-reward": "serve a reward over HTTP, for runs on other machines",
    "view": "look at runs in the browser: curves, rollouts, tokens",
    "report": "write one HTML page about a run: curves and sample rollouts",
    "recipe": "print a paper's recipe as JSON, to edit and train from",
    "papers": "list, show and check published systems, and run their toy experiments",
    "pieces": "what there is to put into the slots of a recipe",
    "tasks": "what there is to train on",
}
"""Command -> what it does, in the order of the help; each is a module of ``commands/``."""

HELP = """\
guerdon: reinforcement learning from the reward to the policy.

usage: guerdon COMMAND ...

{commands}

examples:
  guerdon train grpo --task chain_sum --steps 200 --out runs/a       flags are the recipe's fields: --update.lr 3e-4
  guerdon train --resume runs/a                  go on after an interruption, bit for bit
  guerdon compare grpo rloo --task tree --out cmp/a    same steps and seeds, intervals, a verdict
  guerdon view runs/a                            look at its rollouts in the browser
  guerdon eval runs/a --k 1 8                    pass@1 and pass@8 on held-out problems
  guerdon audit --reward number                  attack a reward; exit code 1 when it is fooled
  guerdon papers list                            every paper, with the state of its claims
  guerdon papers check                           run every exact claim
  guerdon recipe grpo > mine.json                a recipe as a file to edit
  guerdon pieces list --slot advantages          what can stand in one slot

`guerdon COMMAND --help` shows a command's options. `--json` prints what a program can read.
Exit codes: 0 yes, 1 no (a claim failed, a run stopped itself), 2 bad input.
"""


class _Help(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28, width=110)


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one sentence, and whose help does not depend on the terminal."""

    def __init__(self, **options: Any) -> None:
        """Takes what ``argparse.ArgumentParser`` takes; sub-commands are made by this class too."""
        super().__init__(**{"allow_abbrev": False, "formatter_class": _Help, **options})

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage."""
        raise GuerdonError(f"{message}; see `{self.prog} --help`")


def help_text() -> str:
    """What ``guerdon --help`` prints."""
    width = max(map(len, COMMANDS))
    return HELP.format(commands="\n".join(f"  {name:<{width}}  {what}" for name, what in COMMANDS.items()))


def dispatch(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code.

    Raises:
        GuerdonError: if there is no such command, or its input is bad.
    """
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(help_text(), end="")
        return 0
    if arguments[0] == "--version":
        from guerdon import __version__

        print(f"guerdon {__version__}")
        return 0
    name = arguments[0]
    parsed, rest = parser_of(name).parse_known_args(arguments[1:])
    if rest and not getattr(parsed, "takes_recipe_flags", False):
        raise GuerdonError(f"guerdon {name} does not know {' '.join(rest)}; see `guerdon {name} --help`")
    parsed.rest, parsed.words = rest, list(arguments[1:])
    return _module(name).run(parsed)


def parser_of(name: str) -> Parser:
    """The parser of a command.

    Raises:
        GuerdonError: if there is no such command.
    """
    if name not in COMMANDS:
        raise GuerdonError(f"a command must be one that guerdon has, got {name!r}{suggest(name, COMMANDS)}")
    command = _module(name)
    own_help = getattr(command, "OWN_HELP", False)
    parser = Parser(prog=f"guerdon {name}", description=command.__doc__, add_help=not own_help)
    command.configure(parser)
    return parser


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"guerdon.commands.{name.replace('-', '_')}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; ``argv`` is what stands after ``guerdon``."""
    try:
        code = dispatch(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
        return code
    except GuerdonError as error:
        return _complain(str(error), 2)
    except RunStopped as stop:
        return _complain(str(stop), 1)
    except BrokenPipeError:
        # The reader went away (`| head`): what is still buffered must not raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _complain(f"{error.filename or 'a file'} cannot be used: {error.strerror or error}", 2)
    except ModuleNotFoundError as error:
        return _complain(missing(error), 2)
    except Exception as error:
        if os.environ.get("GUERDON_TRACEBACK"):
            raise
        return _complain(f"{_unexpected(error)}; GUERDON_TRACEBACK=1 shows the whole way", 2)
    except KeyboardInterrupt as stop:
        return _complain(str(stop) or "interrupted", 130)


def missing(error: ModuleNotFoundError) -> str:
    """Which package is missing, and what installs it."""
    package = (error.name or "").partition(".")[0]
    if package not in EXTRAS:
        return f"the package {package} is missing"
    return f"this needs the package {package}; pip install 'guerdon[{EXTRAS[package]}]'"


def _unexpected(error: Exception) -> str:
    """Where an error came up that no sentence was written for: a bug, or pieces that do not fit each other."""
    import traceback

    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(frame.filename).name}, line {frame.lineno}"
    return f"something did not fit, {type(error).__name__} at {place}: {error}"


def _complain(sentence: str, code: int) -> int:
    print(f"guerdon: {' '.join(sentence.split())}", file=sys.stderr)
    return code
