"""Masked-and-Reordered Self-Supervision for Reinforcement Learning from Verifiable Rewards (MR-RLVR).

Idea
    Reference solutions with masked or shuffled steps are verifiable tasks about the way to the result. Train on them
    first, on outcomes then.
Maths
    Masks: share of right fills. Order: share of steps in their place. Stage I: GRPO on one of the two; stage II: GRPO on
    outcomes from there (the policy of the first run is the ``policy`` of the second). KL 0.001.
Reads
    ``traj.response``, ``group.problem``, ``action.logprob``, ``action.old_logprob``, ``action.ref_logprob``.
Deviations
    Known by its abstract and a note: which steps are masked and what counts as equal are ours (``tasks/step_puzzles.py``,
    ``scorers/fills.py``). Steps that may change places are not known to the rule, so it punishes other right orders. The
    toy is a small language model on sums with written-out running sums, one of whose characters is masked.
"""

import dataclasses
from typing import Any

from guerdon.advantages.standardize import Standardize
from guerdon.loop import train
from guerdon.objective import Objective
from guerdon.objectives.kl import KLPenalty
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.reinforce import Reinforce
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._lm import on_lm, pass_at, warm
from guerdon.papers._proxy import compare, finals
from guerdon.piece import Policy, Transform
from guerdon.recipe import Recipe
from guerdon.rewards.scored import Scored
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.scorers.fills import Fills
from guerdon.scorers.permutation import Permutation
from guerdon.tasks.problem import Problem
from guerdon.tasks.step_puzzles import StepPuzzles
from guerdon.tasks.worked_sum import WorkedSum
from guerdon.update import Update


def compose(reward: Transform) -> Recipe:
    """GRPO with this reward."""
    return Recipe(
        rollout=Sample(),
        rewards=(reward,),
        advantage=(Standardize(),),
        objective=Objective(PPOClip(), regularizers=(KLPenalty(0.001),)),
        update=Update(minibatches=4),
    )


OUTCOME = compose(Verifier())
MASKED, REORDERED = compose(Scored(Fills())), compose(Scored(Permutation()))


@claim("One fill of two is worth .5, none 0, and the order 2 1 0 a third")
def rates(seed: int) -> Evidence:
    masks, order = Problem(0, "?", meta={"masks": ["x=2", "y"]}), Problem(0, "?", meta={"order": [0, 1, 2]})
    got = [Fills()(masks, '["x = 2", "z"]'), Fills()(masks, "[]"), Permutation()(order, "2 1 0")]
    return Evidence(
        max(abs(a - b) for a, b in zip(got, (0.5, 0.0, 1 / 3), strict=True)), 0.0, 1e-12, note="largest error"
    )


@claim("Of 300 shuffled solutions none is in its own order, and each answer puts its steps there")
def never_identity(seed: int) -> Evidence:
    task = StepPuzzles(WorkedSum(styles={"{chain}": 1.0}), "order", separator="", seed=seed)
    bad = 0
    for number in range(300):
        problem = task.problem("train", number)
        shown = problem.prompt.partition("=")[2].split() if isinstance(problem.prompt, str) else []
        bad += " ".join(part[0] for part in shown) == problem.answer or task.score(problem, problem.answer or "") != 1
    return Evidence(float(bad), 0.0, 0.0, note="puzzles that are none")


SUMS = WorkedSum(terms=3, train_size=100)
PUZZLES = StepPuzzles(SUMS, separator="", leaks=True)
FIRST, SECOND = 60, 60
START = warm(400, task=WorkedSum(terms=3))
"""Trained on demonstrations of other sums, which makes it right in about a third."""


def toy(task: Any) -> Recipe:
    """16 problems x 8 responses per step, on policy."""
    recipe = dataclasses.replace(OUTCOME, objective=Objective(Reinforce()))
    return on_lm(recipe, task, max_tokens=6)


def prepared(task: Any, seed: int) -> Policy:
    """The start after stage I on masked solutions."""
    masked = dataclasses.replace(PUZZLES, task=task, seed=seed)
    return train(toy(masked), steps=FIRST, seed=seed, policy=START(task, seed)).policy


@claim(
    "With 100 training problems, masks first and outcomes then solve more new problems than outcomes alone",
    tier="proxy",
)
def low_data(seed: int) -> Evidence:
    ours = finals(toy(SUMS), SECOND, pass_at(1), (0, 1, 2), start=prepared)
    baseline = finals(toy(SUMS), FIRST + SECOND, pass_at(1), (0, 1, 2), start=START)
    return compare(ours, baseline, f"pass@1 on held-out problems after {FIRST + SECOND} steps in all")


paper = Paper(
    title="Masked-and-Reordered Self-Supervision for Reinforcement Learning from Verifiable Rewards",
    arxiv="2511.17473",
    kind="method",
    source="abstract",
    year=2025,
    recipe=MASKED,
    compositions={"reordered": REORDERED, "outcome": OUTCOME},
    claims=(rates, never_identity, low_data),
)
