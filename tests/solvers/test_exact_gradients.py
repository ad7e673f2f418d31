"""Every estimator against the exact gradient of an enumerable problem: averaged over all groups, not sampled."""

import math
from dataclasses import replace

import pytest
import torch

from guerdon import Objective, Recipe
from guerdon.advantages.gae import GAE
from guerdon.advantages.return_to_go import ReturnToGo
from guerdon.advantages.standardize import Standardize
from guerdon.credit.last_action import LastAction
from guerdon.objectives.aggregation import SeqMeanTokenMean, SeqMeanTokenSum, TokenMean
from guerdon.objectives.importance import ImportanceWeight
from guerdon.objectives.kl import KLPenalty
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.reinforce import Reinforce
from guerdon.objectives.sapo import SAPO
from guerdon.shaping.kl_reward import KLReward
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.solvers import enumerate as exact
from guerdon.tasks.token_tree import TokenTree

BANDIT = TokenTree(prompts=1, vocab=3, depth=1, correct=1)
PAIR = TokenTree(prompts=2, vocab=3, depth=1, correct=1)
TREE = TokenTree(prompts=1, vocab=2, depth=2, correct=1)

RLOO = Standardize(center="leave_one_out", scale="none")
DR_GRPO = Standardize(scale="none")
PLAIN = Standardize(center="none", scale="none")
OPEN = (None, None)


