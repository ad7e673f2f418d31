"""RewardMap: Tackling Sparse Rewards in Fine-grained Visual Reasoning via Multi-Stage Reinforcement Learning.

Idea
    Partial credit for the segments of a route, a weight per map and question for its difficulty, and a curriculum from yes
    or no and counting up to planning routes.
Maths
    ``R = W (10 1[correct] + 0.5 detail)`` (``scorers/transit_route.py``); W 1, 1.2, 1.5 for easy, middle and hard maps, 0.5
    more for routes with a transfer. GRPO with KL 0.01.
Reads
    ``traj.response``, ``group.problem`` (map, ends, transfers, level, stage), ``action.logprob``, ``action.old_logprob``,
    ``action.ref_logprob``.
Deviations
    In the released code a right route always pays 5 once (``released``): between routes of K + 1 segments a shift that the
    group's mean takes out, but shorter wrong ones profit. W is the same for all responses to a prompt, so
    GRPO's division by the group's std takes it out: the recipe has it as published, and ``Recipe.check`` says that it has
    no effect; in ``centered`` it acts. The stages are shares of one run, in one pass there. A detail for lists of
    stops, which is switched off in the code, is left out. The toy plans routes with one change, without stages.
"""

import json
from functools import cache
from typing import Any

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.curricula.stages import Stages
from guerdon.loop import Result
from guerdon.objective import Objective
from guerdon.objectives.kl import KLPenalty
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.reinforce import Reinforce
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._proxy import compare, finals
from guerdon.policies.tabular import Tabular
from guerdon.recipe import Recipe
from guerdon.rewards.problem_number import ProblemNumber
from guerdon.rewards.scored import Scored
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.tabular import SampleTree
from guerdon.scorers.transit_route import TransitRoute
from guerdon.shaping.group_scale import GroupScale
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.tasks.problem import Problem
from guerdon.tasks.transit_map import TransitMap
from guerdon.update import Update

MAPS = {"easy": 1.0, "middle": 1.2, "hard": 1.5}
LEVELS = {**MAPS, **{f"{level} with transfer": weight + 0.5 for level, weight in MAPS.items()}}
TOTAL, SCALE = WeightedSum({"correct": 10.0, "detail": 0.5}), GroupScale("group.level")
STAGES = Stages((0.25, 0.5, 0.75), by="stage")
"""Yes or no, counting stops, counting with a choice, planning."""


def compose(route: TransitRoute, advantage: Standardize) -> Recipe:
    """GRPO in stages."""
    return Recipe(
        curriculum=STAGES,
        rollout=Sample(),
        rewards=(Scored(route), ProblemNumber("level", LEVELS, default=1.0)),
        shaping=(TOTAL, SCALE),
        advantage=(advantage,),
        objective=Objective(PPOClip(), regularizers=(KLPenalty(0.01),)),
        update=Update(minibatches=4),
    )


RECIPE = compose(TransitRoute(), Standardize())
RELEASED = compose(TransitRoute(released=True), Standardize())
CENTERED = compose(TransitRoute(), Standardize(scale="none"))
LINES = {"L1": ["a", "b", "c"], "L2": ["c", "d"]}


@claim(
    "A right direct route has detail 6 and one with a transfer 9; released 1 and 4; the latter, on a hard map, pays 29"
)
def routes(seed: int) -> Evidence:
    first, second = {"line": "L1", "from": "a", "to": "c"}, {"line": "L2", "from": "c", "to": "d"}
    got: list[float] = []
    for end, rides in (("c", [first]), ("d", [first, second])):
        problem = Problem(0, "?", meta={"lines": LINES, "from": "a", "to": end, "transfers": len(rides) - 1})
        for released in (False, True):
            parts = TransitRoute(released)(problem, json.dumps(rides))
            assert parts["correct"] == 1
            got.append(parts["detail"])
    number = ProblemNumber("level", LEVELS)
    levels = [number.number(Problem(0, "?", meta={"level": each})) for each in ("middle", "hard with transfer")]
    columns = {"traj.reward/correct": [1.0], "traj.reward/detail": [9.0], "group.level": levels[1:]}
    batch = ragged([[0.0]], columns=columns)
    for piece in (TOTAL, SCALE):
        batch = batch.with_columns(piece(batch))
    got += [levels[0], float(batch["traj.reward"][0])]
    return Evidence(float(got == [6.0, 1.0, 9.0, 4.0, 1.2, 29.0]), 1.0, 1.0, note="1 if so")


@claim("Released, the right route with a transfer has less detail (4) than a ride past the change on one line (5)")
def one_too_many(seed: int) -> Evidence:
    problem = Problem(0, "?", meta={"lines": LINES, "from": "a", "to": "d", "transfers": 1})
    right = '[{"line": "L1", "from": "a", "to": "c"}, {"line": "L2", "from": "c", "to": "d"}]'
    texts = (right, '[{"line": "L1", "from": "a", "to": "d"}]')
    got = [TransitRoute(released)(problem, text)["detail"] for released in (True, False) for text in texts]
    return Evidence(float(got == [4.0, 5.0, 9.0, 5.0]), 1.0, 1.0, note="1 if so")


@claim("The weight of a map changes no advantage of GRPO, and the recipe's check says so; undivided it does")
def weight_cancels(seed: int) -> Evidence:
    batch = ragged([[10.0, 4.5, 0.0], [14.5, 1.0, 2.5]], columns={"group.level": [1.0, 2.0]})
    scaled = batch.with_columns(SCALE(batch))
    pieces = (Standardize(), Standardize(scale="none"))
    pairs = [[torch.as_tensor(piece(each)["traj.advantage"]) for each in (batch, scaled)] for piece in pieces]
    error, apart = (float((one - other).abs().max()) for one, other in pairs)
    said = [len([line for line in recipe.check() if "GroupScale" in line]) for recipe in (RECIPE, CENTERED)]
    assert said == [1, 0] and apart > 1
    return Evidence(error, 0.0, 1e-5, note="largest difference of a standardised advantage")


STEPS = 400


@cache
def runs(detail_weight: float) -> tuple[float, ...]:
    """Exact chance of the right route, per seed."""
    recipe = Recipe(
        task=TransitMap(detail_weight=detail_weight),
        policy=Tabular(),
        rollout=SampleTree(prompts=8, samples_per_prompt=8),
        advantage=(Standardize(),),
        objective=Objective(Reinforce()),
        update=Update(lr=0.05),
    )

    def measure(result: Result, task: Any) -> float:
        with torch.no_grad():
            return task.solved(result.policy.rows(torch.arange(task.contexts)))  # pyright: ignore[reportCallIssue]

    return tuple(finals(recipe, STEPS, measure, stops=True))


@claim("Partial credit finds more routes with one change than right and wrong alone", tier="proxy")
def detail_helps(seed: int) -> Evidence:
    return compare(runs(0.5), runs(0.0), f"exact chance of the right route after {STEPS} steps")


paper = Paper(
    title="RewardMap: Tackling Sparse Rewards in Fine-grained Visual Reasoning via Multi-Stage Reinforcement Learning",
    arxiv=None,
    kind="method",
    source="code",
    year=2025,
    recipe=RECIPE,
    compositions={"released": RELEASED, "centered": CENTERED},
    claims=(routes, weight_cancels, one_too_many, detail_helps),
)
