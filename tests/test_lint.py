"""Settings that cannot matter are named; their nearest neighbours that do matter are not."""

from dataclasses import replace

import pytest
from toys import Moves

from guerdon import Objective, Recipe, Update
from guerdon.advantages.gae import GAE
from guerdon.advantages.return_to_go import ReturnToGo
from guerdon.advantages.standardize import Standardize
from guerdon.advantages.whiten import Whiten
from guerdon.credit.last_action import LastAction
from guerdon.curricula.dynamic_sampling import DynamicSampling
from guerdon.objectives.aggregation import SeqMeanTokenMean, TokenMean
from guerdon.objectives.clip_mask import ClipMask
from guerdon.objectives.entropy import EntropyBonus
from guerdon.objectives.importance import ImportanceWeight
from guerdon.objectives.kl import KLPenalty
from guerdon.objectives.kl_limit import KLLimit
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.reinforce import Reinforce
from guerdon.objectives.row_weight import MaskWhere
from guerdon.objectives.sapo import SAPO
from guerdon.objectives.value_clip import ValueClip
from guerdon.policies.tabular import Tabular
from guerdon.rollouts.tabular import SampleTree
from guerdon.shaping.running_scale import RunningScale
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.tasks.token_tree import TokenTree

GRPO = Standardize()
CENTERED = Standardize(scale="none")
TWICE = Update(epochs=2)


def recipe(*advantage, objective=None, update=TWICE, **slots):
    return Recipe(
        task=TokenTree(),
        policy=Tabular(),
        rollout=slots.pop("rollout", SampleTree()),
        advantage=advantage,
        objective=objective or Objective(PPOClip()),
        update=update,
        **slots,
    )


def rescale(kind, column="traj.reward"):
    """A piece that does nothing but one of the four changes to a column."""
    return Moves(reads=(column,), writes=(column,), acts_as=kind)


def shaped(kind):
    return (WeightedSum(), rescale(kind))


@pytest.mark.parametrize(
    ("kind", "advantage", "cancels"),
    [
        # A difficulty scale per prompt, hypervolume weights: gone after division by the group's std ...
        ("group_scale", (GRPO,), True),
        ("scale", (GRPO,), True),
        ("group_shift", (GRPO,), True),
        ("shift", (GRPO,), True),
        # ... but not where the std is the batch's, nor without one.
        ("group_scale", (Standardize(scale="batch"),), False),
        ("scale", (Standardize(scale="batch"),), True),
        ("group_scale", (CENTERED,), False),
        ("scale", (CENTERED,), False),
        ("group_shift", (CENTERED,), True),
        ("group_shift", (Standardize(center="leave_one_out", scale="none"),), True),
        ("group_shift", (Standardize(center="batch", scale="batch"),), False),
        ("shift", (Standardize(center="batch", scale="batch"),), True),
        # A phantom reward and a raw group of one see the scale.
        ("scale", (Standardize(phantoms=(1.0,)),), False),
        ("scale", (Standardize(singleton="raw"),), False),
        # Whitening afterwards takes what the batch shares.
        ("scale", (CENTERED, Whiten()), False),
    ],
)
def test_a_scale_or_shift_in_front_of_a_normaliser(kind, advantage, cancels):
    found = recipe(*advantage, shaping=shaped(kind)).check()
    assert len(found) == cancels
    if cancels:
        what = kind.replace("_", " ")
        assert found[0] == (
            f"shaping.1 (Moves) has no effect: it only changes {what}, and advantage.0 (Standardize) is invariant to it"
        )


def test_centring_before_whitening_is_no_news_for_the_batch_mean():
    """Whitening removes a shift that all rows share, so that a batch mean taken before it does nothing."""
    batch_mean = Standardize(center="batch", scale="none")
    assert "advantage.0 (Standardize) has no effect" in recipe(batch_mean, Whiten()).check()[0]
    assert recipe(CENTERED, Whiten()).check() == []


@pytest.mark.parametrize(
    ("kind", "advantage", "cancels"),
    [
        ("affine", GRPO, True),
        ("affine", CENTERED, False),
        ("affine", Standardize(center="batch", scale="batch"), True),
        ("group_affine", GRPO, True),
        ("group_affine", Standardize(scale="batch"), False),
    ],
)
def test_a_scale_and_a_shift_at_once(kind, advantage, cancels):
    """Running mean and std, or minimum and maximum, of a reward model's scores: affine, and gone after group statistics."""
    found = recipe(advantage, shaping=shaped(kind)).check()
    assert len(found) == cancels
    if cancels:
        both = "group scale and group shift" if kind.startswith("group") else "scale and shift"
        assert found[0].startswith(f"shaping.1 (Moves) has no effect: it only changes {both}, and advantage.0")


@pytest.mark.parametrize(("how", "dead"), [("standardize", True), ("minmax", True), ("clip", False)])
def test_running_statistics_of_the_reward_in_front_of_those_of_the_group(how, dead):
    shaping = (WeightedSum(), RunningScale(how))
    found = recipe(GRPO, shaping=shaping).check()
    assert len(found) == dead and all("shaping.1 (RunningScale) has no effect" in sentence for sentence in found)
    assert recipe(CENTERED, shaping=shaping).check() == []


def test_an_advantage_may_be_scaled_after_the_normaliser():
    assert recipe(GRPO, rescale("group_scale", "traj.advantage")).check() == []


