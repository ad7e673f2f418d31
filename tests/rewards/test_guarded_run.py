"""Whole training runs whose reward hangs, crashes, raises, prints, returns NaN or the wrong count, here and remote."""

import re

import pytest
import scoring_functions as functions
import torch
from http_servers import served

from guerdon.advantages.standardize import Standardize
from guerdon.loop import train
from guerdon.objective import Objective
from guerdon.objectives.aggregation import TokenMean
from guerdon.objectives.reinforce import Reinforce
from guerdon.policies.tiny_lm import TinyLM
from guerdon.recipe import Recipe
from guerdon.rewards import _pool
from guerdon.rewards.function import Function
from guerdon.rewards.guard import Guard
from guerdon.rewards.reasons import kinds
from guerdon.rewards.remote import Remote
from guerdon.rewards.retry import Retry
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.sampler import Sampling
from guerdon.tasks.modular_sum import ModularSum

SAYS = {
    "hard_exit": r"exit code 7",
    "nan": r"returned nan",
    "raise": r"ValueError: bad sample",
    "wrong": r"must return a number or None, got list",
    "sleep": r"no score within 0\.4 s",
}
STATE = ("run.step", "run.progress", "run.seed")


@pytest.fixture(autouse=True, scope="module")
def closed():
    yield
    _pool.close_all()


def recipe(reward, samples=12):
    return Recipe(
        task=ModularSum(),
        policy=TinyLM(width=16, layers=1, heads=2, vocab_size=300),
        rollout=Sample(prompts=4, samples_per_prompt=samples, sampling=Sampling(max_tokens=5)),
        rewards=(reward,),
        advantage=(Standardize(),),
        objective=Objective(Reinforce(), TokenMean()),
    )


def run(reward):
    seen, told, grads = set(), [], []

    def look(trainer, batch, metrics):
        kept = [name for name in batch.names("traj", "reward/")]
        assert len(kept) == 1
        for response, reason, reward, advantage in zip(
            batch["traj.response"],
            batch["traj.reward_error"],
            batch["traj.reward"].tolist(),
            batch["traj.advantage"].tolist(),
            strict=True,
        ):
            kind = functions.MISDEEDS.get(sum(response.encode()) % 8)
            seen.add(kind)
            if kind in SAYS:
                assert reward != reward and advantage == 0 and re.search(SAYS[kind], reason), (kind, reason)
            else:
                assert reason == "" and reward == (1.0 if kind == "print" else len(response))
        counts = [kinds(reason) for reason in batch["traj.reward_error"] if reason]
        for kind in set.union(*counts):
            assert metrics[f"unscored/{kind}"] == sum(kind in each for each in counts)
        told.append(metrics["unscored"])
        grads.append(metrics["grad_norm"])

    result = train(recipe(reward), steps=2, observers=[look])
    assert len(result.metrics) == 2 and seen >= {None, "print", *SAYS}
    assert min(told) > 0 and max(told) < 1 and min(grads) > 0
    return torch.cat([parameter.detach().flatten() for parameter in result.policy.parameters()])


def test_a_run_goes_on_whatever_its_reward_does_here_or_behind_a_server():
    function = Function("scoring_functions:by_the_letter", columns=STATE, guard=Guard(timeout=0.4, workers=3))
    here = run(function)
    with served(
        Function("scoring_functions:by_the_letter", columns=tuple(f"traj.{n[4:]}" for n in STATE), guard=function.guard)
    ) as server:
        url = f"http://127.0.0.1:{server.server_port}/score"
        there = run(Remote(url, columns=STATE, samples=16, retry=Retry(times=0)))
    assert bool(here.isfinite().all()) and torch.equal(here, there)


def test_a_reward_that_asks_is_told_the_state_of_the_run():
    names, found = ("step", "progress", "seed"), []
    piece = Function("scoring_functions:state_of_the_run", components=names, columns=STATE, guard=Guard(isolate=False))

    def look(trainer, batch, metrics):
        found.append([metrics[f"reward/{name}"] for name in names])

    train(recipe(piece, samples=2), steps=4, seed=9, observers=[look])
    assert found == [[0, 0, 9], [1, 0.25, 9], [2, 0.5, 9], [3, 0.75, 9]]
