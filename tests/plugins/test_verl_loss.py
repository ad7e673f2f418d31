"""guerdon's objectives as verl's policy losses: value and gradient are those of verl's own, in every mode."""

import dataclasses
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor

from guerdon import GuerdonError, Objective, Recipe, pieces
from guerdon.plugins import verl_loss
from guerdon.plugins.verl_recipe import recipe_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    core = pytest.importorskip("verl.trainer.ppo.core_algos", reason="verl is not installed", exc_type=ImportError)
    from tensordict import TensorDict
    from verl.workers.config import ActorConfig, PolicyLossConfig
    from verl.workers.utils.losses import ppo_loss

    from guerdon.plugins import verl

AGGREGATIONS = {
    "token-mean": pieces.TokenMean(),
    "seq-mean-token-sum": pieces.SeqMeanTokenSum(),
    "seq-mean-token-mean": pieces.SeqMeanTokenMean(),
    "seq-mean-token-sum-norm": pieces.SumOverLength(7),
}
GLOBAL = {"dp_size": 4, "batch_num_tokens": 57, "global_batch_size": 23}


def config(mode: str = "token-mean", info: Any = (), **options: Any) -> Any:
    made = ActorConfig(strategy="fsdp", rollout_n=4, ppo_micro_batch_size_per_gpu=1, loss_agg_mode=mode, **options)
    scale = 7 if mode == "seq-mean-token-sum-norm" else None
    made.global_batch_info.update({**dict(info), "loss_scale_factor": scale})
    return made


