"""STEER: Rethinking Entropy Interventions in RLVR, An Entropy Change Perspective.

Idea
    Predict how much each token's update would change the policy's entropy and shrink the loss where that is most.
Maths
    ``objectives/entropy_change_weight.py`` with smallest weight 0.8, times PPO's loss clipped at 0.2 and 0.28 (dual 10);
    GRPO's advantage, token mean, no KL.
Reads
    ``traj.reward``, ``action.logprob``, ``action.old_logprob``, ``action.entropy``.
Deviations
    The largest change is that of the optimiser step, not of a micro-batch. The linear schedule is left out.
"""

import dataclasses
from typing import Any

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.loop import Result
from guerdon.objective import Objective
from guerdon.objectives.entropy_change_weight import EntropyChangeWeight
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._proxy import compare, finals, last
from guerdon.policies.tabular import Tabular
from guerdon.recipe import Recipe
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.fork_sequences import ForkSequences
from guerdon.update import Update

RECIPE = Recipe(
    rollout=Sample(),
    rewards=(Verifier(),),
    advantage=(Standardize(),),
    objective=Objective(PPOClip(0.2, 0.28, dual_clip=10.0), weights=(EntropyChangeWeight(),)),
    update=Update(minibatches=4),
)


@claim("On policy over p = .7, .2, .1 weights are 0.8 to the power of the sampled entropy change over the largest")
def weights(seed: int) -> Evidence:
    logits = torch.tensor([0.7, 0.2, 0.1], dtype=torch.float64).log().requires_grad_()
    prob = logits.softmax(0)
    entropy = -(prob * prob.log()).sum()
    (slope,) = torch.autograd.grad(entropy, logits)
    prob, entropy = prob.detach(), entropy.detach()
    # Exact slopes of the entropy; a policy-gradient step moves the sampled logit by 1 - p.
    change = (slope * (1 - prob) / prob).abs()
    expected = 0.8 ** (change / change.max())
    columns = {"token.logprob": prob.log(), "token.old_logprob": prob.log(), "token.entropy": entropy.expand(3)}
    got = EntropyChangeWeight()(ragged([[1.0] * 3], columns={**columns, "traj.advantage": torch.ones(3).double()}))
    right = float(slope[0]) < 0 and abs(float(got.min()) - 0.8) < 1e-9
    error = float((got - expected).abs().max())
    return Evidence(
        error if right else float("nan"), 0.0, 1e-9, note="largest error; pushing the likely action lowers H"
    )


def toy(low: float | None) -> Recipe:
    """Ten positions, two of them forks; ``low`` is the smallest weight, None: plain GRPO."""
    weights = () if low is None else (EntropyChangeWeight(low),)
    return dataclasses.replace(
        RECIPE,
        task=ForkSequences(prompts=8, certainty=0.8),
        policy=Tabular(),
        rollout=SampleTree(prompts=8, samples_per_prompt=16),
        rewards=(),
        objective=dataclasses.replace(RECIPE.objective, weights=weights),
        update=Update(lr=0.05, minibatches=4),
    )


def fork_entropy(result: Result, task: Any) -> float:
    """Mean entropy of the policy at the forks, in nats."""
    contexts = torch.arange(task.contexts)
    with torch.no_grad():
        rows = result.policy.rows(contexts[task.is_fork(contexts)]).log_softmax(-1)  # pyright: ignore[reportCallIssue]
    return float(-(rows.exp() * rows).sum(1).mean())


def keeps(low: float) -> Evidence:
    """Evidence for a higher fork entropy than plain GRPO's; the note has the rewards as well."""
    entropies, rewards = [], []
    for recipe in (toy(low), toy(None)):
        solved: list[float] = []

        def measure(result: Result, task: Any, solved: list[float] = solved) -> float:
            solved.append(last("reward")(result, task))
            return fork_entropy(result, task)

        entropies.append(finals(recipe, 200, measure, (0, 1, 2)))
        rewards.append(sum(solved) / len(solved))
    evidence = compare(entropies[0], entropies[1], "fork entropy in nats after 200 steps")
    note = f"{evidence.note}; reward {rewards[0]:.3f} against {rewards[1]:.3f}"
    return dataclasses.replace(evidence, note=note)


@claim("With smallest weight 0.8 the entropy at forks stays higher than with GRPO", tier="proxy")
def mild(seed: int) -> Evidence:
    return keeps(0.8)


@claim("With smallest weight 0.2 it does, too", tier="proxy")
def strong(seed: int) -> Evidence:
    return keeps(0.2)


paper = Paper(
    title="Rethinking Entropy Interventions in RLVR: An Entropy Change Perspective",
    arxiv=None,
    kind="method",
    source="code",
    year=2025,
    recipe=RECIPE,
    claims=(weights, mild, strong),
)
