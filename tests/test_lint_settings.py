"""Single settings that are dead, degenerate or at odds with another piece; and their neighbours that are not."""

import math
from dataclasses import replace

import pytest
import torch
from toys import Moves

from guerdon import Objective, Recipe, Update, train
from guerdon.advantages.answer_consistency import ConsistentAccuracy, EntropyBlend
from guerdon.advantages.conditional_split import ConditionalSplit
from guerdon.advantages.longest_right import LongestRight
from guerdon.advantages.progress_weight import ProgressWeight
from guerdon.advantages.running import RunningStandardize
from guerdon.advantages.signed_outcome import SignedOutcome
from guerdon.advantages.standardize import Standardize
from guerdon.advantages.whiten import Whiten
from guerdon.credit.top_quantile import TopQuantile
from guerdon.curricula.dynamic_sampling import DynamicSampling
from guerdon.lint_settings import too_short
from guerdon.objectives.advantage_regression import AdvantageRegression
from guerdon.objectives.aggregation import SeqMeanTokenMean, SeqMeanTokenSum, TokenMean
from guerdon.objectives.decoupled_likelihood import DecoupledLikelihood
from guerdon.objectives.entropy_change_weight import EntropyChangeWeight
from guerdon.objectives.group_bce import GroupBCE
from guerdon.objectives.importance import ImportanceWeight
from guerdon.objectives.kl import KLPenalty
from guerdon.objectives.nll import NLL
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.reinforce import Reinforce
from guerdon.objectives.rollout_correction import RejectMismatch
from guerdon.objectives.row_weight import RowWeight
from guerdon.objectives.uniform_q import UniformQRegression
from guerdon.papers._bench import ragged
from guerdon.papers.recap import RECIPE as RECAP
from guerdon.policies.tabular import Tabular
from guerdon.rollouts.demonstrations import Demonstrations
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.sampler import Sampling
from guerdon.rollouts.tabular import SampleTree
from guerdon.shaping.clip import Clip
from guerdon.shaping.label_flip import LabelFlip
from guerdon.shaping.length_cap import LengthCap
from guerdon.shaping.length_step import LengthStep
from guerdon.shaping.overlong import OverlongPenalty
from guerdon.shaping.relative_length import RelativeLength
from guerdon.shaping.trust_weight import TrustWeight
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.tasks.token_tree import TokenTree

GRPO, TWICE = Standardize(), Update(epochs=2)
KNOWN = SampleTree(reward="correct")
"""A rollout whose outcome has the name that shaping pieces expect."""


def recipe(*advantage, objective=None, update=TWICE, rollout=KNOWN, **slots):
    return Recipe(
        task=TokenTree(),
        policy=slots.pop("policy", Tabular()),
        rollout=rollout,
        advantage=advantage,
        objective=objective or Objective(PPOClip()),
        update=update,
        **slots,
    )


def shaped(*pieces):
    return recipe(GRPO, shaping=(*pieces, WeightedSum()))


def weighted(column, *pieces, **slots):
    return recipe(GRPO, *pieces, objective=Objective(PPOClip(), weights=(RowWeight(column),)), **slots)


def with_terms(*regularizers, **slots):
    return recipe(GRPO, objective=Objective(PPOClip(), regularizers=regularizers), **slots)


def thinking(**fields):
    score = Moves(reads=("traj.reward/correct",), writes=("traj.reward/thinking",))
    return recipe(GRPO, rewards=(score, TrustWeight(**fields)))


def top(share, **fields):
    return weighted("action.top", credit=(TopQuantile(share, **fields),))