def tensors(seed: int = 0, spread: float = 0.4) -> dict[str, Tensor]:
    """Six rows of up to nine positions with gaps, one of them without a sampled token, log-probs that have moved."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.rand(6, 9, generator=generator) < 0.6
    mask[2] = False
    old = -torch.rand(6, 9, generator=generator) * 3
    return {
        "old_log_prob": old,
        "log_prob": (old + spread * torch.randn(6, 9, generator=generator)).requires_grad_(),
        "advantages": torch.randn(6, 1, generator=generator) * mask,
        "response_mask": mask,
    }


def both(recipe: Recipe, theirs: Any, mode: str, made: Any, is_weights: Tensor | None = None, **data: Any) -> None:
    """Compare value and gradient."""
    data = data or tensors()
    ours, metrics = verl_loss.policy_loss(
        recipe, core.agg_loss, loss_agg_mode=mode, config=made, rollout_is_weights=is_weights, **data
    )
    (gradient,) = torch.autograd.grad(ours, data["log_prob"])
    wanted, _ = theirs(loss_agg_mode=mode, config=made, rollout_is_weights=is_weights, **data)
    (expected,) = torch.autograd.grad(wanted, data["log_prob"])
    torch.testing.assert_close(ours, wanted, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(gradient, expected, rtol=1e-6, atol=1e-6)
    assert expected.abs().sum() > 0 and metrics["actor/ppo_kl"] != 0


def with_mode(recipe: Recipe, mode: str) -> Recipe:
    return dataclasses.replace(recipe, objective=dataclasses.replace(recipe.objective, aggregation=AGGREGATIONS[mode]))


@pytest.mark.parametrize("info", [{}, GLOBAL], ids=["local", "global"])
@pytest.mark.parametrize("mode", AGGREGATIONS)
def test_ppo_is_verls_vanilla_in_every_mode(mode, info):
    recipe = with_mode(recipe_of("grpo"), mode)
    for seed in range(3):
        both(recipe, core.compute_policy_loss_vanilla, mode, config(mode, info), **tensors(seed, 1.5))


@pytest.mark.parametrize("info", [{}, GLOBAL], ids=["local", "global"])
def test_the_other_losses_of_verl(info):
    gspo = {"clip_ratio_low": 3e-4, "clip_ratio_high": 4e-4}
    mean = "seq-mean-token-mean"
    gpg = Recipe(Objective(pieces.Reinforce()))
    both(recipe_of("gspo"), core.compute_policy_loss_gspo, mean, config(mean, info, **gspo), **tensors(0, 5e-4))
    both(recipe_of("sapo:verl"), core.compute_policy_loss_sapo, mean, config(mean, info))
    both(recipe_of("cispo"), core.compute_policy_loss_cispo, "token-mean", config("token-mean", info))
    both(gpg, core.compute_policy_loss_gpg, "token-mean", config("token-mean", info))
    dapo = {"clip_ratio_low": 0.2, "clip_ratio_high": 0.28, "clip_ratio_c": 10.0}
    both(recipe_of("dapo"), core.compute_policy_loss_vanilla, "token-mean", config("token-mean", info, **dapo))


def test_rollout_weights_multiply_the_surrogate_as_in_verl():
    weights = torch.rand(6, 9, generator=torch.Generator().manual_seed(1)) * 2
    both(recipe_of("grpo"), core.compute_policy_loss_vanilla, "token-mean", config(), weights)


def test_dr_grpo_as_verl_once_had_it_is_a_token_sum():
    data, recipe = tensors(), recipe_of("dr_grpo")
    ours, _ = verl_loss.policy_loss(
        recipe, core.agg_loss, loss_agg_mode="token-sum", config=config("token-sum"), **data
    )
    theirs, _ = core.compute_policy_loss_vanilla(loss_agg_mode="token-sum", config=config("token-sum"), **data)
    torch.testing.assert_close(ours, theirs / recipe.objective.aggregation.length)


def test_micro_batches_and_ranks_add_up_to_the_loss_of_guerdons_loop():
    """Halves on two ranks, averaged as data-parallel training does: the gradient is that of the whole in the loop."""
    data = tensors(3)
    mask = data["response_mask"]
    for mode, recipe in ((mode, with_mode(recipe_of("grpo"), mode)) for mode in AGGREGATIONS):
        rows = int(mask.any(1).sum())
        info = {"dp_size": 2, "batch_num_tokens": int(mask.sum()), "global_batch_size": rows}
        total = 0.0
        for half in (slice(0, 3), slice(3, 6)):
            part = {name: value[half] for name, value in data.items()}
            total += verl_loss.policy_loss(
                recipe, core.agg_loss, loss_agg_mode=mode, config=config(mode, info), **part
            )[0]
        (gradient,) = torch.autograd.grad(total / 2, data["log_prob"])
        whole = verl_loss.loss_batch(data["old_log_prob"], data["log_prob"], data["advantages"], mask)
        whole = whole.select("traj", whole.up(torch.ones(whole.size("token")), sums, "token", "traj") > 0)
        loss, _ = recipe.objective(recipe.objective.prepare(whole), {})
        (expected,) = torch.autograd.grad(loss, data["log_prob"])
        torch.testing.assert_close(gradient, expected, rtol=1e-6, atol=1e-6)


def sums(values: Tensor, index: Tensor, size: int) -> Tensor:
    return values.new_zeros(size).index_add(0, index, values)


@pytest.mark.parametrize(
    ("ours", "theirs", "mode"),
    [("grpo", "vanilla", "token-mean"), ("gspo", "gspo", "seq-mean-token-mean"), ("cispo", "cispo", "token-mean")],
)
def test_through_the_actors_own_loss_on_ragged_tensors(ours, theirs, mode):
    """verl's ``ppo_loss`` as its workers call it: nested tensors, the global batch, entropy and KL beside the policy."""
    verl.load()
    generator = torch.Generator().manual_seed(4)
    lengths, prompts = [3, 1, 5, 2], [2, 4, 1, 3]

    def nested(sizes: list[int]) -> Tensor:
        rows = [torch.randn(size, generator=generator) for size in sizes]
        return torch.nested.as_nested_tensor(rows, layout=torch.jagged)

    def masks(sizes: list[int]) -> Tensor:
        return torch.nested.as_nested_tensor([(torch.arange(n) % 3 != 1).long() for n in sizes], layout=torch.jagged)

    whole = [prompt + length for prompt, length in zip(prompts, lengths, strict=True)]
    model = {"log_probs": nested(whole), "entropy": nested(whole)}
    fields = {"prompts": nested(prompts), "responses": nested(lengths), "response_mask": masks(lengths)}
    fields |= {name: nested(lengths) for name in ("old_log_probs", "advantages", "ref_log_prob")}
    data = TensorDict(fields, batch_size=4)
    for name, value in {"dp_size": 2, "batch_num_tokens": 19, "global_batch_size": 8}.items():
        data.set_non_tensor(name, value)
    settings = {"entropy_coeff": 0.01, "use_kl_loss": True, "kl_loss_coef": 0.1, "clip_ratio_high": 0.2}
    settings |= {"clip_ratio_low": 3e-4, "clip_ratio_high": 4e-4} if ours == "gspo" else {}
    results = []
    for name in (f"guerdon/{ours}", theirs):
        leaf = model["log_probs"].values().detach().clone().requires_grad_()
        made = config(mode, policy_loss=PolicyLossConfig(loss_mode=name), **settings)
        logprob = torch.nested.nested_tensor_from_jagged(leaf, model["log_probs"].offsets())
        loss, metrics = ppo_loss(made, {**model, "log_probs": logprob}, data.clone())
        results.append((loss.detach(), torch.autograd.grad(loss, leaf)[0], metrics["actor/pg_loss"]))
    torch.testing.assert_close(results[0][:2], results[1][:2], rtol=1e-6, atol=1e-6)
    assert results[1][1].abs().sum() > 0


