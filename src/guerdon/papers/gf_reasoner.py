"""GF-Reasoner: Bridging Formal Language with Chain-of-Thought Reasoning to Geometry Problem Solving.

Idea
    The model writes formal statements in between its prose; a solver runs them all together, and its result, not the
    text, is the answer that is rewarded.
Maths
    ``r = 1[|S(c) - y| <= 0.001 max(1, |y|)] + 0.1 [S(c) runs]``, c all ``<code>`` parts in order. GRPO with 8 responses,
    KL 0.001, after imitation of interleaved traces.
Reads
    ``traj.response``, ``group.problem``, ``action.logprob``, ``action.old_logprob``, ``action.ref_logprob``.
Deviations
    Abstract only: that the solver's outcome is the reward is stated; the share for running and the tolerance are ours. The
    language is a small one of our own, and imitation before RL is left to another recipe. Whether prose in between helps
    cannot be asked of a policy without memory, so the proxy is about the share for running alone; there
    it does harm (``LOG.md``).
"""

import dataclasses
from functools import cache
from typing import Any

from guerdon.advantages.standardize import Standardize
from guerdon.objective import Objective
from guerdon.objectives.kl import KLPenalty
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._proxy import compare, finals, last
from guerdon.policies.tabular import Tabular
from guerdon.recipe import Recipe
from guerdon.rewards.scored import Scored
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.tabular import SampleTree
from guerdon.scorers.geometry import GeometryProgram
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.tasks.geometry_programs import GeometryPrograms
from guerdon.tasks.problem import Problem
from guerdon.update import Update

RUNS = 0.1
"""What a program earns that runs, whatever comes out."""
RECIPE = Recipe(
    rollout=Sample(),
    rewards=(Scored(GeometryProgram()),),
    shaping=(WeightedSum({"geometry_runs": RUNS}),),
    advantage=(Standardize(),),
    objective=Objective(PPOClip(), regularizers=(KLPenalty(),)),
    update=Update(minibatches=2),
)
OUTCOME = dataclasses.replace(RECIPE, shaping=(WeightedSum({"geometry_runs": 0.0}),))
STEPS = 300


@claim("Of 3 and 4 the solver makes 5, of angles 90 and 35 it makes 55; a trace with prose in between earns 1.1")
def solved(seed: int) -> Evidence:
    score, total = GeometryProgram(), 0.0
    cases = {
        "Legs first. <code>pyth 3 4 h</code> So we know h. <code>answer h</code>": ("5", [3, 4], 1.1),
        "<code>tri 90 35 x; answer x</code>": ("55", [90, 35], 1.1),
        "The answer is 5.": ("5", [3, 4], 0.0),
        "<code>circle 3 4 h; answer h</code>": ("5", [3, 4], 0.0),
        "<code>let x = 5; answer x</code>": ("5", [3, 4], 0.0),
        "<code>pyth 3 h 4; answer h</code>": ("5", [3, 4], RUNS),
    }
    for response, (answer, given, wanted) in cases.items():
        found = score(Problem(0, "?", answer, {"given": given}), response)
        total = max(total, abs(found["geometry_right"] + RUNS * found["geometry_runs"] - wanted))
    return Evidence(total, 0.0, 1e-9, note="largest error of six")


@cache
def trained(name: str) -> list[float]:
    """Share of right programs over the whole run, per seed."""
    recipe: Any = {"runs": RECIPE, "outcome": OUTCOME}[name]
    recipe = dataclasses.replace(
        recipe,
        task=GeometryPrograms(statements=1),
        policy=Tabular(),
        rollout=SampleTree(prompts=4, reward="geometry_right", extra=("traj.reward/geometry_runs",)),
        rewards=(),
        objective=Objective(PPOClip()),
        update=Update(lr=0.02),
    )
    return finals(recipe, STEPS, last("reward/geometry_right", STEPS))


@claim("With a share for running it learns faster than from right answers alone", tier="proxy")
def faster(seed: int) -> Evidence:
    return compare(trained("runs"), trained("outcome"), f"right programs, mean over {STEPS} steps")


paper = Paper(
    title="Bridging Formal Language with Chain-of-Thought Reasoning to Geometry Problem Solving",
    arxiv="2508.09099",
    kind="method",
    source="abstract",
    year=2025,
    recipe=RECIPE,
    compositions={"outcome": OUTCOME},
    claims=(solved, faster),
)
