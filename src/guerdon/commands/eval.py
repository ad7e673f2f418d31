"""pass@k of a language-model policy on held-out problems, with 95% intervals over problems.

Examples:
  guerdon eval runs/a --k 1 8 64                         a run's policy on its own task
  guerdon eval runs/a --task chain_sum:max_terms=3       on another task
  guerdon eval Qwen/Qwen3-0.6B --task gsm_symbolic       a Hugging Face model, by name or folder
"""

import argparse
from pathlib import Path
from typing import Any

from guerdon.errors import GuerdonError


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("policy", metavar="DIR|MODEL", help="a run folder, or a Hugging Face model")
    parser.add_argument("--task", metavar="SPEC", help="whose held-out problems (default: the run's task)")
    parser.add_argument("--k", type=int, nargs="+", default=[1, 8], metavar="K", help="which pass@k (default: 1 8)")
    parser.add_argument("--problems", type=int, default=200, metavar="N", help="how many problems (default: 200)")
    parser.add_argument("--samples", type=int, metavar="N", help="responses per problem (default: the largest k)")
    parser.add_argument("--split", default="test", choices=("train", "test"), help="default: test")
    parser.add_argument("--temperature", type=float, metavar="T", help="default: as the run sampled, else 1")
    parser.add_argument("--max-tokens", type=int, metavar="N", help="default: as the run sampled")
    parser.add_argument("--seed", type=int, default=0, help="of the sampling (default: 0)")
    parser.add_argument("--device", help="cpu, cuda, ... (default: a GPU if there is one)")
    parser.add_argument("--json", action="store_true", help="print what a program can read")


def run(arguments: argparse.Namespace) -> int:
    """Evaluate and print."""
    from dataclasses import replace

    from guerdon.commands._arguments import device_of, positive
    from guerdon.commands._show import print_json
    from guerdon.evaluate import evaluate

    for name in ("problems", "samples", "max_tokens"):
        positive(f"--{name.replace('_', '-')}", getattr(arguments, name))
    for k in arguments.k:
        positive("--k", k)
    policy, task, sampling = _subject(arguments)
    changed = {name: value for name in ("temperature", "max_tokens") if (value := getattr(arguments, name)) is not None}
    result = evaluate(
        policy.to(device_of(arguments.device)),
        task,
        k=sorted(set(arguments.k)),
        problems=arguments.problems,
        samples=arguments.samples,
        sampling=replace(sampling, **changed),
        split=arguments.split,
        seed=arguments.seed,
    )
    if arguments.json:
        print_json(result.to_json())
    else:
        left_out = f", {result.unscored} unscored" if result.unscored else ""
        print(f"{result.sentence()}  ({result.problems} problems, {result.samples} samples each{left_out})")
    return 0


def _subject(arguments: argparse.Namespace) -> tuple[Any, Any, Any]:
    """Policy, task and sampling that the arguments mean."""
    from guerdon.piece import TaskSpec
    from guerdon.policies.hugging_face import HuggingFaceLM
    from guerdon.rng import Stream
    from guerdon.rollouts.sampler import Sampling
    from guerdon.runs.folder import read_run
    from guerdon.runs.policy import is_run, load_policy
    from guerdon.specs import resolve

    task = resolve(arguments.task, TaskSpec, "--task") if arguments.task else None
    if is_run(arguments.policy):
        recipe = read_run(arguments.policy).recipe
        sampling = getattr(recipe.rollout, "sampling", None)
        return load_policy(arguments.policy), task or recipe.task, sampling or Sampling()
    if Path(arguments.policy).is_dir() and not (Path(arguments.policy) / "config.json").exists():
        raise GuerdonError(
            f"{arguments.policy} must be a run folder or a model folder, but holds no run.json or config.json"
        )
    if task is None:
        raise GuerdonError(f"{arguments.policy} is no run, so name a task with --task; see `guerdon tasks list`")
    policy = HuggingFaceLM(arguments.policy).build(
        task, frozenset({"action.logprob"}), Stream((arguments.seed, "policy"))
    )
    return policy.eval(), task, Sampling()