MOOT = [
    (top(1.0), "keeps every action: its share is 1"),
    (
        recipe(GRPO, objective=Objective(PPOClip(), weights=(EntropyChangeWeight(low=1.0),))),
        "gives every action the weight 1: its low is 1",
    ),
    (weighted("group.weight", LongestRight(1.0, no_right=1.0)), "gives the weight 1 to every group"),
    (recipe(ConditionalSplit(mu=0.0, alpha=0.9)), "does not use alpha"),
    (recipe(ConditionalSplit(mu=0.5)), "does not use its metric: with mu = 0.5"),
    (shaped(RelativeLength(0.0)), "costs nothing: its weight is 0"),
    (shaped(LengthStep(4, alpha=0.0)), "gives nothing: its alpha is 0"),
    (shaped(OverlongPenalty(8, 4, factor=0.0)), "costs nothing: its factor is 0"),
    (thinking(alpha=0.0), "gives nothing: its alpha is 0"),
    (thinking(drop_below=0.2), "trusts every score where outcomes are 0 and 1"),
    (recipe(GRPO, rewards=(LabelFlip(0.0),)), "flips nothing: its probability is 0"),
    (recipe(GRPO, rewards=(LabelFlip(0.5),)), "leaves nothing to learn"),
    (recipe(GRPO, rewards=(LabelFlip(0.6),)), "reverses what is learned"),
    (recipe(SignedOutcome(1.0, 1.0)), "teaches nothing on average"),
    (recipe(GRPO, objective=Objective(PPOClip(clip_low=1.0))), "never limits small ratios: 1 - clip_low is 0"),
    (
        weighted("traj.source_weight", ProgressWeight(1), rollout=SampleTree(extra=("traj.source",), reward="correct")),
        "gives the weight 1 to everything: it has one source",
    ),
]
ALIVE = [
    top(0.9),
    top(1.0, lowest=True),
    recipe(GRPO, objective=Objective(PPOClip(), weights=(EntropyChangeWeight(),))),
    weighted("group.weight", LongestRight(1.0)),
    recipe(ConditionalSplit(mu=0.0)),
    recipe(ConditionalSplit(mu=0.5, alpha=0.9)),
    recipe(ConditionalSplit(mu="accuracy")),
    shaped(RelativeLength(0.1)),
    shaped(LengthStep(4)),
    shaped(OverlongPenalty(8, 4)),
    recipe(GRPO, rewards=(LabelFlip(0.4),)),
    thinking(),
    thinking(drop_below=0.0),
    recipe(SignedOutcome(0.1, -1.0)),
    with_terms(KLPenalty(estimator="k2")),
    with_terms(KLPenalty(estimator="k1", straight_through=True)),
    with_terms(KLPenalty(estimator="k1", importance_correction=True)),
    recipe(GRPO, objective=Objective(PPOClip(clip_low=0.99))),
    recipe(GRPO, objective=Objective(PPOClip(clip_low=None))),
]


@pytest.mark.parametrize(("dead", "sentence"), MOOT, ids=lambda value: value if isinstance(value, str) else "")
def test_what_a_piece_says_about_its_own_settings(dead, sentence):
    (found,) = dead.check()
    assert f") {sentence}" in found


@pytest.mark.parametrize("alive", ALIVE)
def test_settings_that_matter(alive):
    assert alive.check() == []


ALONE = SampleTree(samples_per_prompt=1, reward="correct", extra=("traj.answer",))


@pytest.mark.parametrize(
    ("dead", "place"),
    [
        (recipe(objective=Objective(GroupBCE())), "objective.surrogate (GroupBCE)"),
        (recipe(objective=Objective(DecoupledLikelihood(8))), "objective.surrogate (DecoupledLikelihood)"),
        (recipe(ConditionalSplit(), objective=Objective(AdvantageRegression())), "objective.surrogate (Advantage"),
        (recipe(ConditionalSplit(), shaping=(RelativeLength(0.1), WeightedSum())), "shaping.0 (RelativeLength)"),
        (recipe(GRPO), "advantage.0 (Standardize)"),
    ],
)
def test_groups_of_one(dead, place):
    (found,) = replace(dead, rollout=ALONE).check()
    assert found.startswith(place) and "it compares the responses to a prompt, and rollout.samples_per_prompt" in found
    assert dead.check() == []


def test_groups_of_one_know_no_wrong_thinking():
    found = replace(thinking(), rollout=ALONE, advantage=(SignedOutcome(),)).check()
    assert len(found) == 1 and found[0].startswith("rewards.1 (TrustWeight) has nothing to compare")


GLOBAL = Standardize(center="batch", scale="batch", column="group.consistent_accuracy", output="group.global_advantage")


def consistent(prompts, **slots):
    objective = Objective(PPOClip(), regularizers=(PPOClip(advantage="action.global_advantage"),))
    answers = SampleTree(prompts=prompts, reward="correct", extra=("traj.answer",))
    return recipe(GRPO, ConsistentAccuracy(), GLOBAL, EntropyBlend(), objective=objective, rollout=answers, **slots)


def test_a_comparison_of_prompts_with_one_prompt():
    (found,) = consistent(1).check()
    assert found.startswith("advantage.2 (Standardize) has nothing to compare: it compares the prompts of a batch")
    assert consistent(2).check() == []
    one = SampleTree(prompts=1, reward="correct")
    assert recipe(Standardize(center="batch", scale="batch"), rollout=one).check() == []


