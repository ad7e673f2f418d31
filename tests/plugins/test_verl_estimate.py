"""Advantages inside verl: equal to verl's own estimators on ragged batches, and to guerdon's own loop."""

import dataclasses
import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from guerdon import Batch, GuerdonError, Objective, Recipe, pieces, segment
from guerdon.loop import Trainer
from guerdon.piece import Transform
from guerdon.plugins import verl_estimate
from guerdon.plugins.verl_batch import pack, unpack, with_rewards
from guerdon.plugins.verl_recipe import Advantages, recipe_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    core = pytest.importorskip("verl.trainer.ppo.core_algos", reason="verl is not installed", exc_type=ImportError)

CLOSE = {"rtol": 1e-5, "atol": 1e-6}


@st.composite
def responses(draw: Any, least: int = 1) -> tuple[Tensor, Tensor, np.ndarray]:
    """Rewards on the last sampled token, a mask with gaps and no empty row, uids in any order; groups of ``least``."""
    sizes = draw(st.lists(st.integers(least, 4), min_size=1, max_size=3))
    uid = draw(st.permutations([f"prompt {group}" for group, size in enumerate(sizes) for _ in range(size)]))
    rows, width = len(uid), draw(st.integers(1, 6))
    bits = draw(st.lists(st.booleans(), min_size=rows * width, max_size=rows * width))
    mask = torch.tensor(bits).reshape(rows, width).long()
    mask[:, 0] = 1
    score = draw(st.lists(st.sampled_from([0.0, 1.0, 0.25, -2.0]), min_size=rows, max_size=rows))
    rewards = torch.zeros(rows, width)
    last = width - 1 - mask.flip(1).argmax(1)
    rewards[torch.arange(rows), last] = torch.tensor(score)
    return rewards, mask, np.array(uid, dtype=object)


def ours(recipe: Recipe | str, rewards: Tensor, mask: Tensor, uid: Any, **more: Any) -> tuple[Tensor, Tensor]:
    advantages = Advantages(recipe_of(recipe) if isinstance(recipe, str) else recipe)
    return verl_estimate.estimate(advantages, rewards, mask, uid, **more)


def of(*advantage: Any, credit: tuple[Any, ...] = ()) -> Recipe:
    return Recipe(Objective(pieces.Reinforce()), credit=credit, advantage=advantage)


class Config(dict):
    """What verl's estimators read of its configuration."""

    gamma = 0.9


