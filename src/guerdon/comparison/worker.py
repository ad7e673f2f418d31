"""A process that trains cells: jobs come in as lines of JSON, what happens goes out as lines of JSON.

Idea
    A process lives for many cells, because starting one costs more than a toy run. When its input ends (the comparison
    was stopped or killed), the run under way finishes its step, saves and ends, as after a termination request.
    What cells print goes to standard error, which is a log file.
Wire
    In: ``Job`` fields. Out: ``{"step", "metrics"}`` now and then, and at the end one of
    ``{"end": "finished" | "stopped" | "interrupted" | "failed", "reason": sentence}``.
"""

import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

EVERY = 0.2
"""Seconds between two reports of progress."""


@dataclass(frozen=True)
class Job:
    """One cell."""

    recipe: dict[str, Any]
    steps: int
    seed: int
    out: str
    device: str
    save_every: int
    rollouts_every: int
    policy: str | None = None
    """A run folder whose policy it begins from."""
    evaluation: dict[str, Any] | None = None
    """Arguments of ``evaluate``, if the result is to be evaluated."""

    def to_line(self) -> str:
        """For the wire."""
        return json.dumps(asdict(self)) + "\n"


class Reporter:
    """An observer of the loop that reports where it is."""

    def __init__(self, out: IO[str]) -> None:
        self.out, self.last = out, 0.0

    def say(self, **facts: Any) -> None:
        """Send one line; nobody may be listening any more."""
        try:
            self.out.write(json.dumps(facts) + "\n")
            self.out.flush()
        except OSError:
            pass

    def __call__(self, trainer: Any, batch: Any, metrics: dict[str, float]) -> None:
        """Report a step, but not every one of them."""
        now = time.monotonic()
        if now - self.last >= EVERY or trainer.step >= trainer.steps:
            self.last = now
            self.say(step=trainer.step, reward=metrics.get("reward"))


def train_cell(job: Job, reporter: Reporter) -> dict[str, Any]:
    """Train (or go on, or only evaluate) and say how it ended."""
    from guerdon.cli import missing
    from guerdon.errors import GuerdonError, RunInterrupted, RunStopped
    from guerdon.loop import base, train
    from guerdon.runs.folder import RunFolder
    from guerdon.runs.policy import load_policy
    from guerdon.runs.reading import read_facts
    from guerdon.serial import from_json

    out, reporter.last = Path(job.out), 0.0
    status, reason = "finished", ""
    try:
        recipe = from_json(job.recipe)
        done = read_facts(out) if (out / "run.json").exists() else {"status": ""}
        if done["status"] in ("finished", "stopped"):
            status, reason = done["status"], done["reason"]
        else:
            policy = load_policy(job.policy, frozenset(map(base, recipe.reads()))) if job.policy else None
            folder = RunFolder(out, save_every=job.save_every, rollouts_every=job.rollouts_every)
            options: dict[str, Any] = {"device": job.device, "observers": [reporter], "out": folder, "resume": True}
            train(recipe, steps=job.steps, seed=job.seed, policy=policy, **options)
    except RunStopped as stop:
        status, reason = "stopped", str(stop)
    except RunInterrupted as stop:
        return {"end": "interrupted", "reason": str(stop)}
    except GuerdonError as error:
        return {"end": "failed", "reason": str(error)}
    except ModuleNotFoundError as error:
        return {"end": "failed", "reason": missing(error)}
    except Exception as error:
        traceback.print_exc()
        return {"end": "failed", "reason": f"{type(error).__name__}: {error}"}
    if job.evaluation is not None:
        try:
            evaluate_cell(job, out)
        except Exception as error:
            traceback.print_exc()
            return {"end": "failed", "reason": f"its evaluation failed, {type(error).__name__}: {error}"}
    return {"end": status, "reason": reason}


def evaluate_cell(job: Job, out: Path) -> None:
    """pass@k of the trained policy on held-out problems, into the run folder's ``eval.json``."""
    from guerdon.evals.keeping import save_entries
    from guerdon.evaluate import evaluate
    from guerdon.rollouts.sampler import Sampling
    from guerdon.runs.policy import load_policy
    from guerdon.serial import from_json

    assert job.evaluation is not None
    recipe = from_json(job.recipe)
    sampling = getattr(recipe.rollout, "sampling", None) or Sampling()
    policy = load_policy(out).to(job.device)
    result = evaluate(policy, recipe.task, k=(1,), sampling=sampling, seed=job.seed, **job.evaluation)
    save_entries(out, {"end": {**result.to_json(), "asked": job.evaluation}})


def main() -> None:
    """Work until the input ends."""
    # The wire is kept apart from what libraries print.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import torch

    torch.set_num_threads(1)
    jobs: queue.Queue[Job | None] = queue.Queue()
    busy = threading.Event()

    def listen() -> None:
        for line in sys.stdin:
            jobs.put(Job(**json.loads(line)))
        jobs.put(None)
        if busy.is_set():
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=listen, daemon=True).start()
    reporter = Reporter(out)
    reporter.say(ready=True)
    while (job := jobs.get()) is not None:
        busy.set()
        end = train_cell(job, reporter)
        busy.clear()
        reporter.say(**end)


if __name__ == "__main__":
    main()