class TestEqualGroups:
    """Dynamic sampling with an advantage that is 0 there anyway, and with one that is there for such groups."""

    FILTER = (DynamicSampling("traj.reward/correct"),)

    @pytest.mark.parametrize(
        ("learner", "place"),
        [
            (recipe(Standardize(phantoms=(1.0,))), "advantage.0 (Standardize)"),
            (recipe(SignedOutcome()), "advantage.0 (SignedOutcome)"),
            (consistent(4), "advantage.3 (EntropyBlend)"),
        ],
    )
    def test_a_filter_that_takes_away_what_an_advantage_is_for(self, learner, place):
        assert learner.check() == []
        (found,) = replace(learner, filters=self.FILTER).check()
        assert found.startswith(
            f"filters.0 (DynamicSampling) drops the groups whose rewards are equal, from which {place} could learn"
        )

    def test_an_advantage_that_is_zero_there_loses_nothing(self):
        for advantage in (GRPO, Standardize(scale="none"), Standardize(center="leave_one_out", scale="none")):
            assert recipe(advantage, filters=self.FILTER).check() == []


def test_a_regression_on_ratios_that_are_all_one():
    regressions = (GroupBCE(), AdvantageRegression(), UniformQRegression())
    for term, advantage in zip(regressions, ((), (GRPO,), (GRPO,)), strict=True):
        dead = recipe(*advantage, policy=None, objective=Objective(term))
        (found,) = replace(dead, update=Update()).check()
        assert "is a plain policy gradient here: with update.epochs=1 and update.minibatches=1" in found
        assert dead.check() == replace(dead, update=Update(minibatches=2)).check() == []


CORRECTED = recipe(GRPO, objective=Objective(PPOClip(), weights=(ImportanceWeight("old", "behavior"),)))
REJECTED = recipe(RejectMismatch(high=2.0), GRPO)


class TestMismatch:
    @pytest.mark.parametrize("dead", [CORRECTED, REJECTED])
    def test_a_sampler_that_is_the_policy(self, dead):
        (found,) = dead.check()
        assert found.endswith("SampleTree samples from the trainer's policy itself, up to rounding")
        for rollout in (SampleTree(temperature=0.7), Sample(engine="vllm"), Sample(sampling=Sampling(top_p=0.9))):
            assert replace(dead, rollout=rollout, rewards=scores(rollout)).check() == []
        assert replace(dead, update=replace(dead.update, precision="bf16")).check() == []
        own = replace(dead, rollout=Sample(), rewards=scores(Sample())).check()
        assert len(own) == 1 and "Sample samples from the trainer's policy itself" in own[0]

    @pytest.mark.parametrize("dead", [CORRECTED, REJECTED])
    def test_a_sampler_that_is_taken_at_its_word(self, dead):
        bypass = replace(dead, rollout=Sample(engine="vllm"), rewards=scores(Sample()), update=Update(2e-3, 2))
        assert bypass.check() == []
        (found,) = replace(bypass, update=replace(bypass.update, recompute_old=False)).check()
        assert "update.recompute_old=False takes the sampler's log-probs" in found

    def test_a_weight_of_the_current_policy_is_more_than_a_correction(self):
        objective = Objective(Reinforce(), weights=(ImportanceWeight("current", "behavior"),))
        assert recipe(GRPO, objective=objective).check() == []


def scores(rollout):
    """A reward for rollouts that have none of their own."""
    written = any(name.startswith("traj.reward/") for name in rollout.writes)
    return () if written else (Moves(reads=("token.id",), writes=("traj.reward/task",)),)


@pytest.mark.parametrize("ratio", ["sequence", "sequence_token", "sequence_sum"])
@pytest.mark.parametrize("aggregation", [TokenMean(), SeqMeanTokenSum()])
def test_a_response_that_counts_once_per_token(ratio, aggregation):
    (found,) = recipe(GRPO, objective=Objective(PPOClip(ratio=ratio), aggregation)).check()
    assert found.startswith("objective.surrogate (PPOClip) gives every action the loss of its response")
    assert f"objective.aggregation ({type(aggregation).__name__}) adds these up" in found
    assert recipe(GRPO, objective=Objective(PPOClip(ratio=ratio), SeqMeanTokenMean())).check() == []
    assert recipe(GRPO, objective=Objective(PPOClip(), aggregation)).check() == []


class TestLengths:
    @pytest.mark.parametrize(
        ("make", "begins"),
        [
            (lambda length: (OverlongPenalty(length + 4, 4), WeightedSum()), "shaping.0 (OverlongPenalty)"),
            (lambda length: (LengthStep(length, correct="traj.reward/task"), WeightedSum()), "shaping.0 (LengthStep)"),
            (lambda length: (WeightedSum(), LengthCap((length,))), "shaping.1 (LengthCap)"),
        ],
    )
    def test_a_length_that_no_response_reaches(self, make, begins):
        budget = Sample(sampling=Sampling(max_tokens=64))
        dead = recipe(GRPO, rollout=budget, rewards=scores(budget), shaping=make(64))
        (found,) = dead.check()
        assert found.startswith(f"{begins} tells no responses apart: it begins beyond 64 actions")
        assert replace(dead, shaping=make(63)).check() == []

    def test_where_the_task_decides_the_length_nothing_is_said(self):
        assert recipe(GRPO, shaping=(WeightedSum(), LengthCap((10**6,)))).check() == []


