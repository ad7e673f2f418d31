"""Truncated Proximal Policy Optimization.

Idea
    PPO on windows of responses that are still going on: generation never waits for the longest response, and the last
    value stands in for the outcome.
Maths
    ``V(s_l) := V(s_{l-1})`` at the end of an unfinished window, so ``delta = 0`` there; else GAE and the clipped loss.
    Policy tokens: those of the current window. Value tokens: all of finished responses, on Monte-Carlo returns.
Reads
    ``token.fresh``, ``traj.finished``, ``traj.reward``, ``action.old_value``, ``action.value``, log-probs.
Deviations
    V(s_l) is from a third party's summary, the token filters and lambda = 0.95 are recalled. The policy's mean counts
    stale tokens (with loss 0) in its denominator; advantages are not whitened. PPO is a window as long as the budget.
    A first proxy, the time to a reward of 0.5 from starts of 200 steps, said nothing: no run of either arm got there.
"""

import dataclasses

import torch

from guerdon.advantages.gae import GAE
from guerdon.credit.last_action import LastAction
from guerdon.loop import Result
from guerdon.metrics.decode_time import DecodeTime
from guerdon.objective import Objective
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.row_weight import RowWeight
from guerdon.objectives.value_clip import ValueClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._lm import Look, in_process, pass_at, several, warm
from guerdon.papers._proxy import compare, finals
from guerdon.recipe import Recipe
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sampler import Sampling
from guerdon.rollouts.windowed import WindowedSample
from guerdon.shaping.pending import Pending
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.tasks.worked_sum import WorkedSum
from guerdon.update import Update


def compose(window: int, budget: int = 32) -> Recipe:
    """PPO on windows of so many tokens of responses of at most ``budget``."""
    return Recipe(
        rollout=WindowedSample(window=window, sampling=Sampling(max_tokens=budget)),
        rewards=(Verifier(),),
        shaping=(WeightedSum(), Pending()),
        credit=(LastAction(),),
        advantage=(GAE(lambda_=0.95, return_lambda=1.0, finished="traj.finished"),),
        objective=Objective(
            PPOClip(), weights=(RowWeight("token.fresh"),), regularizers=(ValueClip(where="traj.finished"),)
        ),
        update=Update(minibatches=2),
        metrics=(DecodeTime(),),
    )


RECIPE, PPO = compose(8), compose(32)


@claim(
    "Values .3, .5, .6 of an unfinished response, lambda .9: A = (.29, .1, 0); finished with outcome 1, lambda 1: 1 - V"
)
def bootstrap(seed: int) -> Evidence:
    columns = {"token.old_value": [0.3, 0.5, 0.6, 0.2, 0.4], "traj.finished": [False, True]}
    batch = ragged([[1.0, 1.0]], [3, 2], columns)
    batch = batch.with_columns(Pending()(batch))
    batch = batch.with_columns(LastAction()(batch))
    windowed, whole = (
        torch.as_tensor(GAE(lambda_=lambda_, finished="traj.finished")(batch)["action.advantage"])
        for lambda_ in (0.9, 1.0)
    )
    got = torch.cat([windowed[:3], whole[3:]])
    error = (got - torch.tensor([0.29, 0.1, 0.0, 0.8, 0.6], dtype=torch.float64)).abs().max()
    return Evidence(float(error), 0.0, 1e-9, note="largest error")


FILLED = WorkedSum(
    styles={
        "{chain}:{answer}": 4.0,
        "{chain}......:{answer}": 2.0,
        "{chain}................:{answer}": 1.0,
    }
)
"""Most responses are short, and in every batch some are four times as long."""


def toy(window: int) -> Recipe:
    """On filled-up sums, one gradient per step."""
    recipe = compose(window, 24)
    assert isinstance(recipe.rollout, WindowedSample)
    return dataclasses.replace(
        recipe,
        task=FILLED,
        rollout=dataclasses.replace(recipe.rollout, slots=48),
        rewards=tuple(map(in_process, recipe.rewards)),
        update=Update(lr=1e-3),
    )


@claim("In some 60% of PPO's decoding time, on windows of a quarter of the budget, answers become better", tier="proxy")
def faster(seed: int) -> Evidence:
    scores, times = [], []
    for window, steps in ((6, 75), (24, 50)):
        measure, rows = several(pass_at(1, Look(max_tokens=24)), decoding)
        scores.append(finals(toy(window), steps, measure, (0, 1, 2), start=warm(300)))
        times.append(sum(row[1] for row in rows) / len(rows))
    evidence = compare(scores[0], scores[1], "held-out score")
    return dataclasses.replace(evidence, note=f"{evidence.note}; decoding steps {times[0]:.0f} against {times[1]:.0f}")


def decoding(result: Result, task: object) -> float:
    """Decoding steps of the whole run."""
    return sum(entry["decode_steps"] for entry in result.metrics)


paper = Paper(
    title="Truncated Proximal Policy Optimization",
    arxiv="2506.15050",
    kind="method",
    source="recalled",
    year=2025,
    recipe=RECIPE,
    compositions={"ppo": PPO},
    claims=(bootstrap, faster),
)
