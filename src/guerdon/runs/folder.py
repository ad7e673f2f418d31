"""The run folder: what a run was, what it did, and what it takes to go on. Schema in ``docs/run_folder.md``.

Idea
    An observer of the loop. Every file is appended line by line or written under a temporary name and renamed, so
    a run killed at any moment leaves a folder that reads well and resumes at its newest checkpoint; what lies
    beyond that checkpoint is cut off first, so that no step is counted twice.
"""

import datetime
import json
import math
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import torch

from guerdon.batch import Batch
from guerdon.errors import GuerdonError, RunInterrupted, RunStopped
from guerdon.piece import Origin
from guerdon.runs import atomic, facts
from guerdon.runs.after_update import after_update
from guerdon.runs.checkpoint import latest, prune, save_checkpoint, step_name, steps_in
from guerdon.runs.reading import FORMAT, read_batch, read_facts, read_metrics, read_run
from guerdon.runs.signals import Signals
from guerdon.runs.tables import with_texts, write_batch
from guerdon.serial import from_json, to_json

if TYPE_CHECKING:
    from guerdon.loop import Trainer


@dataclass
class RunFolder:
    """Writes a run to ``path``; pass it as ``train(out=...)`` to set its options."""

    path: str | Path
    """Where to; made if it is not there."""
    save_every: int = 50
    """Steps between checkpoints; one is always written at the end and on Ctrl-C."""
    keep: int = 2
    """Checkpoints to keep; that of step 0, where there is one, is kept as well."""
    rollouts_every: int = 10
    """Steps between stored rollouts, the first and the last step always included; 0 stores none."""
    after_update: bool = True
    """Whether stored rollouts also hold what the policy made of them after the update (``new_logprob``,
    ``new_entropy``); costs one forward pass per stored step."""
    replace: bool = False
    """Whether a run that is there already is thrown away; otherwise it is an error, unless it is resumed."""
    so_far: list[dict[str, float]] = field(default_factory=list, init=False)
    """Metrics of the steps before a resume, one entry per step."""

    def __post_init__(self) -> None:
        for name, least in (("save_every", 1), ("keep", 1), ("rollouts_every", 0)):
            if getattr(self, name) < least:
                raise GuerdonError(f"RunFolder.{name} must be at least {least}, got {getattr(self, name)}")
        self._facts: dict[str, Any] = {}
        self._log: IO[str] | None = None
        self._lock: IO[str] | None = None
        self._signals = Signals()
        self._trainer: Trainer | None = None
        self._saved = -1

    @property
    def folder(self) -> Path:
        """``path`` as a ``Path``."""
        return Path(self.path)

    def __enter__(self) -> "RunFolder":
        self._log = (self.folder / "metrics.jsonl").open("a", encoding="utf-8")
        self._signals.catch()
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        try:
            # An observer may have ended the run after this one was called for the last step.
            if error is None and self._trainer and self._saved != self._trainer.step:
                self.save(self._trainer)
        finally:
            self._signals.release()
            if self._log:
                self._log.close()
            self._end(error)

    def _end(self, error: BaseException | None) -> None:
        ends = {type(None): "finished", RunStopped: "stopped", KeyboardInterrupt: "interrupted", object: "failed"}
        status = next(status for cause, status in ends.items() if isinstance(error, cause))
        self._facts |= {"status": status, "reason": "" if error is None else str(error) or type(error).__name__}
        if error is None and self._trainer:
            self._facts["steps"] = self._trainer.steps
        self._write_facts()
        self.unclaim()

    def __call__(self, trainer: "Trainer", batch: Batch, metrics: dict[str, float]) -> None:
        """Log one step; store its rollouts and a checkpoint if they are due."""
        assert self._log is not None
        self._trainer = trainer
        last, asked = trainer.step >= trainer.steps, self._signals.asked
        self._log.write(json.dumps(_line(trainer.step, metrics)) + "\n")
        self._log.flush()
        every = self.rollouts_every
        if every and (last or trainer.step == 1 or trainer.step % every == 0):
            with atomic.new_folder(self.folder / "rollouts" / step_name(trainer.step)) as temporary:
                stored = after_update(trainer, batch) if self.after_update else batch
                write_batch(with_texts(stored, trainer.policy), temporary, trainer.step)
        if last or asked or trainer.step % self.save_every == 0:
            self.save(trainer)
        if asked and not last:
            raise RunInterrupted(
                f"stopped after step {trainer.step} of {trainer.steps}, all of it saved; "
                f"go on with `guerdon train --resume {self.folder}`"
            )

    def save(self, trainer: "Trainer") -> None:
        """Write a checkpoint of the trainer and remove old ones."""
        if self._log:
            # The log must not end before the checkpoint does, whatever the machine forgets in a power cut.
            os.fsync(self._log.fileno())
        save_checkpoint(self.folder / "checkpoints", trainer.step, trainer.state_dict())
        prune(self.folder / "checkpoints", self.keep)
        self._saved = trainer.step

    def start(self, trainer: "Trainer", handed_over: bool) -> None:
        """Begin a new run: ``run.json``, and the weights it starts from if they cannot be rebuilt from the seed.

        Raises:
            GuerdonError: if the recipe cannot be saved, or holds no policy to rebuild.
        """
        if trainer.recipe.policy is None:
            raise GuerdonError(
                "a run folder needs a recipe that says how to build its policy; set Recipe.policy to the spec "
                "that the policy handed over was built from"
            )
        origin = trainer.policy.origin if handed_over else None
        for name in ("checkpoints", "rollouts", "metrics.jsonl"):
            if (self.folder / name).exists() and not (self.folder / "run.json").exists():
                raise GuerdonError(f"{self.folder} must be a new folder, but it holds {name}, which no run wrote")
        self._facts = {
            "format": FORMAT,
            "status": "starting",
            "reason": "",
            "steps": trainer.steps,
            "seed": trainer.seed,
            "device": str(trainer.device),
            "recipe": to_json(trainer.recipe),
            "handed_over": handed_over,
            "origin": _origin_json(origin),
            "warnings": trainer.warnings,
            "started": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "command": sys.argv,
            "versions": facts.versions(),
            "commit": facts.commit(),
            "machine": facts.machine(),
        }
        # Until the first weights are safe the folder says "starting": then it holds nothing, and is begun anew.
        self._write_facts()
        for name in ("checkpoints", "rollouts"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        for name in ("eval.json", "report.html"):
            (self.folder / name).unlink(missing_ok=True)
        (self.folder / "metrics.jsonl").write_text("", encoding="utf-8")
        if handed_over:
            self.save(trainer)
        self._facts |= {"status": "running"}
        self._write_facts()

    def restore(self, trainer: "Trainer") -> None:
        """Load the newest checkpoint into the trainer, and cut off what the run did after it.

        Raises:
            GuerdonError: if the run in the folder is another one, or its weights cannot be had any more.
        """
        self._facts = read_facts(self.folder)
        refuse_another(self._facts, trainer, self.folder)
        for name in ("checkpoints", "rollouts"):
            if (self.folder / name).exists():
                atomic.sweep(self.folder / name)
        found = latest(self.folder / "checkpoints")
        if found is not None:
            trainer.load_state_dict(found[1])
        elif self._facts["handed_over"]:
            raise GuerdonError(
                f"{self.folder} must hold a complete checkpoint, since its run began from a policy that was handed "
                "over built, but there is none; start it again in a new folder"
            )
        self.so_far = cut_metrics(self.folder / "metrics.jsonl", trainer.step)
        for step, path in steps_in(self.folder / "rollouts").items():
            if step > trainer.step:
                shutil.rmtree(path)
        for step, path in steps_in(self.folder / "checkpoints").items():
            if step > trainer.step:
                shutil.rmtree(path)
        self._facts |= {"status": "running", "reason": "", "steps": trainer.steps}
        self._write_facts()

    def claim(self) -> None:
        """Make the folder and hold it until the process ends, so that two runs never write to one folder.

        Raises:
            GuerdonError: if another process is writing to it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = (self.folder / ".lock").open("w")
        try:
            import fcntl

            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:
            return
        except OSError:
            self.unclaim()
            raise GuerdonError(f"{self.folder} must be written by one run at a time, but one is running") from None

    def unclaim(self) -> None:
        """Let other runs have the folder."""
        if self._lock:
            self._lock.close()
        self._lock = None

    def _write_facts(self) -> None:
        atomic.write_text(self.folder / "run.json", json.dumps(self._facts, indent=2) + "\n")


def begin(
    out: "str | Path | RunFolder", trainer: "Trainer", *, resume: bool, save_every: int | None, handed_over: bool
) -> RunFolder:
    """The folder of ``train(out=...)``, started or restored, ready to be entered and called.

    Raises:
        GuerdonError: if the folder holds a run and ``resume`` is false, or holds another run.
    """
    folder = out if isinstance(out, RunFolder) else RunFolder(out)
    if save_every is not None:
        folder.save_every = save_every
        folder.__post_init__()
    exists = (folder.folder / "run.json").exists() and read_facts(folder.folder)["status"] != "starting"
    if exists and not resume and not folder.replace:
        raise GuerdonError(
            f"{folder.folder} must not hold a run yet; pass resume=True to go on with it, or a new folder"
        )
    folder.claim()
    try:
        folder.restore(trainer) if exists and resume else folder.start(trainer, handed_over)
    except BaseException:
        folder.unclaim()
        raise
    return folder


def cut_metrics(path: Path, step: int) -> list[dict[str, float]]:
    """Cut the log off after ``step``; what is left, as ``train`` returns it (without the key ``step``).

    Raises:
        GuerdonError: if lines of steps before are missing.
    """
    kept = [entry for entry in read_metrics(path) if entry["step"] <= step]
    if [entry["step"] for entry in kept] != list(range(1, step + 1)):
        raise GuerdonError(f"{path} must have one line for each of the steps 1 to {step}, got {len(kept)} lines")
    atomic.write_text(path, "".join(json.dumps(_line(int(entry.pop("step")), entry)) + "\n" for entry in kept))
    return kept


def refuse_another(found: dict[str, Any], trainer: "Trainer", folder: Path) -> None:
    """Refuse to resume a folder with a recipe or seed that is not the one it was run with."""
    wanted = json.loads(json.dumps({"recipe": to_json(trainer.recipe), "seed": trainer.seed}))
    changed = list(differences({name: found[name] for name in wanted}, wanted))
    if changed:
        raise GuerdonError(
            f"{folder} must be resumed with what it was run with, but {'; '.join(changed[:3])}; "
            "take that back, or use a new folder"
        )
    threads = found["machine"]["threads"]
    if trainer.device.type == "cpu" and threads != torch.get_num_threads():
        trainer.warnings.append(
            f"the run was begun with {threads} threads and goes on with {torch.get_num_threads()}: sums may be "
            "rounded differently, so it is not repeated bit for bit"
        )


def differences(before: Any, now: Any, place: str = "") -> Iterator[str]:
    """Sentences about where two JSON trees differ."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*before, *now]):
            yield from differences(before.get(key), now.get(key), f"{place}.{key}" if place else key)
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for number, (old, new) in enumerate(zip(before, now, strict=True)):
            yield from differences(old, new, f"{place}[{number}]")
    elif before != now:
        yield f"{place} was {_short(before)} and is {_short(now)}"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _line(step: int, metrics: dict[str, float]) -> dict[str, Any]:
    return {"step": step, **{name: value if math.isfinite(value) else None for name, value in metrics.items()}}


def _origin_json(origin: Origin | None) -> dict[str, Any] | None:
    if origin is None:
        return None
    return {"spec": to_json(origin.spec), "task": to_json(origin.task), "wants": sorted(origin.wants)}


def origin_from_json(data: dict[str, Any]) -> Origin:
    """Counterpart of what ``run.json`` holds under ``origin``."""
    return Origin(
        from_json(data["spec"], "origin.spec"), from_json(data["task"], "origin.task"), frozenset(data["wants"])
    )


__all__ = ["RunFolder", "begin", "read_batch", "read_run"]
