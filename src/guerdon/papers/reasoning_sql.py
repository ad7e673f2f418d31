"""Reasoning-SQL: Reinforcement Learning with SQL Tailored Partial Rewards for Reasoning-Enhanced Text-to-SQL.

Idea
    No query executes correctly at first, so reward also what is nearer: a query that runs, that uses the right tables
    and columns, that shares words with the gold, and what a judge thinks of a wrong one.
Maths
    ``R = 3 exec + 2 judge [exec = 0] + runs + schema + ngram + format``, 7 at most where execution is right. GRPO with 6
    responses and a KL penalty.
Reads
    ``traj.response``, ``group.problem``, ``action.logprob``, ``action.old_logprob``, ``action.ref_logprob``.
Deviations
    Recalled; the weights, the bigrams and the judge's condition are second hand. The judge is a server's (composition
    ``judged``), so the main recipe is without it. The sum is no strict order: a right query written differently can
    earn 5, and a wrong one that the judge likes nearly 6; composition ``dominance`` cuts what a wrong query earns to 3.
    The proxy's policy writes one of 28,800 queries slot by slot, without judge, format and KL; a
    run on execution alone is stopped where 100 steps bring no gradient.
"""

import dataclasses

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.objective import Objective
from guerdon.objectives.kl import KLPenalty
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._proxy import compare, finals, last
from guerdon.piece import Transform
from guerdon.policies.tabular import Tabular
from guerdon.recipe import Recipe
from guerdon.rewards.remote import Remote
from guerdon.rewards.scored import Scored
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.tabular import SampleTree
from guerdon.scorers.format import Tags
from guerdon.scorers.sql import SqlExecution
from guerdon.scorers.sql_parts import SqlParts
from guerdon.shaping.choose import Choose
from guerdon.shaping.clip import Clip
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.tasks.problem import Problem
from guerdon.tasks.sql_slots import CREATE, SqlSlots
from guerdon.update import Update

RECIPE = Recipe(
    rollout=Sample(samples_per_prompt=6),
    rewards=(Scored(SqlExecution(tag="answer")), Scored(SqlParts(tag="answer")), Scored(Tags())),
    shaping=(WeightedSum({"sql_exec": 3.0}),),
    advantage=(Standardize(),),
    objective=Objective(PPOClip(), regularizers=(KLPenalty(),)),
    update=Update(minibatches=4),
)
WHERE_WRONG = Choose("sql_exec", then="judge", low=None, high=0.5, lazy=True, output="traj.reward/judged")
WEIGHTS = {"sql_exec": 3.0, "judge": 0.0, "judged": 2.0}
JUDGED = dataclasses.replace(
    RECIPE,
    rewards=(*RECIPE.rewards, Remote("http://127.0.0.1:8000/score", name="judge", bounds=(0.0, 1.0))),
    shaping=(WHERE_WRONG, WeightedSum(WEIGHTS)),
)
DOMINANCE: tuple[Transform, ...] = (
    JUDGED.shaping[0],
    WeightedSum(WEIGHTS, output="traj.right"),
    WeightedSum(WEIGHTS, output="traj.wrong"),
    Clip(0.0, 3.0, column="traj.wrong"),
    Choose("sql_exec", "traj.right", "traj.wrong"),
)
TOY = dataclasses.replace(
    RECIPE,
    task=SqlSlots(),
    policy=Tabular(),
    rollout=SampleTree(
        prompts=2,
        reward="sql_exec",
        extra=tuple(f"traj.reward/{name}" for name in ("sql_runs", "sql_schema", "sql_ngram")),
    ),
    rewards=(),
    objective=Objective(PPOClip()),
    update=Update(lr=0.1),
)
EXEC_ONLY = dataclasses.replace(TOY, shaping=(WeightedSum({"sql_exec": 3.0}, others=0.0),))
STEPS = 250
COMPONENTS = ("sql_exec", "judge", "sql_runs", "sql_schema", "sql_ngram", "format")


def total(rows: list[list[float]], shaping: tuple[Transform, ...]) -> list[float]:
    """Rewards of rows with these ``COMPONENTS``."""
    columns = {f"traj.reward/{name}": values for name, values in zip(COMPONENTS, zip(*rows, strict=True), strict=True)}
    batch = ragged([[0.0] * len(rows)], columns=columns)
    for piece in shaping:
        batch = batch.with_columns(piece(batch))
    return batch["traj.reward"].tolist()


@claim(
    "The gold itself earns 7, whatever the judge says; an equal query in other words has exec 1; running beats failing"
)
def scale(seed: int) -> Evidence:
    gold = Problem(0, "?", "SELECT name FROM people WHERE age < 31", {"create": CREATE})
    queries = (str(gold.answer), "SELECT p.name FROM people AS p WHERE 31 > p.age", "SELECT title FROM shops", "SELECT")
    found = []
    for query in queries:
        scores = {**SqlExecution()(gold, query), **SqlParts()(gold, query), "judge": 0.9 * (query in queries[:2])}
        found.append([float(scores.get(name, 1.0)) for name in COMPONENTS])
    own, same, runs, fails = total(found, JUDGED.shaping)
    return Evidence(float(abs(own - 7) < 1e-9 and found[1][0] == 1 and same > runs > fails), 1.0, 1.0, note="1 if so")


@claim("A wrong query can earn 5.9 where a right one earns 5; with dominance it earns 3")
def order(seed: int) -> Evidence:
    rows = [[1.0, 0.0, 1.0, 0.0, 0.0, 1.0], [0.0, 0.95, 1.0, 1.0, 1.0, 1.0]]
    got = torch.tensor([*total(rows, JUDGED.shaping), *total(rows, DOMINANCE)])
    return Evidence(float((got - torch.tensor([5.0, 5.9, 5.0, 3.0])).abs().max()), 0.0, 1e-6, note="largest error")


@claim("With partial rewards a policy learns to execute right where execution alone does not teach it", tier="proxy")
def partial_helps(seed: int) -> Evidence:
    ours, plain = (
        finals(recipe, STEPS, last("reward/sql_exec"), (0, 1, 2, 3), stops=True) for recipe in (TOY, EXEC_ONLY)
    )
    return compare(ours, plain, f"execution accuracy of the last 20 of {STEPS} steps")


paper = Paper(
    title="Reasoning-SQL: RL with SQL Tailored Partial Rewards for Reasoning-Enhanced Text-to-SQL",
    arxiv="2503.23157",
    kind="method",
    source="recalled",
    year=2025,
    recipe=RECIPE,
    compositions={"judged": JUDGED, "dominance": dataclasses.replace(JUDGED, shaping=DOMINANCE)},
    claims=(scale, order, partial_helps),
)