def test_a_micro_batch_without_tokens_has_a_zero_gradient():
    data = tensors()
    data["response_mask"] = torch.zeros(6, 9, dtype=torch.bool)
    made = config(info=GLOBAL)
    loss, metrics = verl_loss.policy_loss(recipe_of("grpo"), core.agg_loss, config=made, **data)
    loss.backward()
    assert loss.item() == 0.0 and data["log_prob"].grad.abs().sum() == 0 and metrics["actor/ppo_kl"] == 0.0


@pytest.mark.parametrize(
    ("recipe", "mode", "message"),
    [
        ("grpo", "seq-mean-token-mean", "the recipe's TokenMean says, 'token-mean', got 'seq-mean-token-mean'"),
        ("gspo", "token-mean", "SeqMeanTokenMean says, 'seq-mean-token-mean', got 'token-mean'"),
        ("dr_grpo:trl", "token-mean", "'seq-mean-token-sum-norm' with actor.loss_scale_factor=32, got 'token-mean'"),
        ("dr_grpo", "token-mean", "'token-sum' .divided by 32 here., got 'token-mean'"),
        ("grpo:paper", "seq-mean-token-mean", "use_kl_loss=true, actor.kl_loss_coef=0.04 and actor.kl_loss_type=low_"),
    ],
)
def test_settings_that_say_something_else_are_refused(recipe, mode, message):
    with pytest.raises(GuerdonError, match=message):
        verl_loss.policy_loss(recipe_of(recipe), core.agg_loss, loss_agg_mode=mode, config=config(mode), **tensors())


def test_what_verl_adds_itself_is_left_to_it_where_it_agrees():
    made = config("seq-mean-token-mean", use_kl_loss=True, kl_loss_coef=0.04, entropy_coeff=0.01)
    recipe = recipe_of("grpo:paper")
    more = dataclasses.replace(
        recipe.objective, regularizers=(*recipe.objective.regularizers, pieces.EntropyBonus(0.01), pieces.ValueClip())
    )
    assert verl_loss.inside(more, made).regularizers == ()
    with pytest.raises(GuerdonError, match=r"entropy bonus is added by verl: set actor.entropy_coeff=0.5"):
        verl_loss.inside(Objective(pieces.Reinforce(), regularizers=(pieces.EntropyBonus(0.5),)), made)


def test_terms_that_need_more_than_a_policy_loss_has_are_refused():
    for surrogate, weights, message in (
        (pieces.GroupBCE(), (), "compares responses|reads"),
        (pieces.Reinforce(), (pieces.ImportanceWeight(),), "reads action.behavior_logprob, which verl does not give"),
        (pieces.Reinforce(), (pieces.ImportanceWeight("current", "old", normalize=True),), "compares responses"),
    ):
        with pytest.raises(GuerdonError, match=message):
            verl_loss.inside(Objective(surrogate, weights=weights), config())
