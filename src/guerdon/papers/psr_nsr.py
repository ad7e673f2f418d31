"""The Surprising Effectiveness of Negative Reinforcement in LLM Reasoning (Zhu et al., 2025): PSR, NSR, W-REINFORCE.

Idea
    Punishing wrong answers alone moves their mass back in proportion to the prior, so diversity survives; rewarding
    right ones alone concentrates it. The recommended mix weighs the positive part down.
Maths
    PSR: A = 1 on right answers, the others dropped. NSR: A = -1 on wrong ones, the others dropped. W-REINFORCE: 0.1 and
    -1, all kept. No baseline, clip 0.2, token mean over what is kept.
Reads
    ``traj.reward`` (0 or 1), ``action.logprob``, ``action.old_logprob``.
Deviations
    In expectation on policy PSR and NSR have the same gradient (a constant drops out): what differs is sampling noise,
    the count of the subset, Adam and the clip. A batch without a wrong answer gives NSR no update.
"""

import dataclasses

import torch

from guerdon.advantages.signed_outcome import SignedOutcome
from guerdon.advantages.standardize import Standardize
from guerdon.objective import Objective
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged, random_logits
from guerdon.papers._proxy import compare, effective_modes, finals
from guerdon.policies.tabular import Tabular
from guerdon.recipe import Recipe
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.tabular import SampleTree
from guerdon.solvers.enumerate import Copies, expected_gradient
from guerdon.tasks.token_tree import TokenTree
from guerdon.update import Update


def compose(right: float, wrong: float) -> Recipe:
    """The recipe with these advantages of right and wrong answers."""
    return Recipe(
        rollout=Sample(),
        rewards=(Verifier(),),
        advantage=(SignedOutcome(right, wrong),),
        objective=Objective(PPOClip()),
        update=Update(minibatches=4),
    )


PSR, NSR, RECIPE, REINFORCE = compose(1.0, 0.0), compose(0.0, -1.0), compose(0.1, -1.0), compose(1.0, -1.0)
GRPO = dataclasses.replace(RECIPE, advantage=(Standardize(),))


@claim("Rewards 1, 0 become 1, 0 under PSR, 0, -1 under NSR and 0.1, -1 under W-REINFORCE")
def advantages(seed: int) -> Evidence:
    got = [torch.as_tensor(each.advantage[0](ragged([[1.0, 0.0]]))["traj.advantage"]) for each in (PSR, NSR, RECIPE)]
    expected = torch.tensor([[1.0, 0.0], [0.0, -1.0], [0.1, -1.0]], dtype=torch.float64)
    return Evidence(float((torch.stack(got) - expected).abs().max()), 0.0, 1e-9, note="largest error")


@claim("Counted over all rows, PSR and NSR have the same expected gradient")
def same_expectation(seed: int) -> Evidence:
    task = TokenTree(prompts=1, vocab=5, correct=2)
    copies = Copies(random_logits(task, seed))
    slopes = []
    for right, wrong in ((1.0, 0.0), (0.0, -1.0)):
        whole = dataclasses.replace(PSR, advantage=(SignedOutcome(right, wrong, only_signal=False),))
        slopes.append(expected_gradient(whole, task, copies, samples=2))
    return Evidence(float((slopes[0] - slopes[1]).abs().max()), 0.0, 1e-9, note="largest difference")


def toy(recipe: Recipe) -> Recipe:
    """A bandit with 8 equally likely right actions of 16."""
    return dataclasses.replace(
        recipe,
        task=TokenTree(prompts=16, vocab=16, correct=8),
        policy=Tabular(),
        rollout=SampleTree(prompts=16),
        rewards=(),
        update=Update(lr=0.05, max_grad_norm=None),
    )


@claim("After equally many steps NSR spreads over more right answers than PSR", tier="proxy")
def keeps_modes(seed: int) -> Evidence:
    ours, baseline = (finals(toy(recipe), 150, effective_modes) for recipe in (NSR, PSR))
    return compare(ours, baseline, "effective number of right actions (of 8)")


@claim("W-REINFORCE spreads over more right answers than GRPO", tier="proxy")
def mix_keeps_modes(seed: int) -> Evidence:
    ours, baseline = (finals(toy(recipe), 150, effective_modes) for recipe in (RECIPE, GRPO))
    return compare(ours, baseline, "effective number of right actions (of 8)")


paper = Paper(
    title="The Surprising Effectiveness of Negative Reinforcement in LLM Reasoning",
    arxiv="2506.01347",
    kind="method",
    source="code",
    year=2025,
    authors="Zhu et al.",
    recipe=RECIPE,
    compositions={"psr": PSR, "nsr": NSR, "reinforce": REINFORCE, "grpo": GRPO},
    claims=(advantages, same_expectation, keeps_modes, mix_keeps_modes),
)
