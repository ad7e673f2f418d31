"""A-LoL: Improving Language Models with Advantage-based Offline Policy Gradients (Baheti et al., 2023).

Idea
    Take a stored response as one action. Keep it only if it beats the model's own value of the prompt, and weigh its
    likelihood by that advantage and a clipped ratio to the reference.
Maths
    ``loss = mean_i A_i sg(clip(pi / ref, 1 - eps, 1 + eps)) (-sum_t log p_t)`` over A_i >= 0, eps 0.9, the ratio of the
    whole response. seq: the ratio of each token; ref-free: no ratio; KL: no ratio, plus beta k1; R-LoL: R for A, no
    filter, the ratio kept.
Reads
    ``traj.reward``, ``action.ref_value``, ``action.logprob``, ``action.ref_logprob``.
Deviations
    eps and the seq variant are recalled, the rest was read. V comes from a first stage (``value``), which regresses the
    critic on rewards of the reference's own samples; here it is a plain critic, not an attention head on a frozen model, so
    a KL penalty holds the policy in that stage. Kept responses are drawn uniformly; sampling in proportion to A is left
    out. A batch that keeps nothing has loss 0. In ``kl`` the warning about k1 does not apply: over stored data its gradient
    is not 0 on average, it pushes their likelihood down.
"""

import dataclasses
from functools import cache

import torch

from guerdon.advantages.return_to_go import ReturnToGo
from guerdon.advantages.value_baseline import ValueBaseline
from guerdon.credit.last_action import LastAction
from guerdon.loop import train
from guerdon.objective import Objective
from guerdon.objectives.aggregation import SeqMeanTokenSum
from guerdon.objectives.importance import ImportanceWeight
from guerdon.objectives.kl import KLPenalty
from guerdon.objectives.nll import NLL
from guerdon.objectives.reinforce import Reinforce
from guerdon.objectives.value_clip import ValueClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._proxy import SEEDS, compare, solved
from guerdon.piece import Weight
from guerdon.policies.tabular import Tabular
from guerdon.recipe import Recipe
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.pairs import Pairs
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.stored import Stored
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.logged_bandit import LoggedBandit
from guerdon.update import Update

EPS = 0.9


def compose(*weights: Weight, baseline: ValueBaseline = ValueBaseline(), kl: float = 0.0) -> Recipe:  # noqa: B008
    """The recipe with these weights, on stored pairs of rated responses."""
    penalty = (KLPenalty(kl, "k1"),) if kl else ()
    objective = Objective(Reinforce(), SeqMeanTokenSum(), weights=weights, regularizers=penalty)
    return Recipe(rollout=Pairs(), rewards=(Verifier(),), advantage=(baseline,), objective=objective)


RATIO = ImportanceWeight("current", "ref", "sequence_sum", low=1 - EPS, high=1 + EPS)
RECIPE = compose(RATIO)
SEQ = compose(dataclasses.replace(RATIO, level="token"))
REF_FREE, KL = compose(), compose(kl=0.1)
R_LOL = compose(RATIO, baseline=ValueBaseline(None, drop_below=None))
WEIGHTED_CLONING = compose(baseline=ValueBaseline(None, drop_below=None))
CLONING = Recipe(rollout=Pairs(), shaping=(), objective=Objective(NLL(), SeqMeanTokenSum()))
VALUE = Recipe(
    rollout=Sample(),
    rewards=(Verifier(),),
    credit=(LastAction(),),
    advantage=(ReturnToGo(),),
    objective=Objective(ValueClip(clip=None), regularizers=(KLPenalty(1.0),)),
    update=Update(lr=0.02),
)


@claim(
    "Log-probs -1, -1 under reference -1, -2 and A = 1/2 cost 1.9, 1.45 per token, 1 without ratio; A = -1/2 costs 0"
)
def losses(seed: int) -> Evidence:
    logprob, got = torch.tensor([-1.0, -1.0], dtype=torch.float64), []
    for recipe, reward in ((RECIPE, 1.0), (SEQ, 1.0), (REF_FREE, 1.0), (RECIPE, 0.0)):
        batch = ragged([[reward]], [2], {"token.ref_logprob": [-1.0, -2.0], "token.ref_value": [0.5, 9.0]})
        batch = batch.with_columns({"token.logprob": logprob, **recipe.advantage[0](batch)})
        got.append(recipe.objective(recipe.objective.prepare(batch), {})[0])
    expected = torch.tensor([1.9, 1.45, 1.0, 0.0], dtype=torch.float64)
    return Evidence(float((torch.stack(got) - expected).abs().max()), 0.0, 1e-6, note="largest error")


def toy(recipe: Recipe) -> Recipe:
    """On 60 noisy ratings of uniform actions per prompt."""
    rollout = SampleTree(prompts=16) if recipe is VALUE else Stored(prompts=16)
    update = Update(lr=0.05)
    return dataclasses.replace(recipe, policy=Tabular(), rollout=rollout, rewards=(), update=update)


@cache
def utilities(name: str) -> list[float]:
    """Expected utility of a composition's policy after learning V and then from the log, per seed."""
    recipe, out = paper.compositions[name], []
    for seed in SEEDS:
        task = LoggedBandit(seed=seed)
        valued = train(toy(VALUE), steps=200, seed=seed, task=task).policy
        result = train(toy(recipe), steps=200, seed=seed, task=task, policy=valued)
        out.append(solved()(result, task))
    return out


@claim("A-LoL's policy is worth more than that of R-LoL, which has no baseline and keeps everything", tier="proxy")
def beats_rewards(seed: int) -> Evidence:
    return compare(utilities("a_lol"), utilities("r_lol"), "expected utility")


@claim("A-LoL's policy is worth 0.2 more than imitation of the log", tier="proxy")
def beats_cloning(seed: int) -> Evidence:
    return compare(utilities("a_lol"), utilities("cloning"), "expected utility", margin=0.2)


paper = Paper(
    title="Improving Language Models with Advantage-based Offline Policy Gradients",
    arxiv="2305.14718",
    kind="method",
    source="code",
    year=2023,
    authors="Baheti et al.",
    recipe=RECIPE,
    compositions={
        "a_lol": RECIPE,
        "seq": SEQ,
        "ref_free": REF_FREE,
        "kl": KL,
        "r_lol": R_LOL,
        "weighted_cloning": WEIGHTED_CLONING,
        "cloning": CLONING,
        "value": VALUE,
    },
    claims=(losses, beats_rewards, beats_cloning),
)
