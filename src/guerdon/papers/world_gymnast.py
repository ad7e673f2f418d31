"""World-Gymnast: Training Robots with Reinforcement Learning in a World Model.

Idea
    Train a robot's policy with GRPO inside a learned world model, where a vision-language model judges the imagined
    videos; a model learned from data is nearer to reality than a simulator that assumes too much.
Maths
    Reward 1 if a strict majority of 5 verdicts says success, else 0; groups of 8 with a mean in 0.1..0.9 are kept;
    ``A = (R - mean) / (std + 1e-6)`` on all actions, clip 0.8..1.28, no KL, temperature 1.6.
Reads
    ``traj.votes``, ``action.logprob``, ``action.old_logprob``.
Deviations
    From the released code; how verdicts are put together is in an outside package, and the majority is our reading. The
    reward's factor of 5 cancels in the std. Chunks of actions, images, the alternation with updates of the world model
    and test-time training are left out. At temperature 1.6 log-probs belong to that temperature, which the toy does not
    have: it samples at 1. The proxies' world is a line of uneven ground, its model a table of moves from 40 noisy
    demonstrations, its wrong simulator even ground.
"""

import dataclasses
from functools import cache
from typing import Any

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.curricula.mean_band import MeanBand
from guerdon.loop import Result
from guerdon.objective import Objective
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._proxy import SEEDS, compare, finals
from guerdon.policies.tabular import Tabular
from guerdon.recipe import Recipe
from guerdon.rewards.majority_vote import MajorityVote
from guerdon.rollouts.tabular import SampleTree
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.tasks.push_line import PushLine
from guerdon.update import Update

STEPS = 100

RECIPE = Recipe(
    task=PushLine(),
    policy=Tabular(),
    rollout=SampleTree(prompts=20, samples_per_prompt=8, extra=("traj.votes",)),
    rewards=(MajorityVote(),),
    shaping=(WeightedSum({"success": 1.0}, others=0.0),),
    filters=(MeanBand(),),
    advantage=(Standardize(),),
    objective=Objective(PPOClip(0.2, 0.28, dual_clip=None)),
    update=Update(lr=0.05, minibatches=2),
)
SIMULATOR = dataclasses.replace(RECIPE, task=PushLine(dynamics="even"))


@claim("Verdicts 1, 1, 1, 0, 0 are a success; a tie and no verdict at all are none")
def votes(seed: int) -> Evidence:
    rows = [[1.0, 1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0, torch.nan], [torch.nan] * 5]
    batch = ragged([[0.0] * 3], columns={"traj.votes": torch.tensor(rows)})
    got = torch.as_tensor(MajorityVote()(batch)["traj.reward/success"]).tolist()
    return Evidence(float(got == [1.0, 0.0, 0.0]), 1.0, 1.0, note="1 if so")


@claim("Of groups with 0, 1, 4 and 8 successes in 8 the second and third are kept, and advantages sum to 0")
def band(seed: int) -> Evidence:
    batch = ragged([[1.0] * right + [0.0] * (8 - right) for right in (0, 1, 4, 8)])
    kept = MeanBand()(batch).tolist() == [False, True, True, False]
    advantage = torch.as_tensor(RECIPE.advantage[0](ragged([[1.0, 0.0, 0.0, 1.0]]))["traj.advantage"])
    return Evidence(float(advantage.sum().abs()) if kept else torch.nan, 0.0, 1e-9, note="sum of advantages")


@cache
def real(name: str) -> list[float]:
    """Exact success on the real ground, per seed."""

    def measure(result: Result, task: Any) -> float:
        with torch.no_grad():
            return task.real_success(result.policy.rows(torch.arange(task.contexts)))  # pyright: ignore[reportCallIssue]

    if name == "cloned":
        tasks = [dataclasses.replace(PushLine(), seed=seed) for seed in SEEDS]
        return [task.real_success(task.initial_logits()) for task in tasks]
    return finals({"model": RECIPE, "simulator": SIMULATOR}[name], STEPS, measure)


@claim(
    "Trained in the learned model it succeeds more often in reality than trained in the wrong simulator", tier="proxy"
)
def beats_simulator(seed: int) -> Evidence:
    return compare(real("model"), real("simulator"), f"real success after {STEPS} steps")


@claim(
    "Trained in the learned model it succeeds more often in reality than the cloned policy it began with", tier="proxy"
)
def beats_cloning(seed: int) -> Evidence:
    return compare(real("model"), real("cloned"), f"real success after {STEPS} steps against none")


paper = Paper(
    title="World-Gymnast: Training Robots with Reinforcement Learning in a World Model",
    arxiv=None,
    kind="method",
    source="code",
    recipe=RECIPE,
    compositions={"simulator": SIMULATOR},
    claims=(votes, band, beats_simulator, beats_cloning),
)