def logits(task, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((task.contexts, task.vocab), generator=generator, dtype=torch.float64)


def policy_gradient(task, theta):
    return exact.gradient(lambda at: exact.expected_reward(task, at), theta)


def recipe(advantage, surrogate=None, aggregation=None, **slots):
    surrogate = surrogate or Reinforce()
    advantage = advantage if isinstance(advantage, tuple) else (advantage,)
    weights = slots.pop("weights", ())
    objective = Objective(surrogate, aggregation or SeqMeanTokenSum(), weights)
    return Recipe(objective=objective, advantage=advantage, **slots)


def descent(built, task, theta, samples=2, **copies):
    """What a gradient step follows: minus the expected gradient of the loss."""
    return -exact.expected_gradient(built, task, exact.Copies(theta, **copies), samples)


def close(left, right, tolerance=1e-7):
    """Whether two gradients agree, relative to the larger one."""
    return bool((left - right).abs().max() <= tolerance * torch.maximum(left.abs().max(), right.abs().max()))


@pytest.mark.parametrize("task", [BANDIT, PAIR, TREE])
def test_rloo_is_unbiased(task):
    theta = logits(task)
    assert close(descent(recipe(RLOO), task, theta), policy_gradient(task, theta))


@pytest.mark.parametrize("samples", [2, 3])
def test_dr_grpo_is_short_by_one_sample(samples):
    theta = logits(BANDIT)
    got = descent(recipe(DR_GRPO), BANDIT, theta, samples)
    assert close(got, policy_gradient(BANDIT, theta) * (samples - 1) / samples)


def grpo_factor(p, n, eps):
    """E[A_1 | r_1 = 1] - E[A_1 | r_1 = 0] for n coin flips of probability p."""
    expected = {1: 0.0, 0: 0.0}
    for first in (0, 1):
        for others in range(n):
            chance = math.comb(n - 1, others) * p**others * (1 - p) ** (n - 1 - others)
            mean = (first + others) / n
            spread = math.sqrt(n * mean * (1 - mean) / (n - 1))
            expected[first] += chance * ((first - mean) / (spread + eps) if spread else 0.0)
    return expected[1] - expected[0]


@pytest.mark.parametrize(("samples", "seed"), [(2, 0), (3, 0), (3, 5), (4, 1)])
def test_grpo_is_biased_by_a_known_factor(samples, seed):
    """Parallel to the true gradient, but the length depends on how hard the prompt is."""
    theta = logits(BANDIT, seed)
    factor = grpo_factor(exact.expected_reward(BANDIT, theta).item(), samples, 1e-6)
    true = policy_gradient(BANDIT, theta)
    assert close(descent(recipe(Standardize()), BANDIT, theta, samples), factor * true)
    assert not close(factor * true, true, 0.05)


def test_grpo_weighs_prompts_by_difficulty():
    """Two prompts, one nearly solved."""
    theta = logits(PAIR)
    solved = int(PAIR.rewards()[0].argmax())
    theta[0] = 0.0
    theta[0, solved] = 3.0
    got, true = descent(recipe(Standardize()), PAIR, theta), policy_gradient(PAIR, theta)
    factors = (got / true)[:, solved].tolist()
    chances = (exact.leaf_logprobs(PAIR, theta).exp() * PAIR.rewards()).sum(1).tolist()
    assert factors == pytest.approx([grpo_factor(p, 2, 1e-6) for p in chances], rel=1e-6)
    # Two samples have the same std in every mixed pair, so only larger groups prefer the easy prompt.
    assert factors[0] == pytest.approx(factors[1])
    assert grpo_factor(0.95, 64, 1e-6) > 1.8 * grpo_factor(0.5, 64, 1e-6)


@pytest.mark.parametrize(
    "surrogate",
    [Reinforce(), PPOClip(), PPOClip(ratio="sequence_sum"), PPOClip(3e-4, 4e-4, ratio="sequence_token"), SAPO()],
)
def test_on_policy_every_surrogate_has_the_same_gradient(surrogate):
    """A product of ratios spread over two tokens counts twice; GSPO's token form is plain when summed over tokens."""
    theta = logits(TREE, 3)
    times = 2 if getattr(surrogate, "ratio", "") == "sequence_sum" else 1
    assert close(descent(recipe(RLOO, surrogate), TREE, theta), times * policy_gradient(TREE, theta))


def test_a_sequence_ratio_counts_once_per_response():
    """Spread over its tokens and averaged over them, the product of ratios is TRL's RLOO loss: one term a response."""
    theta = logits(TREE, 3)
    built = recipe(RLOO, PPOClip(ratio="sequence_sum"), SeqMeanTokenMean())
    assert close(descent(built, TREE, theta), policy_gradient(TREE, theta))


def test_token_mean_is_the_policy_gradient_over_the_length():
    theta = logits(TREE, 4)
    assert close(descent(recipe(RLOO, aggregation=TokenMean()), TREE, theta), policy_gradient(TREE, theta) / 2)


def test_return_to_go_and_gae_with_any_critic():
    """Monte-Carlo returns minus any V(s) are unbiased; one-step differences only with the true V."""
    theta, values = logits(TREE, 5), logits(TREE, 6)[:, 0]
    true = policy_gradient(TREE, theta)
    credit = {"credit": (LastAction(),)}
    assert close(descent(recipe(ReturnToGo(), **credit), TREE, theta, 1), true)
    assert close(descent(recipe(GAE(), **credit), TREE, theta, 1, values=values), true)
    wrong = descent(recipe(GAE(lambda_=0.0), **credit), TREE, theta, 1, values=values)
    assert not close(wrong, true, 1e-3)
    right = true_values(TREE, theta)
    for lambda_ in (0.0, 0.5, 1.0):
        assert close(descent(recipe(GAE(lambda_=lambda_), **credit), TREE, theta, 1, values=right), true)


def true_values(task, theta):
    """V of every context of a one-prompt tree of depth 2."""
    leaves = task.rewards()[0].reshape(task.vocab, task.vocab).double()
    rows = theta.softmax(-1)
    second = (rows[1:] * leaves).sum(1)
    return torch.cat([(rows[0] * second).sum()[None], second])


@pytest.mark.parametrize("advantage", [PLAIN, RLOO])
def test_importance_weighted_gradients_are_exact_off_policy(advantage):
    theta, mu = logits(TREE, 7), logits(TREE, 8)
    true = policy_gradient(TREE, theta)
    weight = ImportanceWeight("current", "behavior", level="sequence_sum", high=None)
    weighted = recipe(advantage, weights=(weight,))
    assert close(descent(weighted, TREE, theta, behavior=mu), true)
    ratio = recipe(advantage, PPOClip(None, None, None, "sequence_sum", OPEN), SeqMeanTokenMean())
    assert close(descent(ratio, TREE, theta, old=mu), true)


def test_correcting_the_engine_alone():
    """On the first step of an update pi = pi_old, and the engine's mismatch is all there is."""
    theta, mu = logits(TREE, 7), logits(TREE, 8)
    true = policy_gradient(TREE, theta)
    weight = ImportanceWeight(level="sequence_sum", high=None)
    assert close(descent(recipe(PLAIN, PPOClip(), weights=(weight,)), TREE, theta, behavior=mu), true)
    assert not close(descent(recipe(PLAIN, PPOClip()), TREE, theta, behavior=mu), true, 1e-2)


@pytest.mark.parametrize(
    ("surrogate", "weights"),
    [
        (Reinforce(), ()),
        (Reinforce(), (ImportanceWeight("current", "behavior", high=None),)),
        (Reinforce(), (ImportanceWeight("current", "behavior", level="sequence_sum", high=2.0),)),
    ],
)
def test_cheaper_corrections_are_biased_off_policy(surrogate, weights):
    """None, one ratio per token, and truncation: each leaves a gap."""
    theta, mu = logits(TREE, 8), logits(TREE, 7)
    got = descent(recipe(RLOO, surrogate, weights=weights), TREE, theta, behavior=mu)
    assert not close(got, policy_gradient(TREE, theta), 1e-2)


class TestKL:
    """Which sample estimator has which gradient as a loss."""

    def penalty(self, task, theta, ref, **fields):
        objective = Objective(KLPenalty(1.0, log_ratio_bound=None, value_bound=None, **fields), SeqMeanTokenSum())
        built = Recipe(objective=objective)
        return exact.expected_gradient(built, task, exact.Copies(theta, ref=ref), samples=1)

    @pytest.mark.parametrize("fields", [{"estimator": "k2"}, {"estimator": "k3", "straight_through": True}])
    def test_k2_is_the_gradient_of_the_kl(self, fields):
        theta, ref = logits(BANDIT, 1), logits(BANDIT, 2)
        true = exact.gradient(lambda at: exact.kl_to(BANDIT, at, ref), theta)
        assert close(self.penalty(BANDIT, theta, ref, **fields), true)

    def test_k1_has_no_gradient_on_average(self):
        theta, ref = logits(BANDIT, 1), logits(BANDIT, 2)
        assert self.penalty(BANDIT, theta, ref, estimator="k1").abs().max() < 1e-12

    def test_k3_is_the_gradient_of_the_other_kl(self):
        """E_pi grad k3 = grad KL(ref || pi), whose minimum is the same but whose path is not."""
        theta, ref = logits(BANDIT, 1), logits(BANDIT, 2)
        got = self.penalty(BANDIT, theta, ref, estimator="k3")

        def reverse(at):
            return exact.kl_to(BANDIT, ref, at)

        assert close(got, exact.gradient(reverse, theta))
        assert not close(got, exact.gradient(lambda at: exact.kl_to(BANDIT, at, ref), theta), 1e-2)

    def test_importance_correction_makes_k3_exact(self):
        """TRL's correction: the ratio's own gradient adds what the estimator's lacks."""
        theta, ref = logits(BANDIT, 1), logits(BANDIT, 2)
        got = self.penalty(BANDIT, theta, ref, estimator="k3", importance_correction=True)
        assert close(got, exact.gradient(lambda at: exact.kl_to(BANDIT, at, ref), theta))

    def test_over_several_tokens_k2_misses_the_way_there(self):
        """Per token, the loss does not see that an early token leads to contexts where the KL is large."""
        theta, ref = logits(TREE, 1), logits(TREE, 2)
        true = exact.gradient(lambda at: exact.kl_to(TREE, at, ref), theta)
        got = self.penalty(TREE, theta, ref, estimator="k2")
        assert not close(got, true, 1e-2)
        reach = theta.softmax(-1).detach()[0]

        def with_fixed_reach(at):
            rows, other = at.log_softmax(-1), ref.log_softmax(-1)
            per_context = (rows.exp() * (rows - other)).sum(1)
            return per_context[0] + (reach * per_context[1:]).sum()

        assert close(got, exact.gradient(with_fixed_reach, theta))

    def test_in_the_reward_k1_is_exact_over_several_tokens(self):
        theta, ref = logits(TREE, 1), logits(TREE, 2)
        built = recipe(RLOO, shaping=(WeightedSum(), KLReward(0.3, "k1")))
        true = policy_gradient(TREE, theta) - 0.3 * exact.gradient(lambda at: exact.kl_to(TREE, at, ref), theta)
        assert close(descent(built, TREE, theta, ref=ref), true)

    def test_in_the_reward_per_action_with_returns_to_go_as_well(self):
        theta, ref = logits(TREE, 1), logits(TREE, 2)
        credit = (LastAction(), KLReward(0.3, "k1", "action.reward"))
        true = policy_gradient(TREE, theta) - 0.3 * exact.gradient(lambda at: exact.kl_to(TREE, at, ref), theta)
        assert close(descent(recipe(ReturnToGo(), credit=credit), TREE, theta, 1, ref=ref), true)


def test_phantoms_change_nothing_on_average_where_scale_is_off():
    """NGRPO's constant negative advantage has no expected gradient: the effect is not in the mean."""
    theta = logits(BANDIT)
    with_phantom = recipe(replace(DR_GRPO, phantoms=(1.0,)))
    got = descent(with_phantom, BANDIT, theta, 2)
    # Centred on (r1 + r2 + 1) / 3: the row's own share is 1/3, so 2/3 of the gradient is left.
    assert close(got, policy_gradient(BANDIT, theta) * 2 / 3)
