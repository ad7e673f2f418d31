"""What ``guerdon eval`` evaluates, and how it shows and keeps what was found."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guerdon.errors import GuerdonError
from guerdon.evals.pool import Responses


@dataclass(frozen=True)
class Subject:
    """One policy at one step, or one file of responses."""

    label: str
    read: Callable[[], Responses]
    """Samples or reads the responses."""
    task: Any = None
    folder: str | None = None
    """The run folder, where there is one."""
    entry: str = ""
    """Its name in ``eval.json``."""
    facts: dict[str, Any] = field(default_factory=dict)


def subjects_of(arguments: argparse.Namespace) -> list[Subject]:
    """What to evaluate, the one to compare with first; sets ``arguments.k`` where it is open."""
    from guerdon.piece import TaskSpec
    from guerdon.specs import resolve

    task = resolve(arguments.task, TaskSpec, "--task") if arguments.task else None
    if arguments.responses is not None:
        own, names = _file(arguments.responses, task, arguments.pick), [arguments.against]
    elif arguments.checkpoints:
        run = _run_of(arguments.policy)
        names = [f"{run}@{step}" for step in dict.fromkeys(arguments.checkpoints)]
        own = _policy(names.pop(), task, arguments)
    else:
        own, names = _policy(arguments.policy, task, arguments), [arguments.against]
    others = [_other(name, task or own.task, arguments) for name in names if name is not None]
    if arguments.k is None:
        files = [each.read() for each in (*others, own) if each.facts.get("file")]
        least = min((pool.size for each in files for pool in each.pools), default=8)
        arguments.k = sorted({1, least})
    arguments.samples = arguments.samples or max(arguments.k)
    if arguments.samples < max(arguments.k):
        raise GuerdonError(f"--samples must be at least the largest k, {max(arguments.k)}, got {arguments.samples}")
    return [*others, own]


def _other(name: str, task: Any, arguments: argparse.Namespace) -> Subject:
    file = name.endswith((".jsonl", ".jsonl.gz"))
    return _file(name, task, arguments.pick) if file else _policy(name, task, arguments)


def _run_of(text: str) -> str:
    from guerdon.runs.policy import at_step, is_run

    path, step = at_step(text)
    if step is not None or not is_run(path):
        raise GuerdonError(f"--checkpoints takes a run folder without a step, got {text}")
    return path


def _file(path: str, task: Any, picks: Sequence[str]) -> Subject:
    from functools import cache

    from guerdon.commands.score import read_lines, source_of
    from guerdon.evals.reading import read_responses

    @cache
    def read() -> Responses:
        with source_of(path) as source:
            return read_responses(read_lines(source.lines, path, several=True), path, task, picks)

    return Subject(Path(path).name if path != "-" else "stdin", read, task, facts={"file": path})


def _policy(name: str, task: Any, arguments: argparse.Namespace) -> Subject:
    """A run's checkpoint or a model."""
    from dataclasses import replace

    from guerdon.commands._arguments import device_of
    from guerdon.evals.sampling import sample_responses
    from guerdon.rollouts.sampler import Sampling
    from guerdon.runs.policy import at_step, is_run, load_policy, policy_steps
    from guerdon.runs.reading import read_run

    path, step = at_step(name)
    if is_run(path):
        recipe = read_run(path).recipe
        sampling, task = getattr(recipe.rollout, "sampling", None) or Sampling(), task or recipe.task
        kept = policy_steps(path)
        step = max(kept, default=None) if step is None else step
        if step not in kept:
            raise GuerdonError(f"{path} must hold step {step}, but it has {', '.join(map(str, kept)) or 'none'}")
        build = lambda: load_policy(path, step=step)  # noqa: E731
    else:
        build, sampling = _model(name, task, arguments.seed), Sampling()
    changed = {
        field: value for field in ("temperature", "max_tokens") if (value := getattr(arguments, field)) is not None
    }
    device = device_of(arguments.device)

    def read() -> Responses:
        label = name if step is None else f"{path}@{step}"
        with Meter(label) as meter:
            return sample_responses(
                build().to(device),
                task,
                problems=arguments.problems,
                samples=arguments.samples,
                sampling=replace(sampling, **changed),
                split=arguments.split,
                seed=arguments.seed,
                engine=arguments.engine,
                batch=arguments.batch,
                progress=meter,
            )

    if step is None:
        return Subject(name, read, task)
    extra = ", ".join(
        [*([arguments.task] if arguments.task else []), *(["train"] if arguments.split != "test" else [])]
    )
    return Subject(f"{path}@{step}", read, task, path, f"step {step}{extra and f', {extra}'}", {"step": step})


def _model(name: str, task: Any, seed: int) -> Callable[[], Any]:
    """What loads a Hugging Face model."""
    from guerdon.policies.hugging_face import HuggingFaceLM
    from guerdon.rng import Stream

    if Path(name).is_dir() and not (Path(name) / "config.json").exists():
        raise GuerdonError(f"{name} must be a run folder or a model folder, but holds no run.json or config.json")
    if task is None:
        raise GuerdonError(f"{name} is no run, so name a task with --task; see `guerdon tasks list`")
    wants = frozenset({"action.logprob"})
    return lambda: HuggingFaceLM(name).build(task, wants, Stream((seed, "policy"))).eval()