class TestClips:
    def clipped(self, limit, samples=8, before=GRPO):
        clip = Clip(-limit, limit, "traj.advantage")
        return recipe(before, clip, rollout=SampleTree(samples_per_prompt=samples)).check()

    def test_a_clip_wider_than_a_standardised_group(self):
        # The largest z-score of n = 8 is 7 / sqrt 8 = 2.475.
        (found,) = self.clipped(3.0)
        assert found == ("advantage.1 (Clip) never clips: in groups of 8, Standardize gives no value beyond 2.47")
        assert self.clipped(2.4) == self.clipped(3.0, samples=16) == []

    def test_the_bound_is_reached_and_never_passed(self):
        for ddof in (0, 1):
            piece = Standardize(eps=0.0, ddof=ddof)
            highest = torch.as_tensor(piece(ragged([[1.0] + [0.0] * 7]))["traj.advantage"]).max()
            assert float(highest) == pytest.approx(piece.bound(8))

    @pytest.mark.parametrize(
        "before",
        [
            Standardize(scale="none"),
            Standardize(scale="batch"),
            Standardize(phantoms=(1.0,)),
            Standardize(weigh_by="action"),
            Standardize(singleton="raw"),
        ],
    )
    def test_other_normalisers_have_no_such_bound(self, before):
        assert self.clipped(3.0, before=before) == []

    def test_what_is_written_in_between_counts(self):
        between = (GRPO, Whiten(column="traj.advantage"), Clip(-3.0, 3.0, "traj.advantage"))
        assert recipe(*between).check() == []


def test_an_estimator_whose_gradient_is_zero_on_average():
    (found,) = with_terms(KLPenalty(estimator="k1")).check()
    assert found.startswith("objective.regularizers.0 (KLPenalty) pulls nowhere: over samples of the policy")
    # Over responses that the policy has not drawn it is a plain likelihood term.
    stored = Objective(NLL(), regularizers=(KLPenalty(estimator="k1"),))
    assert Recipe(stored, rollout=Demonstrations(), shaping=()).check() == []


def test_running_statistics_that_hold_one_batch_only():
    (found,) = recipe(RunningStandardize(size=8, min_count=8)).check()
    assert found == (
        "advantage.0 (RunningStandardize) remembers nothing: it keeps 8 rewards of a prompt, and each batch has "
        "8 of them; raise its size"
    )
    assert recipe(RunningStandardize(size=9, min_count=8)).check() == []


class TestTooShort:
    SOURCES = SampleTree(reward="correct", extra=("traj.source",))

    def test_a_run_that_ends_before_statistics_are_in_use(self):
        slow = weighted("traj.source_weight", ProgressWeight(2, window=3), rollout=self.SOURCES)
        (found,) = too_short(slow, 5)
        assert found == (
            "advantage.1 (ProgressWeight) has no effect in this run: its statistics are in use after 5 steps, and the "
            "run has 5"
        )
        assert too_short(slow, 6) == too_short(slow, 0) == too_short(recipe(GRPO), 1) == []

    def test_the_run_says_so(self):
        assert "has no effect in this run" in train(RECAP, steps=1).warnings[0]


class TestRemarks:
    def test_a_phantom_that_is_not_the_best(self):
        task = TokenTree(prompts=2, vocab=2)
        doubled = recipe(Standardize(phantoms=(1.0,)), shaping=(WeightedSum({"correct": 2.0}),))
        result = train(replace(doubled, task=task), steps=3)
        assert len(result.noticed) == 1 and result.noticed[0] in result.warnings
        assert (
            "advantage.0 (Standardize) compares with a phantom of 1, but a reward of 2 was observed"
            in result.noticed[0]
        )
        assert train(replace(doubled, task=task, shaping=(WeightedSum(),)), steps=3).noticed == []

    def test_a_quantile_of_equal_values(self):
        (said,) = train(top(0.2), steps=2).noticed  # uniform at the start: one entropy everywhere
        assert said.startswith("step 1: credit.0 (TopQuantile) kept every action instead of a share of 0.2")
        assert train(replace(top(0.2), policy=Tabular(init_std=1.0)), steps=1).noticed == []

    def test_unscored_rewards_are_no_observation(self):
        assert Standardize(phantoms=(1.0,)).remark(ragged([[math.nan]])) == ""
