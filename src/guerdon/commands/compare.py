"""Train methods on the same tasks, with the same steps and seeds, and say what the difference is worth.

A method is a paper's id, ID:VARIANT or a recipe file, with fields changed after commas and a name of its own in front:
NAME=ID:VARIANT,FIELD=VALUE. Further flags are fields of every method's recipe, as for `guerdon train`.

Examples:
  guerdon compare grpo rloo dapo --task tree --seeds 10 --steps 100 --out cmp/a
  guerdon compare grpo slow=grpo,update.lr=0.01 --task tree --seeds 10 --out cmp/b     one method, two settings
  guerdon compare grpo ppo --task gym:CartPole-v1 --score return --range 0 500 --out cmp/c
  guerdon compare grpo rloo --task chain_sum --policy runs/sft --score eval --out cmp/d   from a trained model, pass@1
  guerdon compare grpo rloo dapo --task tree --seeds 20 --steps 100 --out cmp/a        more seeds; finished runs stay

Runs go on in parallel processes. The same command goes on where it was stopped or killed. Exit code 1: a run failed.
The folder holds compare.html, compare.json and one run folder per method, task and seed.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guerdon.errors import GuerdonError

if TYPE_CHECKING:
    from guerdon.comparison.plan import Cell, Plan
    from guerdon.comparison.result import Reading
    from guerdon.comparison.runner import Ended
    from guerdon.comparison.worker import Job


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command; every other flag is a field of the recipes."""
    parser.set_defaults(takes_recipe_flags=True)
    parser.add_argument(
        "methods", nargs="+", metavar="METHOD", help="two or more: [NAME=]ID[:VARIANT]|FILE[,FIELD=VALUE]"
    )
    parser.add_argument("--task", action="append", default=[], metavar="SPEC", help="what to train on; may be repeated")
    parser.add_argument("--policy", metavar="SPEC", help="what to train: a policy, a Hugging Face model, a run folder")
    parser.add_argument("--seeds", type=int, default=5, metavar="K", help="runs per method and task (default: 5)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="the first seed (default: 0)")
    parser.add_argument("--steps", type=int, default=200, metavar="N", help="turns of the loop per run (default: 200)")
    parser.add_argument("--out", metavar="DIR", required=True, help="folder of the comparison")
    parser.add_argument(
        "--score", default="reward", metavar="NAME", help="metric, mean of the last 10%% of steps; or eval: pass@1"
    )
    parser.add_argument(
        "--baseline", metavar="NAME", help="method that the others are compared with (default: the first)"
    )
    parser.add_argument(
        "--range", nargs=2, type=float, action="append", default=[], metavar=("LOW", "HIGH"),
        help="scores that count as 0 and 1; once, or once per task",
    )  # fmt: skip
    parser.add_argument("--gamma", type=float, default=1.0, help="score that the optimality gap is from (default: 1)")
    parser.add_argument("--problems", type=int, default=200, metavar="N", help="held-out problems of --score eval")
    parser.add_argument("--samples", type=int, default=4, metavar="N", help="responses to each of them (default: 4)")
    parser.add_argument("--reseed-task", action="store_true", help="give each seed a task of its own (the task's seed)")
    parser.add_argument("--jobs", type=int, metavar="N", help="runs at a time (default: cores; 1 on a GPU)")
    parser.add_argument("--device", help="cpu, cuda, ... (default: a GPU if there is one)")
    parser.add_argument(
        "--save-every", type=int, default=50, metavar="N", help="steps between checkpoints (default: 50)"
    )
    parser.add_argument(
        "--rollouts-every", type=int, metavar="N", help="steps between stored rollouts (default: a tenth)"
    )
    parser.add_argument("--draws", type=int, default=10000, metavar="N", help="bootstrap resamples (default: 10000)")
    parser.add_argument("--json", action="store_true", help="print compare.json, without progress")


def run(arguments: argparse.Namespace) -> int:
    """Train what is missing, compare, write and print."""
    from guerdon.commands._show import plain, print_json
    from guerdon.comparison.page import write_page
    from guerdon.comparison.plan import claim
    from guerdon.comparison.result import compose, read_cells
    from guerdon.runs.atomic import write_text

    plan, reading = plan_of(arguments)
    plan = plan.begin()
    lock = claim_soon(claim, plan.folder)
    with lock:
        plan.write()
        ended = train_missing(plan, reading, arguments, lock)
        measured, ended = read_cells(plan, ended, reading)
        data = compose(plan, measured, ended, reading)
        write_text(plan.folder / "compare.json", json.dumps(plain(data), indent=1) + "\n")
        write_page(data, plan.folder / "compare.html")
        if measured:
            plan.looked().write()
    if arguments.json:
        print_json(data)
    else:
        show(data, plan.folder)
    return int(any(cell not in measured for cell in plan.cells()))


def claim_soon(claim: Any, folder: Path, seconds: float = 30.0) -> Any:
    """Hold the folder; processes that a kill left behind are waited for, because they end with their step."""
    import time

    until, said = time.monotonic() + seconds, False
    while True:
        try:
            return claim(folder)
        except GuerdonError:
            if time.monotonic() > until:
                raise
        if not said:
            print("waiting for the processes of another call to save their step", file=sys.stderr, flush=True)
            said = True
        time.sleep(0.2)


def plan_of(arguments: argparse.Namespace) -> "tuple[Plan, Reading]":
    """What the arguments ask for.

    Raises:
        GuerdonError: if they do not go together.
    """
    from guerdon import overrides
    from guerdon.commands._arguments import positive
    from guerdon.comparison.methods import read_methods
    from guerdon.comparison.plan import Plan
    from guerdon.comparison.result import Reading

    for name in ("seeds", "steps", "problems", "samples", "jobs", "save_every", "draws"):
        positive(f"--{name.replace('_', '-')}", getattr(arguments, name))
    if len(arguments.methods) < 2:
        raise GuerdonError("compare needs at least two methods, got one; see `guerdon compare --help`")
    methods = read_methods(arguments.methods, arguments.task, arguments.policy, overrides.pairs(arguments.rest))
    tasks = arguments.task or own_tasks(methods)
    if len(set(tasks)) < len(tasks):
        raise GuerdonError(f"every --task must be another one, got {', '.join(tasks)}")
    names = [method.name for method in methods]
    if arguments.baseline is not None and arguments.baseline not in names:
        raise GuerdonError(f"--baseline must be one of {', '.join(names)}, got {arguments.baseline!r}")
    ranges = [tuple(each) for each in arguments.range] * (len(tasks) if len(arguments.range) == 1 else 1)
    if ranges and len(ranges) != len(tasks):
        raise GuerdonError(f"--range must be given once or once per task, got {len(ranges)} for {len(tasks)} tasks")
    if flat := [each for each in ranges if not each[0] < each[1]]:
        raise GuerdonError(f"--range needs LOW below HIGH, got {flat[0][0]:g} {flat[0][1]:g}")
    evaluation = arguments.score == "eval"
    if evaluation:
        check_problems(methods, tasks)
    reading = Reading(
        metric="reward" if evaluation else arguments.score,
        evaluation=evaluation,
        ranges=tuple(ranges),
        gamma=arguments.gamma,
        baseline=names.index(arguments.baseline) if arguments.baseline else 0,
        draws=arguments.draws,
    )
    seeds = tuple(range(arguments.seed, arguments.seed + arguments.seeds))
    policy = arguments.policy if arguments.policy and (Path(arguments.policy) / "run.json").is_file() else None
    plan = Plan(
        Path(arguments.out), tuple(methods), tuple(tasks), seeds, arguments.steps, policy, arguments.reseed_task
    )
    return plan, reading


def own_tasks(methods: Any) -> list[str]:
    """The name of the task that all methods bring along.

    Raises:
        GuerdonError: if they bring different ones.
    """
    from guerdon.specs import short_name

    if any(method.recipes[0].task != methods[0].recipes[0].task for method in methods):
        raise GuerdonError("without --task all methods must bring the same task along, but they bring different ones")
    return [short_name(type(methods[0].recipes[0].task))]


def check_problems(methods: Any, tasks: list[str]) -> None:
    """Refuse an evaluation on tasks without problems."""
    from guerdon.tasks.problem import ProblemTask

    for number, name in enumerate(tasks):
        if not isinstance(methods[0].recipes[number].task, ProblemTask):
            raise GuerdonError(f"--score eval needs a task with held-out problems, but {name} has none; name a metric")


def train_missing(plan: "Plan", reading: "Reading", arguments: argparse.Namespace, lock: Any) -> "dict[Cell, Ended]":
    """Run the cells that are not finished yet; how all of them ended."""
    from guerdon.commands._arguments import device_of
    from guerdon.comparison.display import Board
    from guerdon.comparison.runner import Ended, run_cells

    device = device_of(arguments.device)
    asked = {"problems": arguments.problems, "samples": arguments.samples} if reading.evaluation else None
    ended: dict[Cell, Ended] = {}
    missing: list[tuple[Cell, Job]] = []
    for cell in plan.cells():
        if (before := ended_before(cell, asked)) is not None:
            ended[cell] = before
        else:
            missing.append((cell, job_of(plan, cell, arguments, device, asked)))
    jobs = arguments.jobs or ((os.cpu_count() or 1) if device == "cpu" else 1)
    board = Board(len(plan.cells()), len(ended), plan.steps, quiet=arguments.json)
    for note, names in shared_notes(plan).items():
        board.say(f"warning: {', '.join(names)}: {note}")
    if ended and missing:
        board.say(f"{len(ended)} of {len(plan.cells())} runs are finished already")
    try:
        with board:
            ended |= run_cells(missing, jobs, plan.folder / "logs", lock, board)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"interrupted, with {board.done} of {len(plan.cells())} runs done and the others saved; "
            "the same command goes on from here"
        ) from None
    return ended


