"""GSPO: importance ratio and clip on the whole response, as a geometric mean (baseline-gspo).

Idea
    A response is rewarded as a whole, so its ratio should be that of the whole; the geometric mean keeps its scale
    whatever the length.
Maths
    ``s_i = exp((1/T_i) sum_t (logp_it - logp_old_it))``; ``L = mean_i max(-s_i A_i, -clip(s_i, 1-low, 1+high) A_i)``.
Reads
    ``traj.reward``, ``action.logprob``, ``action.old_logprob``.
Deviations
    The clip range is the paper's (3e-4, 4e-4). verl differentiates a token form, ``sg(s_i) exp(logp - sg(logp))``,
    whose log ratio is at most 10, and averages per response; TRL takes ``s_i`` itself. Both have the same gradient
    where the advantage is the same on all tokens. ``s_i`` is repeated on the tokens here, so any other aggregation than
    the mean per response weighs a response by its length (TRL's luspo does that on purpose).
"""

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.objective import Objective
from guerdon.objectives.aggregation import SeqMeanTokenMean, SeqMeanTokenSum
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.ratio import ratio
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.piece import Aggregation
from guerdon.recipe import Recipe
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.update import Update


def compose(surrogate: PPOClip, aggregation: Aggregation, eps: float) -> Recipe:
    """The recipe with a library's choices."""
    return Recipe(
        rollout=Sample(),
        rewards=(Verifier(),),
        advantage=(Standardize(eps=eps),),
        objective=Objective(surrogate, aggregation),
        update=Update(minibatches=4),
    )


VERL = compose(PPOClip(3e-4, 4e-4, ratio="sequence_token", log_ratio_bounds=(None, 10.0)), SeqMeanTokenMean(), 1e-6)
TRL_LOSS = PPOClip(3e-4, 4e-4, dual_clip=None, ratio="sequence", log_ratio_bounds=(None, None))
TRL = compose(TRL_LOSS, SeqMeanTokenMean(count_empty=True), 1e-4)
LUSPO = compose(TRL_LOSS, SeqMeanTokenSum(count_empty=True), 1e-4)


@claim("The token form and the sequence form have the same gradient where all tokens share one advantage")
def two_forms(seed: int) -> Evidence:
    generator = torch.Generator().manual_seed(seed)
    lengths = [3, 7, 1, 12]
    old, step = (torch.randn(sum(lengths), generator=generator, dtype=torch.float64) * 1e-4 for _ in range(2))
    slopes = []
    for recipe in (VERL, TRL):
        batch = ragged([[1.0, 0.0, 0.0, 1.0]], lengths, {"token.old_logprob": old})
        batch = batch.with_columns(Standardize()(batch))
        logprob = (old + step).requires_grad_()
        loss, _ = recipe.objective(recipe.objective.prepare(batch.with_columns({"token.logprob": logprob})), {})
        slopes.append(torch.autograd.grad(loss, logprob)[0])
    error = (slopes[0] - slopes[1]).norm() / slopes[1].norm()
    return Evidence(float(error), 0.0, 1e-6, note="relative difference of the gradients")


@claim("Noise of the log-probs moves a response's ratio sqrt(T) times less than a token's: 20 times at 400 tokens")
def averaged_noise(seed: int) -> Evidence:
    generator = torch.Generator().manual_seed(seed)
    batch = ragged([[0.0] * 500], [400] * 500)
    old = torch.zeros(500 * 400, dtype=torch.float64)
    noisy = 0.02 * torch.randn(len(old), generator=generator, dtype=torch.float64)
    token, sequence = (ratio(batch, noisy, old, level, (None, None)).std() for level in ("token", "sequence"))
    return Evidence(float(token / sequence), 18.5, 21.5, note="std of token ratios over std of response ratios")


paper = Paper(
    title="Group Sequence Policy Optimization",
    arxiv="2507.18071",
    kind="baseline",
    source="code",
    year=2025,
    authors="Zheng et al.",
    recipe=TRL,
    compositions={"verl": VERL, "trl": TRL, "trl_luspo": LUSPO},
    claims=(two_forms, averaged_noise),
)