REINFORCE = of(pieces.ReturnToGo(0.9), pieces.Whiten(), credit=(pieces.LastAction(),))
OPO = of(pieces.Standardize(scale="none", weigh_by="action", singleton="raw"))
SAME = {
    "grpo": (lambda: recipe_of("grpo"), core.compute_grpo_outcome_advantage, 1),
    "dr_grpo": (lambda: of(pieces.Standardize(scale="none", singleton="raw")), core.compute_grpo_outcome_advantage, 1),
    "rloo": (lambda: recipe_of("rloo"), core.compute_rloo_outcome_advantage, 2),
    "rloo_vectorized": (lambda: recipe_of("rloo"), core.compute_rloo_vectorized_outcome_advantage, 1),
    "opo": (lambda: OPO, core.compute_opo_outcome_advantage, 1),
    "reinforce_pp": (lambda: REINFORCE, core.compute_reinforce_plus_plus_outcome_advantage, 1),
    "reinforce_pp_baseline": (
        lambda: recipe_of("reinforce_pp:verl_baseline"),
        core.compute_reinforce_plus_plus_baseline_outcome_advantage,
        1,
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_advantages_are_those_of_verls_estimator(name):
    recipe, theirs, least = SAME[name]

    @settings(max_examples=60, deadline=None)
    @given(responses(least))
    def check(drawn: Any) -> None:
        rewards, mask, uid = drawn
        if name.startswith("reinforce") and int(mask.sum()) < 2:
            return  # verl refuses to whiten a single token
        options = {"norm_adv_by_std_in_grpo": False} if name == "dr_grpo" else {}
        options |= {} if name == "reinforce_pp" else {"index": uid}
        wanted = theirs(token_level_rewards=rewards.clone(), response_mask=mask, config=Config(), **options)
        got = ours(recipe(), rewards, mask, uid)
        # verl's REINFORCE++ baseline whitens twice-masked scores; the others give 0 off the mask as well.
        torch.testing.assert_close(got[0], wanted[0].float(), **CLOSE)
        if name == "reinforce_pp":
            torch.testing.assert_close(got[1], wanted[1], **CLOSE)

    check()


@settings(max_examples=60, deadline=None)
@given(responses(), st.data())
def test_a_greedy_baseline_is_remax(drawn, data):
    rewards, mask, uid = drawn
    baseline = torch.tensor(data.draw(st.lists(st.sampled_from([0.0, 0.5]), min_size=len(uid), max_size=len(uid))))
    recipe = of(pieces.ValueBaseline(value="traj.reward_baseline", drop_below=None))
    wanted, _ = core.compute_remax_outcome_advantage(rewards, baseline, mask)
    got, _ = ours(recipe, rewards, mask, uid, reward_baselines=baseline)
    # verl's return to go stays after the last reward is paid only on masked positions, so compare on the mask.
    torch.testing.assert_close(got, wanted * mask, **CLOSE)


def extra(rows: int, fields: Any = (), infos: Any = None, keys: Any = None) -> verl_estimate.Extra:
    keys = [f"u_{row}_0" for row in range(rows)] if keys is None else keys
    return verl_estimate.Extra(keys, dict(fields), infos or [{}] * rows, {"step": 3, "progress": 0.5})


@settings(max_examples=60, deadline=None)
@given(responses(), st.data())
def test_gae_with_verls_values_is_verls_gae(drawn, data):
    rewards, mask, uid = drawn
    if int(mask.sum()) < 2:
        return
    numbers = data.draw(st.lists(st.floats(-1, 1, width=16), min_size=mask.numel(), max_size=mask.numel()))
    values = torch.tensor(numbers).reshape(mask.shape).float() * mask
    recipe = of(pieces.GAE(0.9, 0.8), pieces.Whiten(), credit=(pieces.LastAction(),))
    wanted = core.compute_gae_advantage_return(rewards, values, mask, 0.9, 0.8)
    with verl_estimate.given(extra(len(uid), {"values": values})):
        got = ours(recipe, rewards, mask, uid)
    torch.testing.assert_close(got[0], wanted[0] * mask, **CLOSE)
    torch.testing.assert_close(got[1], wanted[1] * mask, **CLOSE)


@settings(max_examples=60, deadline=None)
@given(responses(least=2), st.data())
def test_named_rewards_give_verls_gdpo(drawn, data):
    rewards, mask, uid = drawn
    if int(mask.sum()) < 2:
        return
    rows = len(uid)
    named = {name: data.draw(st.lists(st.sampled_from([0.0, 1.0, 0.5]), min_size=rows, max_size=rows)) for name in "fg"}
    full = torch.ones_like(mask)  # verl puts a component on the last position that is not padding
    wanted, _ = core.compute_gdpo_outcome_advantage(
        rewards,
        full,
        uid,
        config={"gdpo_reward_keys": ["f", "g"], "gdpo_reward_weights": [1.0, 0.5]},
        non_tensor_batch={name: np.array(values, dtype=np.float32) for name, values in named.items()},
        batch={"prompts": mask[:, :0], "attention_mask": full},
    )
    apart = pieces.Standardize(singleton="raw", column="traj.reward/*", output="traj.reward/*")
    recipe = Recipe(
        Objective(pieces.Reinforce()),
        rewards=(pieces.Function("a:b", components=("f", "g")),),
        shaping=(apart, pieces.WeightedSum({"g": 0.5})),
        advantage=(pieces.Standardize(center="none", scale="none"), pieces.Whiten()),
    )
    infos = [{name: values[row] for name, values in named.items()} for row in range(rows)]
    with verl_estimate.given(extra(rows, infos=infos)):
        got, _ = ours(recipe, rewards, full, uid)
    torch.testing.assert_close(got, wanted, **CLOSE)


def test_sessions_of_several_outputs_count_once_and_share_their_advantage():
    mask = torch.tensor([[1, 1, 0], [1, 0, 0], [1, 1, 1], [1, 0, 1]])
    rewards = torch.tensor([[0.0, 1.0, 0], [1.0, 0, 0], [0, 0, 0], [0, 0, 3.0]])
    uid = np.array(["u"] * 4, dtype=object)
    keys = ["u_0_1", "u_0_0", "u_1_0", "u_2_0"]  # row 1 came first in the session that row 0 ends
    with verl_estimate.given(extra(4, keys=keys)) as seen:
        got, _ = ours("grpo", rewards, mask, uid)
    alone, _ = ours("grpo", rewards[[0, 2, 3]], mask[[0, 2, 3]], uid[:3])
    assert torch.equal(got[[0, 2, 3]], alone)
    assert torch.equal(got[1], alone[0, 0] * mask[1])
    assert torch.equal(seen.mask, mask)


def test_an_advantage_per_token_cannot_stand_for_other_outputs():
    mask, rewards = torch.ones(2, 2), torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    recipe = of(pieces.ReturnToGo(0.5), credit=(pieces.LastAction(),))
    with verl_estimate.given(extra(2, keys=["u_0_0", "u_0_1"])), pytest.raises(GuerdonError, match="let the loop ret"):
        ours(recipe, rewards, mask, ["u", "u"])
    with pytest.raises(GuerdonError, match="must be UID_SESSION_INDEX, got 'u'"):
        verl_estimate.final_rows(["u"])


def test_unscored_rows_take_part_in_nothing():
    mask, rewards = torch.ones(3, 1), torch.tensor([[0.0], [1.0], [0.0]])
    infos = [{"unscored": 0.0}, {"unscored": 0.0}, {"unscored": 1.0}]
    with verl_estimate.given(extra(3, infos=infos)):
        got, _ = ours("grpo", rewards, mask, ["u"] * 3)
    torch.testing.assert_close(got[:, 0], torch.tensor([-1.0, 1.0, 0.0]) / math.sqrt(2), **CLOSE)
    rewards[2] = torch.nan
    torch.testing.assert_close(ours("grpo", rewards, mask, ["u"] * 3)[0], got)


def test_filters_and_masks_reach_the_mask():
    mask, rewards = torch.ones(4, 2).long(), torch.tensor([[0.0, 1], [0, 1], [0, 0], [0, 1]])
    recipe = Recipe(
        Objective(pieces.Reinforce()), filters=(pieces.DynamicSampling(),), advantage=(pieces.Standardize(),)
    )
    with verl_estimate.given(extra(4)) as seen:
        got, _ = ours(recipe, rewards, mask, ["equal", "equal", "mixed", "mixed"])
    assert got[:2].abs().sum() == 0 and got[2:].abs().min() > 0
    assert seen.mask.tolist() == [[0, 0], [0, 0], [1, 1], [1, 1]]


def test_what_verl_does_not_give_is_refused_with_the_way_out():
    mask, rewards = torch.ones(2, 1), torch.ones(2, 1)
    with pytest.raises(GuerdonError, match=r"reads action.old_value, which verl does not give here; set trainer.v1"):
        ours(of(pieces.GAE(), credit=(pieces.LastAction(),)), rewards, mask, ["u", "u"])
    two = Recipe(
        Objective(pieces.Reinforce()),
        rewards=(pieces.Function("a:b", components=("f", "g")),),
        advantage=(pieces.Standardize(),),
    )
    with pytest.raises(GuerdonError, match="components f, g, and an estimator of verl sees one score; set trainer"):
        ours(two, rewards, mask, ["u", "u"])
    with verl_estimate.given(extra(2)), pytest.raises(GuerdonError, match="let the reward function return 'f', 'g'"):
        ours(two, rewards, mask, ["u", "u"])
    with pytest.raises(GuerdonError, match="must write an advantage"):
        ours(of(), rewards, mask, ["u", "u"])


def test_a_toy_budget_is_not_applied_to_long_responses():
    mask, rewards = torch.ones(2, 33), torch.zeros(2, 33)
    with (
        pytest.raises(GuerdonError, match=r"OverlongPenalty. goes by the length .* up to 32 tokens, got 33; write the"),
        verl_estimate.given(extra(2)),
    ):
        ours("dapo", rewards, mask, ["u", "u"])
    with verl_estimate.given(extra(2)):
        same, _ = ours("dapo", rewards[:, :30], mask[:, :30], ["u", "u"])
    assert same.abs().sum() == 0  # two equal rewards: the group is dropped
    rewards[0, 29] = 1.0
    got, _ = ours("dapo", rewards[:, :30], mask[:, :30], ["u", "u"])
    torch.testing.assert_close(got[:, 0], torch.tensor([1.0, -1.0]) / math.sqrt(2), **CLOSE)


def test_groups_of_unequal_size_are_remarked_on_once(caplog):
    verl_estimate._remarked.clear()
    for _ in range(2):
        ours("grpo", torch.ones(3, 1), torch.ones(3, 1), ["a", "a", "b"])
    assert caplog.text.count("groups have between 1 and 2 responses") == 1


@dataclass(frozen=True)
class FirstToken(Transform):
    """A reward that an untrained model earns at times: the first token's id modulo 3."""

    reads = ("token.id",)
    writes = ("traj.reward/correct",)

    def __call__(self, batch: Batch, state: Any = None) -> dict[str, Tensor]:
        return {"traj.reward/correct": batch.up(batch["token.id"] % 3, segment.first, "token", "traj").float()}


@pytest.mark.parametrize("name", ["grpo", "rloo", "dr_grpo", "reinforce_pp:verl_baseline", "gspo", "dapo"])
def test_the_same_recipe_gives_the_same_advantages_in_guerdons_own_loop(name):
    recipe = recipe_of(name)
    recipe = dataclasses.replace(
        recipe,
        task=pieces.ModularSum(modulus=5),
        policy=pieces.TinyLM(width=16, layers=1, heads=2),
        rollout=pieces.Sample(4, 4, sampling=pieces.Sampling(max_tokens=5)),
        rewards=(FirstToken(),),
    )
    own, _ = Trainer(recipe, steps=1).train_step()
    assert len(own["traj.reward"].unique()) > 1
    # The same rollouts as verl has them: padded, and the prompts in another order.
    lengths = own.index("token", "traj").bincount(minlength=16)
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
    mask = (torch.arange(int(lengths.max()))[None] < lengths[order][:, None]).long()
    rewards = torch.zeros(mask.shape)
    rewards[torch.arange(16), lengths[order] - 1] = own["traj.reward/correct"][order]
    uid = [f"u{number}" for number in own.index("traj", "group")[order].tolist()]
    with verl_estimate.given(extra(16, {"responses": torch.zeros(mask.shape)})):
        got, _ = ours(recipe, rewards, mask, uid)
    rows = own["action.advantage"].split(lengths.tolist())
    for row, traj in enumerate(order.tolist()):
        torch.testing.assert_close(got[row][mask[row].bool()], rows[traj].float(), rtol=0, atol=1e-6)


def test_dense_rewards_are_read_where_the_recipe_places_none():
    mask, rewards = torch.tensor([[1, 0, 1, 1]]), torch.tensor([[0.5, 0.25, 0.0, 1.0]])
    got, returns = ours(of(pieces.ReturnToGo(0.5)), rewards, mask, ["u"])
    assert got.tolist() == returns.tolist() == [[0.75 + 0.25, 0.0, 0.5, 1.0]]
    batch = with_rewards(pack(mask, ["u"]), rewards)
    assert unpack(batch, batch["token.reward"]).tolist() == [[0.75, 0.0, 0.0, 1.0]]