def test_a_filter_on_spread_does_not_see_scales_either():
    both = recipe(GRPO, shaping=shaped("scale"), filters=(DynamicSampling(),)).check()
    assert both == [
        "shaping.1 (Moves) has no effect: it only changes scale, and filters.0 (DynamicSampling) and "
        "advantage.0 (Standardize) are invariant to it"
    ]


LIMITS = [
    ("surrogate", Objective(PPOClip())),
    ("surrogate", Objective(PPOClip(ratio="sequence"), SeqMeanTokenMean())),
    ("surrogate", Objective(SAPO())),
    ("weights.0", Objective(Reinforce(), weights=(ImportanceWeight("current", "old"),))),
    ("weights.0", Objective(Reinforce(), weights=(ClipMask(),))),
    ("regularizers.0", Objective(Reinforce(), regularizers=(KLPenalty(reference="old"),))),
    ("regularizers.0", Objective(Reinforce(), regularizers=(KLPenalty(reference="old", estimator="k2"),))),
    ("regularizers.0", Objective(Reinforce(), regularizers=(KLLimit(),))),
    ("regularizers.0", Objective(Reinforce(), regularizers=(PPOClip(advantage="action.advantage"),))),
]


@pytest.mark.parametrize(("place", "objective"), LIMITS)
def test_a_limit_on_ratios_that_are_identically_one(place, objective):
    found = recipe(GRPO, objective=objective, update=Update()).check()
    assert len(found) == 1
    assert found[0].startswith(f"objective.{place} (")
    assert "it is never away: with update.epochs=1 and update.minibatches=1" in found[0]
    for busy in (Update(epochs=2), Update(minibatches=2), Update(recompute_old=False)):
        assert recipe(GRPO, objective=objective, update=busy).check() == []


def test_the_clip_of_a_critic_counts_as_a_limit():
    objective = Objective(Reinforce(), regularizers=(ValueClip(),))
    critic = recipe(GAE(), objective=objective, update=Update(), credit=(LastAction(),))
    assert critic.check()[0].startswith("objective.regularizers.0 (ValueClip) limits how far")
    plain = replace(objective, regularizers=(ValueClip(clip=None),))
    assert replace(critic, objective=plain).check() == []


@pytest.mark.parametrize(
    "objective",
    [
        Objective(PPOClip(None, None, None)),
        Objective(Reinforce(), weights=(ImportanceWeight("old", "behavior"),)),
        Objective(Reinforce(), weights=(ImportanceWeight("current", "behavior"),)),
        Objective(Reinforce(), regularizers=(KLPenalty(reference="ref"),)),
        Objective(Reinforce(), regularizers=(KLPenalty(reference="ema"),)),
    ],
)
def test_what_is_no_limit_may_be_on_policy(objective):
    warm = SampleTree(temperature=0.5)
    assert recipe(GRPO, objective=objective, update=Update(), rollout=warm).check() == []


def test_a_reference_that_is_the_current_policy():
    """A moving average without memory is the policy at the end of the last step: the one that the update begins with."""
    objective = Objective(Reinforce(), regularizers=(KLPenalty(reference="ema"),))
    found = recipe(GRPO, objective=objective, update=Update(ema_decay=0.0)).check()
    assert len(found) == 1 and found[0].startswith("objective.regularizers.0 (KLPenalty) limits how far")
    assert recipe(GRPO, objective=objective, update=Update(ema_decay=0.0, epochs=2)).check() == []


def test_a_term_without_weight():
    objective = Objective(PPOClip(), TokenMean(), regularizers=(EntropyBonus(0.0), KLPenalty(0.1)))
    assert recipe(GRPO, objective=objective).check() == [
        "objective.regularizers.0 (EntropyBonus) has no effect: its coef is 0; drop it or give it a weight"
    ]


@pytest.mark.parametrize(
    ("piece", "dead"),
    [
        (GRPO, True),
        (CENTERED, True),
        (Standardize(center="leave_one_out", scale="none"), True),
        (Standardize(singleton="raw"), False),
        (Standardize(center="batch", scale="batch"), False),
        (Standardize(by="group.source"), False),
    ],
)
def test_groups_of_one_have_nothing_to_compare(piece, dead):
    lonely = recipe(piece, rollout=SampleTree(samples_per_prompt=1, extra=("group.source",)))
    found = lonely.check()
    assert len(found) == dead
    if dead:
        assert found[0].startswith("advantage.0 (Standardize) has nothing to compare")


class TestUnused:
    def test_a_credit_piece_that_no_advantage_reads(self):
        assert recipe(GRPO, credit=(LastAction(),)).check() == [
            "credit.0 (LastAction) has no effect: it writes 'action.reward', which nothing after it reads; "
            "drop it, or add the piece that it was meant for"
        ]
        assert recipe(ReturnToGo(), credit=(LastAction(),)).check() == []

    def test_an_advantage_that_a_finer_one_hides(self):
        found = recipe(GRPO, ReturnToGo(), credit=(LastAction(),)).check()
        assert len(found) == 1 and found[0].startswith("advantage.0 (Standardize) has no effect: it writes")

    def test_an_advantage_that_is_written_anew(self):
        found = recipe(GRPO, CENTERED).check()
        assert len(found) == 1 and found[0].startswith("advantage.0 (Standardize) has no effect")

    def test_what_the_loss_reads_undeclared_is_used(self):
        cut = MaskWhere("traj.cut")
        assert recipe(GRPO, cut, rollout=SampleTree(extra=("traj.cut",))).check() == []
