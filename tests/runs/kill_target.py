"""Kills a training run with SIGKILL at random moments, resumes it until it is done: ``kill_target.py DIR KIND``.

The run is a forked child, so that a start costs no import of torch; the parent itself never computes. Prints
where each kill fell. ``DIR/killed`` is to equal ``DIR/whole``, which is run without a kill.
"""

import json
import os
import random
import signal
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

from run_toys import language_recipe, toy_recipe

from guerdon import train
from guerdon.loop import Trainer
from guerdon.runs import atomic, checkpoint
from guerdon.runs.folder import RunFolder

RECIPES = {"table": (toy_recipe, 30, 8), "language": (language_recipe, 12, 4)}
"""Recipe, steps, kills."""


def linger(function: Callable) -> Callable:
    """Make a write take long, so that a kill often falls inside it."""

    def slow(*arguments, **options):
        result = function(*arguments, **options)
        time.sleep(0.004)
        return result

    return slow


def run(kind: str, out: Path) -> int:
    """A child that trains to the end; its process id."""
    child = os.fork()
    if child:
        return child
    # A checkpoint torn by the last kill is reported and skipped; here that is the point.
    warnings.simplefilter("ignore")
    try:
        recipe, steps, _ = RECIPES[kind]
        train(recipe(), steps=steps, seed=3, out=RunFolder(out, save_every=2, rollouts_every=2), resume=True)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)


def lines(log: Path) -> int:
    return log.read_bytes().count(b"\n") if log.exists() else 0


def writing(out: Path) -> bool:
    # Not glob: folders come and go while it looks.
    return any(name.startswith(".partial") for _, folders, files in os.walk(out) for name in (*folders, *files))


def kill_one(kind: str, out: Path, steps: int, delay: float, inside: bool) -> dict | None:
    """Start, wait until ``steps`` more steps are logged and ``delay`` seconds are over, kill; None if it was done first.

    Counted in steps rather than in seconds, so that a slow machine sees the same kills as a fast one. The kill waits for
    a moment inside or outside of a write, so that both happen however long writes and steps take.
    """
    log = out / "metrics.jsonl"
    begun, child, ended = lines(log), run(kind, out), (0, 0)
    while ended[0] == 0 and lines(log) < begun + steps:
        time.sleep(0.001)
        ended = os.waitpid(child, os.WNOHANG)
    time.sleep(delay)
    while ended[0] == 0 and writing(out) != inside:
        time.sleep(0.0005)
        ended = os.waitpid(child, os.WNOHANG)
    if ended[0] == 0:
        os.kill(child, signal.SIGKILL)
        ended = os.waitpid(child, 0)
    if not os.WIFSIGNALED(ended[1]):
        if ended[1]:
            raise SystemExit(f"the run failed with status {ended[1]}")
        return None
    return {"step": lines(log), "writing": writing(out)}


def main(folder: Path, kind: str) -> None:
    checkpoint.save_file = linger(checkpoint.save_file)
    checkpoint._fingerprint = linger(checkpoint._fingerprint)
    atomic.sync = linger(atomic.sync)
    draw, kills = random.Random(7), []
    # Once here, so that no child has to import what torch imports late; a backward pass would not survive the fork.
    Trainer(RECIPES[kind][0](), steps=1)
    while len(kills) < RECIPES[kind][2]:
        kill = kill_one(kind, folder / "killed", draw.randint(1, 4), draw.uniform(0.0, 0.06), len(kills) % 2 == 0)
        if kill is None:
            break
        kills.append(kill)
    for out in (folder / "killed", folder / "whole"):
        if os.waitpid(run(kind, out), 0)[1]:
            raise SystemExit("the run failed")
    print(json.dumps(kills))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