def shared_notes(plan: "Plan") -> dict[str, list[str]]:
    """Sentence -> the methods that it is about."""
    found: dict[str, list[str]] = {}
    for method in plan.methods:
        for note in method.notes:
            found.setdefault(note, []).append(method.name)
    return found


def ended_before(cell: "Cell", asked: dict[str, int] | None) -> "Ended | None":
    """How the cell ended in an earlier call; None if something is left to do."""
    from guerdon.comparison.runner import Ended
    from guerdon.runs.reading import read_evaluation, read_facts

    if not (cell.path / "run.json").exists():
        return None
    facts = read_facts(cell.path)
    done = facts["status"] in ("finished", "stopped")
    if done and asked is not None:
        done = read_evaluation(cell.path).get("end", {}).get("asked") == asked
    return Ended(facts["status"], facts["reason"]) if done else None


def job_of(plan: "Plan", cell: "Cell", arguments: argparse.Namespace, device: str, asked: Any) -> "Job":
    """What a process has to do for a cell."""
    from guerdon.comparison.worker import Job
    from guerdon.serial import to_json

    every = arguments.rollouts_every
    return Job(
        recipe=to_json(plan.recipe(cell)),
        steps=plan.steps,
        seed=cell.seed,
        out=str(cell.path),
        device=device,
        save_every=arguments.save_every,
        rollouts_every=max(plan.steps // 10, 1) if every is None else every,
        policy=plan.policy,
        evaluation=asked,
    )


def show(data: dict[str, Any], folder: Path) -> None:
    """Tables and the verdict for people."""
    from guerdon.commands._show import number, print_table
    from guerdon.comparison.page import actions_text

    failed = [cell for cell in data["cells"] if cell["status"] not in ("finished", "stopped")]
    seeds, tasks = len(data["compared"]["seeds"]), len(data["tasks"])
    size = f"{seeds} seed{'s' * (seeds != 1)}" + f" x {tasks} tasks" * (tasks > 1)
    print(f"score: {data['score']}; {size}, {data['steps']} steps each\n")
    if "final" in data:
        rows = []
        for place, name in enumerate(data["compared"]["methods"]):
            entry = data["final"]["aggregates"][place]
            cost = next(each for each in data["budget"] if each["method"] == name)["tasks"]
            spent = [sum(task[what] for task in cost) for what in ("actions", "seconds")]
            cells = [interval_text(entry[key]) for key in ("iqm", "mean", "optimality_gap")]
            cells.append(interval_text(data["area"]["aggregates"][place]["iqm"]))
            rows.append((name, *cells, number(spent[0]), f"{spent[1]:.1f}"))
        print_table(("method", "IQM", "mean", "optimality gap", "IQM of area", "actions", "seconds"), rows)
        print("\n95% bootstrap intervals; actions and seconds per seed.")
    for cell in failed:
        print(f"{cell['method']} {cell['task']} seed {cell['seed']} {cell['status']}: {cell['reason']}")
    print()
    for sentence in [*data["verdict"]["sentences"], data["verdict"]["overall"]]:
        print(f"{sentence.rstrip('.')}.")
    if also := data["verdict"].get("equal_actions"):
        print(f"With the same sampled actions ({actions_text(data)}):")
        for sentence in also:
            print(f"  {sentence}.")
    print(data["verdict"].get("caption", ""))
    for note in data["notes"]:
        print(f"note: {note}")
    print(f"\n{folder / 'compare.html'} shows it; {folder / 'compare.json'} holds the numbers")


def interval_text(entry: dict[str, float]) -> str:
    """``0.413 [0.38, 0.45]``."""
    return f"{entry['value']:.3f} [{entry['low']:.3f}, {entry['high']:.3f}]"
