"""The main job: a small language model, from scratch, on a task of reasoning-gym, first supervised, then with RL.

    python examples/demo.py --seed 0 --out runs/demo

Task, prompts, answers and scorer are reasoning-gym's own. Supervised training stops when held-out pass@1 is
in the thirties; verifiable-reward RL does the rest. Writes the run folder and one HTML report.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from rich.console import Console

from guerdon import Objective, Recipe, Update, train
from guerdon.advantages.standardize import Standardize
from guerdon.errors import GuerdonError, RunInterrupted, RunStopped
from guerdon.evaluate import Evaluation, evaluate
from guerdon.loop import Trainer
from guerdon.metrics.policy_drift import PolicyDrift
from guerdon.objectives.nll import NLL
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.policies.tiny_lm import TinyLM
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.demonstrations import Demonstrations
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.sampler import Sampling
from guerdon.runs.folder import RunFolder
from guerdon.runs.progress import Progress
from guerdon.runs.report import write_report
from guerdon.tasks.reasoning_gym import ReasoningGym

TASK = ReasoningGym("spell_backward", train_size=10_000, test_size=300, options={"min_word_len": 5, "max_word_len": 6})
POLICY = TinyLM(width=64, layers=3, heads=4)
SAMPLING = Sampling(max_tokens=9)

SUPERVISED = Recipe(
    task=TASK,
    policy=POLICY,
    rollout=Demonstrations(prompts=64),
    shaping=(),
    objective=Objective(NLL()),
    update=Update(lr=4e-3, warmup=50),
)
REINFORCED = Recipe(
    task=TASK,
    policy=POLICY,
    rollout=Sample(prompts=32, samples_per_prompt=8, sampling=SAMPLING),
    rewards=(Verifier(threshold=1.0),),
    advantage=(Standardize(),),
    objective=Objective(PPOClip(clip_high=0.28)),
    update=Update(lr=4e-4, minibatches=2, warmup=10),
    metrics=(PolicyDrift(),),
)


class Until:
    """Stops supervised training once held-out pass@1 reaches a level: looks every few steps at a few problems."""

    def __init__(self, level: float, every: int = 20) -> None:
        self.level, self.every = level, every

    def __call__(self, trainer: Trainer, batch: object, metrics: dict[str, float]) -> None:
        """Raise ``StopIteration`` when the level is reached."""
        if trainer.step % self.every == 0 and trainer.step >= 100:
            quick = evaluate(trainer.policy, TASK, k=(1,), problems=60, samples=4, sampling=SAMPLING, seed=trainer.step)
            if quick[1].value >= self.level:
                trainer.steps = trainer.step


def held_out(policy: object, console: Console, when: str) -> Evaluation:
    """pass@1 and pass@8 on the held-out problems, printed."""
    result = evaluate(policy, TASK, k=(1, 8), problems=300, samples=8, sampling=SAMPLING)
    console.print(f"[bold]{when}[/bold]  {result.sentence()}  ({result.problems} held-out problems)")
    return result


def main() -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0, help="of everything random")
    parser.add_argument("--steps", type=int, default=200, help="RL steps")
    parser.add_argument("--out", type=Path, default=Path("runs/demo"), help="run folder")
    options = parser.parse_args()
    console, started = Console(), time.perf_counter()

    console.print(f"Task: [bold]{TASK.name}[/bold] of reasoning-gym, e.g. {TASK.problem('test', 0).prompt!r}")
    console.print("1. Supervised training on reference answers, until about 40% of held-out problems are solved")
    supervised = train(SUPERVISED, steps=600, seed=options.seed, observers=[Progress("supervised"), Until(0.36)])
    before = held_out(supervised.policy, console, "before RL")

    console.print(f"2. Reinforcement learning from the verifier, {options.steps} steps of 32 x 8 responses")
    result = train(
        REINFORCED,
        steps=options.steps,
        seed=options.seed,
        policy=supervised.policy,
        out=RunFolder(options.out, replace=True),
        observers=[Progress("RL")],
    )
    after = held_out(result.policy, console, "after RL ")

    evaluations = {"before": before.to_json(), "after": after.to_json(), "seed": options.seed}
    evaluations["seconds"] = round(time.perf_counter() - started, 1)
    (options.out / "eval.json").write_text(json.dumps(evaluations, indent=2) + "\n", encoding="utf-8")
    report = write_report(options.out)
    gain = 100 * (after[1].value - before[1].value)
    apart = "do not overlap" if after[1].low > before[1].high else "overlap"
    console.print(f"RL gained [bold]{gain:.1f} points[/bold] of pass@1; the 95% intervals {apart}.")
    console.print(f"{evaluations['seconds']:.0f} s in all. Run folder: {options.out}   Report: {report}")


if __name__ == "__main__":
    try:
        main()
    except (GuerdonError, RunStopped, RunInterrupted) as error:
        sys.exit(f"demo: {error}")
