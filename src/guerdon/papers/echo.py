"""Echo Chamber: RL Post-training Amplifies Behaviors Learned in Pretraining.

Idea
    Pretrain small models on known mixtures of solution formats: RL soon writes in one of them alone, mostly the one that
    works best at this scale, raising pass@1 and lowering pass@64.
Maths
    On the choice of a format, ``dz_m = eta p_m (acc_m - sum_j p_j acc_j)``; see ``solvers/mode_flow.py``.
Reads
    ``traj.response`` with a classifier of formats, ``traj.reward/correct``; the recipes' own columns.
Deviations
    Recalled; the flow was derived for this. The corpus is sums with three styles of solutions. Expert iteration goes on
    from the current policy, where the paper fine-tunes the base model on the union of all rounds; a round without a
    right sample is sampled again. How far pretraining gets depends on the seed: after 400 steps all formats were at
    chance on the proxy's seeds and the largest share grew from 0.50 to 0.77; after 800 (the proxies) it grows from 0.51
    to 0.90 on average, short of the bound where a seed is still at chance.
"""

import dataclasses
from functools import cache
from typing import Any

from guerdon.advantages.gae import GAE
from guerdon.advantages.standardize import Standardize
from guerdon.advantages.whiten import Whiten
from guerdon.credit.last_action import LastAction
from guerdon.curricula.right_only import RightOnly
from guerdon.loop import Result
from guerdon.metrics.mode_share import ModeShare, dominant
from guerdon.objective import Objective
from guerdon.objectives.kl import KLPenalty
from guerdon.objectives.nll import NLL
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.value_clip import ValueClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._lm import Look, on_lm, pass_at, several, warm
from guerdon.papers._proxy import compare, finals
from guerdon.recipe import Recipe
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.solvers.mode_flow import mode_flow
from guerdon.tasks.worked_sum import WorkedSum
from guerdon.update import Update

MODES = {"steps": "S", "noise": "N", "terse": "T"}
"""Every demonstration begins with the letter of its style."""
MIXTURE = WorkedSum(modulus=6, styles={"N{noise}:{answer}": 0.5, "S{chain}:{answer}": 0.3, "T:{answer}": 0.2})


def grpo(kl: float = 0.001) -> Recipe:
    """GRPO with a KL penalty, the shares of the formats logged."""
    return Recipe(
        rollout=Sample(),
        rewards=(Verifier(),),
        advantage=(Standardize(),),
        objective=Objective(PPOClip(), regularizers=(KLPenalty(kl),) if kl else ()),
        update=Update(minibatches=4),
        metrics=(ModeShare(MODES),),
    )


RECIPE = grpo()
PPO = dataclasses.replace(
    RECIPE,
    credit=(LastAction(),),
    advantage=(GAE(), Whiten()),
    objective=Objective(PPOClip(), regularizers=(KLPenalty(0.001), ValueClip())),
)
EXPERT_ITERATION = Recipe(
    rollout=Sample(samples_per_prompt=64),
    rewards=(Verifier(),),
    filters=(RightOnly(),),
    objective=Objective(NLL()),
)


@claim("From shares .5, .3, .2 with accuracies .2, .5, .4 the flow gives the second format over 0.9 in 400 steps of 2")
def flow(seed: int) -> Evidence:
    path = mode_flow([0.5, 0.3, 0.2], [0.2, 0.5, 0.4], 2.0, 400)
    return Evidence(float(path[-1, 1]), 0.9, 1.0, note="share of the most accurate format")


@claim("Formats of equal accuracy keep their shares")
def no_drift(seed: int) -> Evidence:
    path = mode_flow([0.5, 0.3, 0.2], [0.4, 0.4, 0.4], 2.0, 400)
    return Evidence(float((path[-1] - path[0]).abs().max()), 0.0, 1e-12, note="largest change of a share")


TOY = on_lm(grpo(kl=0.0), MIXTURE, max_tokens=8)
LOOK = Look(problems=50, samples=64, split="train", max_tokens=8)


def largest_mode(result: Result, task: Any) -> float:
    """The share of the most frequent format among the responses."""
    return dominant([text for group in LOOK(result.policy, task) for _, text in group], MODES)


@cache
def runs() -> tuple[list[list[float]], list[list[float]]]:
    """(largest share, pass@1, pass@64) by seed before and after 100 steps of GRPO; trained once for both proxies."""
    found = []
    for steps in (0, 100):
        measure, rows = several(largest_mode, pass_at(1, LOOK), pass_at(64, LOOK))
        finals(TOY, steps, measure, (0, 1, 2), start=warm(800))
        found.append(rows)
    return found[0], found[1]


@claim(
    "Of a model pretrained on three formats, GRPO writes more than 0.9 of the responses in one of them", tier="proxy"
)
def dominates(seed: int) -> Evidence:
    before, after = runs()
    evidence = compare([row[0] for row in after], [0.9] * len(after), "largest share of a format, the bound being 0.9")
    start = sum(row[0] for row in before) / len(before)
    return dataclasses.replace(evidence, note=f"{evidence.note}; before RL {start:.3f}")


@claim("The same run lowers pass@64", tier="proxy")
def narrows(seed: int) -> Evidence:
    before, after = runs()
    evidence = compare([row[2] for row in after], [row[2] for row in before], "pass@64 after and before", lower=True)
    ones = [sum(row[1] for row in rows) / len(rows) for rows in (after, before)]
    return dataclasses.replace(evidence, note=f"{evidence.note}; pass@1 {ones[0]:.3f} against {ones[1]:.3f}")


paper = Paper(
    title="Echo Chamber: RL Post-training Amplifies Behaviors Learned in Pretraining",
    arxiv="2504.07912",
    kind="analysis",
    source="recalled",
    year=2025,
    recipe=RECIPE,
    compositions={"ppo": PPO, "expert_iteration": EXPERT_ITERATION},
    claims=(flow, no_drift, dominates, narrows),
)
