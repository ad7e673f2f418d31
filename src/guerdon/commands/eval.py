"""How good a policy's responses are, with 95% intervals over problems: pass@k, maj@k, best-of-n, calibration, length,
diversity; and what changed between two policies, in pairs, with the right answers kept, found and lost.

Examples:
  guerdon eval runs/a --k 1 8 64                         a run's policy on its own task
  guerdon eval runs/a@50 --task chain_sum:max_terms=3    an older checkpoint, on another task
  guerdon eval runs/a --checkpoints 0 60                 two checkpoints, and the difference
  guerdon eval runs/b --against runs/a                   two runs on the same problems
  guerdon eval Qwen/Qwen3-0.6B --task gsm_symbolic       a Hugging Face model, by name or folder
  guerdon eval runs/a --reward tags --reward mine:judge      best-of-n under any reward
  guerdon eval --responses samples.jsonl --reward math   what others sampled: lines with `prompt` or `id`, `answer`,
                                                         and `response` or `responses`; no model is loaded
  guerdon eval --responses samples.jsonl --pick rm_score       best-of-n by a score that the lines have

What is right: the task's own scorer at --success, or --gold SPEC. For a file: --gold, else a number `gold` in its lines,
else the scorer of --task, else the first --reward. A run's evaluation is added to the eval.json of its folder.
"""

import argparse
import os
import sys

from guerdon.errors import GuerdonError


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    add = parser.add_argument
    add("policy", nargs="?", metavar="DIR|MODEL", help="a run folder, DIR@STEP, or a Hugging Face model")
    add("--against", metavar="OTHER", help="the policy, or file of responses, to compare with")
    add("--checkpoints", type=int, nargs="+", metavar="STEP", help="steps of the run; the first is compared with")
    add("--responses", metavar="FILE.jsonl", help="measure these responses instead of a policy's")
    add("--task", metavar="SPEC", help="whose held-out problems (default: the run's task)")
    add("--k", type=int, nargs="+", metavar="K", help="sizes of subsets (default: 1 8; of a file: 1 and all)")
    add("--problems", type=int, default=200, metavar="N", help="how many problems (default: 200)")
    add("--samples", type=int, metavar="N", help="responses per problem (default: the largest k)")
    add("--split", default="test", choices=("train", "test"), help="default: test")
    add("--temperature", type=float, metavar="T", help="default: as the run sampled, else 1")
    add("--max-tokens", type=int, metavar="N", help="default: as the run sampled")
    add("--gold", metavar="SPEC", help="the reward that tells right from wrong, as in `guerdon score`")
    add("--success", type=float, default=1.0, metavar="X", help="score from which on it is right (default: 1)")
    add("--reward", metavar="SPEC", action="append", default=[], help="pick best-of-n by this reward; again for more")
    add(
        "--pick",
        metavar="KEY",
        action="append",
        default=[],
        help="pick by this number of a file's lines; again for more",
    )
    add("--answer", default="auto", metavar="KIND", help="how answers are read: auto, text, number, final")
    add("--tag", metavar="NAME", help="read only what is inside <NAME>")
    add("--confidence", default="confidence", metavar="NAME", help="tag of a stated confidence (default: confidence)")
    add("--measures", nargs="+", metavar="NAME", help="only these (default: all): pass_at, majority_at, best_of, ...")
    add("--batch", type=int, default=1024, metavar="N", help="responses sampled at a time (default: 1024)")
    add("--engine", default="local", choices=("local", "vllm"), help="what samples (default: local)")
    add("--seed", type=int, default=0, help="of sampling and intervals (default: 0)")
    add("--device", help="cpu, cuda, ... (default: a GPU if there is one)")
    add("--save", metavar="NAME", help="name of the entry in the run's eval.json (default: its step)")
    add("--no-save", action="store_true", help="leave eval.json alone")
    add("--out", metavar="FILE", help="one row per problem: .parquet or .jsonl")
    add("--save-responses", metavar="FILE.jsonl", help="keep the responses, to be read by --responses")
    add("--json", action="store_true", help="print what a program can read")


def run(arguments: argparse.Namespace) -> int:
    """Evaluate, compare, print and keep."""
    from guerdon.commands._evaluation import Show, judged_of, subjects_of
    from guerdon.evals.contrast import contrast
    from guerdon.evals.measures import MEASURES, check_families
    from guerdon.evaluate import measure

    sys.path.insert(0, os.getcwd())
    _check(arguments)
    families = tuple(arguments.measures or MEASURES)
    check_families(families)
    subjects = subjects_of(arguments)
    judged = [judged_of(subject, arguments) for subject in subjects]
    ks = sorted(set(arguments.k))
    found = [measure(responses, ks, families, arguments.seed) for responses in judged]
    changes = [contrast(each, judged[0], ks, families, arguments.seed) for each in judged[1:]]
    show = Show(subjects, found, changes, ks, families)
    if arguments.out:
        show.write_rows(arguments.out)
    if arguments.save_responses:
        show.write_responses(arguments.save_responses)
    saved = [] if arguments.no_save else show.save(arguments.save)
    show.print_json() if arguments.json else show.print(saved)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    """Refuse what cannot be meant, before anything is sampled."""
    from guerdon.commands._arguments import positive
    from guerdon.evals.keeping import check_ending

    for name in ("problems", "samples", "max_tokens", "batch"):
        positive(f"--{name.replace('_', '-')}", getattr(arguments, name))
    for k in arguments.k or ():
        positive("--k", k)
    if (arguments.policy is None) == (arguments.responses is None):
        raise GuerdonError("eval needs a run folder or a model, or --responses FILE; see `guerdon eval --help`")
    if arguments.checkpoints and (arguments.against or arguments.responses):
        raise GuerdonError("--checkpoints compares steps of one run, so it goes with no --against or --responses")
    if arguments.save and arguments.no_save:
        raise GuerdonError("--save and --no-save say the opposite; give one of them")
    if arguments.out:
        check_ending(arguments.out)
