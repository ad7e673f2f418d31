"""What the page knows about runs before it asks for a rollout: facts, curves, charts, what to look at."""

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from guerdon.commands._show import plain
from guerdon.errors import GuerdonError
from guerdon.runs.policy import policy_steps
from guerdon.runs.reading import Run, read_evaluation, read_run
from guerdon.view.rows import Part

CHARTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Reward", "reward per trajectory", ("reward",)),
    ("Reward components", "reward per trajectory", ("reward/*",)),
    ("Entropy", "nats per action", ("entropy",)),
    ("KL to the reference", "nats per action", ("kl",)),
    ("Length", "actions per trajectory", ("length",)),
    ("Shares", "share of trajectories or groups", ("signal", "unscored", "truncated")),
    ("Loss", "loss", ("loss",)),
    ("Gradient norm", "norm before clipping", ("grad_norm",)),
    ("Speed", "actions per second", ("actions_per_s",)),
    ("Time per step", "seconds", ("time/*",)),
)
"""Title, unit and metrics of the charts; metrics that none of them names get one each."""
CONSTANT = ("step", "trajectories", "groups")
"""Metrics without a chart of their own."""
DEPTH = 4
"""How far below a folder runs are looked for; those of a comparison lie that deep."""


def find_runs(folders: Sequence[str | Path]) -> list[Path]:
    """The run folders that ``folders`` are or hold, to a depth of four, each once and in order.

    Raises:
        GuerdonError: if one of them neither is a run folder nor holds any.
    """
    found: dict[Path, None] = {}
    for folder in map(Path, folders):
        inside = [folder] if (folder / "run.json").is_file() else _below(folder, DEPTH)
        if not inside:
            raise GuerdonError(
                f"{folder} must be a run folder or hold run folders (with a run.json), but there is none"
            )
        found.update(dict.fromkeys(inside))
    return list(found)


def _below(folder: Path, depth: int) -> list[Path]:
    if depth == 0 or not folder.is_dir():
        return []
    inside = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    runs = (([path] if (path / "run.json").is_file() else _below(path, depth - 1)) for path in inside)
    return list(itertools.chain.from_iterable(runs))


def run_names(paths: Sequence[Path]) -> list[str]:
    """The folders' names, with as many parents as it takes to tell them apart."""
    parts = [path.resolve().parts for path in paths]
    for depth in range(1, max(map(len, parts), default=0) + 1):
        names = ["/".join(part[-depth:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return [f"{part[-1]} ({number})" for number, part in enumerate(parts, 1)]


def run_entry(number: int, name: str, run: Run, parts: Sequence[Part], problems: Sequence[str]) -> dict[str, Any]:
    """One entry of ``runs``; ``problems`` are sentences about what could not be read."""
    found = run.facts
    return {
        "id": number,
        "name": name,
        "path": str(run.path),
        "status": found["status"],
        "reason": found["reason"],
        "steps": found["steps"],
        "done": len(run.metrics),
        "facts": facts(found),
        "warnings": [*found["warnings"], *problems],
        "recipe": plain(found["recipe"]),
        "evaluation": plain(read_evaluation(run.path)),
        "rollout_steps": [part.step for part in parts],
        "checkpoint_steps": policy_steps(run.path),
        "domain": "text" if any(part.first_token is not None for part in parts) else "steps",
    }


def facts(found: dict[str, Any]) -> list[list[Any]]:
    """What was run and where, as pairs of name and value."""
    pairs = {
        "task": brief(found["recipe"].get("task")),
        "policy": brief(found["recipe"].get("policy")),
        "seed": found["seed"],
        "started": found["started"].replace("T", " ").replace("+00:00", " UTC"),
        "commit": commit_text(found["commit"]),
        "guerdon": found["versions"].get("guerdon"),
        "torch": found["versions"].get("torch"),
        "machine": machine_text(found["machine"], found["device"]),
    }
    return [[name, value] for name, value in pairs.items() if value is not None]


def brief(piece: Any) -> str | None:
    """``ReasoningGym(chain_sum)``: the name of a saved piece and its first plain texts."""
    if not isinstance(piece, dict):
        return None
    words = [value for key, value in piece.items() if key != "piece" and isinstance(value, str)][:1]
    sizes = [f"{key}={piece[key]}" for key in ("width", "layers") if key in piece]
    return f"{piece['piece']}({', '.join([*words, *sizes])})"


def commit_text(commit: dict[str, Any] | None) -> str | None:
    """Short hash, with a mark where files differed from it."""
    return None if commit is None else commit["hash"][:12] + (" with changes" if commit["changed"] else "")


def machine_text(machine: dict[str, Any], device: str) -> str:
    """Where it ran, in a few words."""
    what = ", ".join(machine["accelerators"]) if device.startswith("cuda") else f"{machine['cores']} cores"
    return f"{device}: {what}, {machine['system'].split(' ')[0]}"


def metrics(runs: Sequence[Run]) -> dict[str, Any]:
    """Every metric of every run as a series."""
    names = list(dict.fromkeys(name for run in runs for line in run.metrics for name in line if name != "step"))
    series = []
    for number, run in enumerate(runs):
        for name in names:
            lines = [line for line in run.metrics if name in line]
            if lines:
                values = [line[name] if math.isfinite(line[name]) else None for line in lines]
                series.append(
                    {"run": number, "name": name, "step": [int(line["step"]) for line in lines], "value": values}
                )
    return {"names": sorted(names), "series": series}


def charts(names: Sequence[str]) -> list[dict[str, Any]]:
    """Which metrics share a chart; one that no chart names is alone in one, marked ``more``."""
    left, out = [name for name in names if name not in CONSTANT], []
    for title, unit, wanted in CHARTS:
        keys = [name for name in left if any(_fits(name, pattern) for pattern in wanted)]
        # One component says what the reward itself says.
        if keys and not (title == "Reward components" and len(keys) == 1):
            out.append({"title": title, "unit": unit, "names": keys})
        left = [name for name in left if name not in keys]
    return [*out, *({"title": name, "unit": "", "names": [name], "more": True} for name in left)]


def _fits(name: str, pattern: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def fingerprint(path: Path) -> tuple[Any, ...]:
    """Changes when anything the viewer reads of a run folder changes."""
    parts: list[Any] = []
    for name in ("run.json", "metrics.jsonl", "eval.json", "rollouts", "checkpoints"):
        try:
            found = (path / name).stat()
        except OSError:
            parts.append(None)
        else:
            parts.append((found.st_mtime_ns, found.st_ino, 0 if (path / name).is_dir() else found.st_size))
    return tuple(parts)


__all__ = ["charts", "find_runs", "fingerprint", "metrics", "read_run", "run_entry", "run_names"]