def judged_of(subject: Subject, arguments: argparse.Namespace) -> Responses:
    """The responses of a subject, judged by what the arguments name."""
    from dataclasses import replace

    from guerdon.evals.answers import reader
    from guerdon.evals.judging import judge
    from guerdon.rewards.samples import SampleJudge
    from guerdon.rewards.verifier import Verifier
    from guerdon.serial import to_json
    from guerdon.specs import reward

    rewards = {spec: reward(spec) for spec in dict.fromkeys(arguments.reward)}
    gold = None if arguments.gold is None else reward(arguments.gold)
    drawn = subject.read()
    told = any(value == value for pool in drawn.pools for value in pool.gold)
    if gold is None and not told:
        if subject.task is not None:
            gold = Verifier()
        elif rewards:
            gold = rewards.pop(next(iter(rewards)))
        else:
            raise GuerdonError(f"{subject.label} says nowhere what is right; give --gold SPEC, --task or --reward SPEC")
    rule = gold if gold is not None and not isinstance(gold, Verifier) else subject.task
    words, read = reader(arguments.answer, arguments.tag, rule)
    with Meter(f"{subject.label}: scoring") as meter:
        judged = judge(
            drawn,
            None if gold is None else SampleJudge(gold, subject.task),
            read,
            rewards={name: SampleJudge(piece, subject.task) for name, piece in rewards.items()},
            success=arguments.success,
            least=max(arguments.k),
            confidence=arguments.confidence,
            progress=meter,
        )
    source = "gold of the file" if gold is None else arguments.gold or type(gold).__name__
    facts = {**subject.facts, "answer": words, "gold": source, "success": arguments.success, "k": sorted(arguments.k)}
    if subject.task is not None:
        facts["task"] = to_json(subject.task)
    return replace(judged, facts={**judged.facts, **facts})


class Meter:
    """How far sampling is, on stderr: a bar on a terminal, else a line about every ten seconds."""

    def __init__(self, label: str, every: float = 10.0) -> None:
        self.label, self.every, self.last = label, every, time.monotonic()

    def __enter__(self) -> "Meter":
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(file=sys.stderr)
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        self.live = Progress(*columns, console=console, transient=True) if console.is_terminal else None
        if self.live:
            self.live.start()
            self.bar = self.live.add_task(self.label, total=None)
        return self

    def __exit__(self, *error: object) -> None:
        if self.live:
            self.live.stop()

    def __call__(self, done: int, total: int) -> None:
        """Show it."""
        if self.live:
            self.live.update(self.bar, completed=done, total=total)
        elif time.monotonic() - self.last >= self.every:
            self.last = time.monotonic()
            print(f"{self.label}: {done} of {total} responses", file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Show:
    """What was found, shown and kept."""

    subjects: Sequence[Subject]
    found: Sequence[Any]
    """An ``Evaluation`` of each."""
    changes: Sequence[Any]
    """A ``Contrast`` of each but the first with the first."""
    ks: Sequence[int]
    families: Sequence[str]

    def print(self, saved: Sequence[Path]) -> None:
        """Tables for people."""
        from guerdon.commands._evaluation_table import print_evaluations

        labels = short([subject.label for subject in self.subjects])
        print_evaluations(labels, self.found, self.changes)
        for path in saved:
            print(f"kept in {path}")

    def print_json(self) -> None:
        """Everything for programs: one entry per subject, and the changes."""
        from guerdon.commands._show import print_json

        data = {each.label: found.to_json() for each, found in zip(self.subjects, self.found, strict=True)}
        if len(data) == 1 and not self.changes:
            print_json(self.found[0].to_json())
        else:
            print_json({"evaluations": data, "changes": {name: c.to_json() for name, c in self._named(self.labels)}})

    @property
    def labels(self) -> list[str]:
        """The subjects' names."""
        return [subject.label for subject in self.subjects]

    def _named(self, names: Sequence[str]) -> list[tuple[str, Any]]:
        return [(f"{new} against {names[0]}", change) for new, change in zip(names[1:], self.changes, strict=True)]

    def save(self, name: str | None) -> list[Path]:
        """Add entries to the ``eval.json`` of every run among the subjects; the files."""
        from guerdon.evals.keeping import save_entries

        entries: dict[str, dict[str, Any]] = {}
        named = [name if name and each is self.subjects[-1] else each.entry or each.label for each in self.subjects]
        for each, entry, found in zip(self.subjects, named, self.found, strict=True):
            if each.folder is not None:
                entries.setdefault(each.folder, {})[entry] = found.to_json()
        base = self.subjects[0]
        for each, entry, change in zip(self.subjects[1:], named[1:], self.changes, strict=True):
            if each.folder is not None:
                other = named[0] if base.folder == each.folder else base.label
                entries[each.folder][f"{entry} against {other}"] = change.to_json()
        return [save_entries(folder, mine) for folder, mine in entries.items()]

    def write_rows(self, path: str) -> None:
        """One row per policy and problem."""
        from guerdon.evals.keeping import rows_of, write_rows

        rows = [
            row
            for label, found in zip(self.labels, self.found, strict=True)
            for row in rows_of(found.responses, self.ks, ("pass_at", *self.families), label)
        ]
        write_rows(rows, path)

    def write_responses(self, path: str) -> None:
        """The responses of the last subject, the one that is evaluated."""
        from guerdon.evals.keeping import write_responses

        write_responses(self.found[-1].responses, path)


def short(labels: Sequence[str]) -> list[str]:
    """``runs/a@0`` and ``runs/a@60`` as ``step 0`` and ``step 60``; others by the end of their names if these differ."""
    parts = [label.rpartition("@") for label in labels]
    if len(labels) > 1 and len({path for path, at, _ in parts if at}) == 1 and all(at for _, at, _ in parts):
        return [f"step {step}" for _, _, step in parts]
    ends = [Path(label).name for label in labels]
    return ends if len(set(ends)) == len(ends) else list(labels)
