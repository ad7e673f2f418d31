"""The loop: it learns, repeats under a seed, refills, keeps states and snapshots, and stops with a diagnosis."""

import copy
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor
from toys import (
    CountingAggregation,
    CountingCurriculum,
    CountingFilter,
    CountingMetric,
    CountingRollout,
    CountingSurrogate,
    CountingTerm,
    CountingTransform,
    CountingWeight,
    GroupCenter,
    Reads,
    Reinforce,
    reinforce,
)

from guerdon import segment, train
from guerdon.batch import Batch, Column
from guerdon.curricula.uniform import Uniform
from guerdon.errors import GuerdonError, RunStopped
from guerdon.loop import Trainer
from guerdon.objective import Objective
from guerdon.objectives.aggregation import SeqMeanTokenMean, SeqMeanTokenSum, SumOverLength, TokenMean
from guerdon.piece import Filter, RowLoss, Term, Transform, Weight
from guerdon.policies.tabular import Tabular, TabularPolicy
from guerdon.recipe import Recipe
from guerdon.rng import Stream
from guerdon.rollouts.tabular import SampleTree
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.tasks.token_tree import TokenTree
from guerdon.update import Update, minibatches, optimizer_step


def logits(trainer: Trainer) -> Tensor:
    assert isinstance(trainer.policy, TabularPolicy)
    return trainer.policy.logits.detach().clone()


def without_times(metrics: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if not name.startswith("time/") and name != "actions_per_s"}


def steps(recipe: Recipe, count: int, **options: Any) -> tuple[Trainer, list[Batch], list[dict[str, float]]]:
    """A trainer after ``count`` steps, with their batches and metrics."""
    trainer = Trainer(recipe, steps=count, **options)
    done = [trainer.train_step() for _ in range(count)]
    return trainer, [batch for batch, _ in done], [metrics for _, metrics in done]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_token_tree_is_learned_from_chance(seed: int) -> None:
    recipe = reinforce(update=Update(lr=0.1), rollout=SampleTree(prompts=4, samples_per_prompt=16))
    rewards = [metrics["reward"] for metrics in train(recipe, steps=150, seed=seed).metrics]
    assert sum(rewards[:5]) / 5 < 0.3, "1 of 9 leaves pays"
    assert sum(rewards[-5:]) / 5 >= 0.9


def test_a_seed_repeats_a_run_and_leaves_the_global_generators_alone() -> None:
    torch.manual_seed(5)
    random.seed(5)
    before = torch.random.get_rng_state(), random.getstate()
    first = train(reinforce(), steps=5, seed=3)
    assert torch.equal(torch.random.get_rng_state(), before[0]) and random.getstate() == before[1]
    torch.manual_seed(99)
    second = train(reinforce(), steps=5, seed=3)
    assert [without_times(m) for m in first.metrics] == [without_times(m) for m in second.metrics]
    assert all(map(torch.equal, first.policy.parameters(), second.policy.parameters()))
    other = train(reinforce(), steps=5, seed=4)
    assert not all(map(torch.equal, first.policy.parameters(), other.policy.parameters()))


@dataclass(frozen=True)
class Mixed(Filter):
    """Keeps groups whose rewards differ; notes nothing."""

    reads = ("traj.reward",)

    def __call__(self, batch: Batch) -> Tensor:
        return batch.up(batch["traj.reward"], segment.std, "traj", "group") > 0


@dataclass(frozen=True)
class Numbered(Transform):
    """Numbers the trajectories of a rollout, by random integers, so that their origin can be told."""

    writes = ("traj.tag",)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        return {"traj.tag": torch.randint(0, 2**40, (batch.size("traj"),))}


def test_filters_are_refilled_and_the_surplus_is_dropped() -> None:
    recipe = reinforce(
        filters=(Mixed(),), rewards=(Numbered(),), rollout=SampleTree(prompts=4, samples_per_prompt=4), max_refills=50
    )
    _, batches, metrics = steps(recipe, 4)
    for batch, logged in zip(batches, metrics, strict=True):
        assert batch.size("group") == 4 == logged["groups"]
        assert bool(Mixed()(batch).all())
        assert segment.count(batch.index("traj", "group"), 4).tolist() == [4] * 4, "groups stay whole"
        assert len(set(batch["traj.tag"].tolist())) == 16, "nothing is counted twice"
    assert any(logged["refills"] > 0 for logged in metrics)


def test_refills_draw_other_problems_than_the_first_rollout() -> None:
    seen: list[list[int]] = []
    rewards: list[float] = []

    @dataclass(frozen=True)
    class Watch(Uniform):
        def observe(self, batch: Batch, state: Any = None) -> None:
            seen.append(batch["group.problem_id"].tolist())
            rewards.extend(batch["traj.reward"].tolist())

    recipe = reinforce(
        task=TokenTree(prompts=1000, vocab=3),
        filters=(Mixed(),),
        curriculum=Watch(),
        rollout=SampleTree(prompts=8, samples_per_prompt=2),
    )
    _, _, metrics = steps(recipe, 1)
    assert metrics[0]["sampled_actions"] == 16 * len(seen), "what was dropped was sampled, too"
    assert metrics[0]["sampled_reward"] == pytest.approx(sum(rewards) / len(rewards)) != metrics[0]["reward"]
    assert len(seen) == metrics[0]["refills"] + 1 > 1
    assert all(len(problems) == 8 for problems in seen), "a curriculum observes what filters drop later"
    assert seen[0] != seen[1]


def test_a_second_pick_of_one_rollout_draws_other_problems() -> None:
    picked: list[list[int]] = []

    @dataclass(frozen=True)
    class PicksTwice(CountingRollout):
        def __call__(self, task: Any, policy: Any, pick: Any, stream: Any, state: Any = None) -> Batch:
            picked.extend([pick(8), pick(8)])
            return CountingRollout.__call__(self, task, policy, pick, stream, state)

    steps(reinforce(task=TokenTree(prompts=1000, vocab=3), rollout=PicksTwice()), 1)
    assert picked[0] != picked[1]


def test_a_run_stops_when_the_filters_reject_everything() -> None:
    @dataclass(frozen=True)
    class Nothing(CountingFilter):
        def __call__(self, batch: Batch, state: Any = None) -> Tensor:
            state.count += 1
            return torch.zeros(batch.size("group"), dtype=torch.bool)

    trainer = Trainer(reinforce(filters=(Nothing(), Mixed()), max_refills=3), steps=1)
    with pytest.raises(RunStopped, match="step 0: the filters rejected every group of 3 rollouts"):
        trainer.train_step()
    assert int(trainer.state_of("filters.0").count) == 3


def test_trajectory_filters_keep_parts_of_groups() -> None:
    @dataclass(frozen=True)
    class FirstTwo(Filter):
        level = "traj"

        def __call__(self, batch: Batch) -> Tensor:
            return segment.position(batch.index("traj", "group"), batch.size("group")) < 2

    _, batches, metrics = steps(reinforce(filters=(FirstTwo(),)), 1)
    assert metrics[0]["trajectories"] == 8 and metrics[0]["groups"] == 4 and metrics[0]["refills"] == 0
    assert batches[0].size("token") == 16


class Watched(TabularPolicy):
    """Notes which columns are evaluated, and whether with gradient."""

    calls: list[tuple[bool, tuple[str, ...]]]

    def evaluate(self, batch: Batch, wants: frozenset[str]) -> dict[str, Tensor]:
        self.calls.append((torch.is_grad_enabled(), tuple(sorted(wants))))
        return super().evaluate(batch, wants)

    def frozen(self) -> "Watched":
        twin = copy.deepcopy(self)
        twin.calls = self.calls
        return twin


def watched(recipe: Recipe) -> Watched:
    assert isinstance(recipe.task, TokenTree)
    policy = Watched(0.5 * torch.randn(recipe.task.contexts, recipe.task.actions), critic=False)
    policy.calls = []
    return policy


def test_snapshots_that_nobody_reads_are_neither_kept_nor_computed() -> None:
    policy = watched(reinforce())
    trainer, batches, _ = steps(reinforce(), 2, policy=policy)
    assert policy.calls == [(True, ("action.logprob",))] * 2
    assert trainer.snapshots.copies == {}
    assert not [name for name in batches[0].columns if "old" in name or "ref" in name]


def test_snapshots_hold_what_they_promise() -> None:
    names = ("action.old_logprob", "action.ref_logprob", "action.ema_logprob", "action.ref_entropy")
    recipe = reinforce(objective=Objective(Reinforce(also=names)), update=Update(lr=0.3, epochs=2, ema_decay=0.75))
    policy = watched(recipe)
    start = policy.logits.detach().clone()
    trainer = Trainer(recipe, steps=3, policy=policy)
    slow = start.clone()
    for _ in range(3):
        before = logits(trainer)
        policy.calls.clear()
        batch, _ = trainer.train_step()
        assert [calls for calls in policy.calls if not calls[0]] == [
            (False, ("action.logprob",)),
            (False, ("action.logprob",)),
            (False, ("action.entropy", "action.logprob")),
        ], "one forward pass per copy"
        for name, table in (("old", before), ("ref", start), ("ema", slow)):
            row = table[batch["token.context"]].log_softmax(-1)
            wanted = row.gather(1, batch["token.id"][:, None])[:, 0]
            torch.testing.assert_close(batch[f"action.{name}_logprob"], wanted)
            assert not batch[f"action.{name}_logprob"].requires_grad
        torch.testing.assert_close(batch["action.old_logprob"], batch["action.behavior_logprob"])
        slow = 0.75 * slow + 0.25 * logits(trainer)
    assert sorted(trainer.snapshots.copies) == ["ema", "ref"]
    saved = trainer.snapshots.state_dict()
    torch.testing.assert_close(saved["ema"]["logits"], slow)
    torch.testing.assert_close(saved["ref"]["logits"], start)


def test_old_means_before_the_update_also_for_a_metric_alone() -> None:
    trainer = Trainer(reinforce(metrics=(Reads(("action.old_logprob",)),), update=Update(lr=0.5)), steps=1)
    batch, metrics = trainer.train_step()
    assert metrics["mean/action.old_logprob"] == pytest.approx(float(batch["action.behavior_logprob"].mean()))


def test_without_recomputing_old_is_the_samplers() -> None:
    update = Update(recompute_old=False, epochs=2)
    recipe = reinforce(
        objective=Objective(Reinforce(also=("action.old_logprob",))),
        update=update,
        rollout=SampleTree(prompts=4, samples_per_prompt=4, temperature=2.0),
        policy=Tabular(init_std=1.0),
    )
    _, [bypassed], _ = steps(recipe, 1)
    assert torch.equal(bypassed["action.old_logprob"], bypassed["action.behavior_logprob"])
    _, [recomputed], _ = steps(replace(recipe, update=replace(update, recompute_old=True)), 1)
    assert not torch.allclose(recomputed["action.old_logprob"], recomputed["action.behavior_logprob"])


def counting() -> Recipe:
    return reinforce(
        rollout=CountingRollout(),
        curriculum=CountingCurriculum(),
        rewards=(CountingTransform(),),
        shaping=(WeightedSum(), CountingTransform()),
        filters=(CountingFilter(),),
        credit=(CountingTransform(),),
        advantage=(GroupCenter(), CountingTransform()),
        objective=Objective(CountingSurrogate(), CountingAggregation(), (CountingWeight(),), (CountingTerm(),)),
        metrics=(CountingMetric(),),
    )


COUNTERS = {
    "rollout": 1,
    "curriculum": 1,
    "rewards.0": 1,
    "shaping.1": 1,
    "filters.0": 1,
    "credit.0": 1,
    "advantage.1": 1,
    "objective.surrogate": 1,
    "objective.aggregation": 4,
    "objective.weights.0": 1,
    "objective.regularizers.0": 1,
    "metrics.0": 1,
}


def test_pieces_in_every_slot_keep_their_state_and_it_is_saved() -> None:
    trainer, _, metrics = steps(counting(), 3)
    counts = {place: int(trainer.state_of(place).count) for place in COUNTERS}
    assert counts == {place: 3 * calls for place, calls in COUNTERS.items()}
    assert [logged["calls"] for logged in metrics] == [1.0, 2.0, 3.0]
    resumed = Trainer(counting(), steps=4)
    resumed.load_state_dict(copy.deepcopy(trainer.state_dict()))
    assert resumed.step == 3
    resumed.train_step()
    assert int(resumed.state_of("objective.weights.0").count) == 4
    assert trainer.state_of("task") is None


def test_learned_states_are_initialised_from_the_seed() -> None:
    @dataclass(frozen=True)
    class Learned(CountingTransform):
        def init_state(self) -> torch.nn.Module:  # pyright: ignore
            return torch.nn.Linear(3, 3)

        def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
            return {}

    recipe = reinforce(rewards=(Learned(), Learned()))

    def weights(seed: int) -> list[Tensor]:
        trainer = Trainer(recipe, steps=1, seed=seed)
        return [trainer.state_of(f"rewards.{number}").weight for number in (0, 1)]

    torch.manual_seed(0)
    first = weights(0)
    torch.manual_seed(1)
    assert all(map(torch.equal, first, weights(0)))
    assert not torch.equal(first[0], first[1]) and not torch.equal(first[0], weights(1)[0])


@dataclass(frozen=True)
class MaskOdd(Transform):
    """Excludes every third action."""

    writes = ("action.mask",)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        return {"action.mask": torch.arange(batch.size("action")) % 3 != 0}


@dataclass(frozen=True)
class PerTrajectory(Term):
    """``-A_i sum_t log pi_it``, one row per trajectory."""

    unit = "traj"
    reads = ("traj.advantage", "action.logprob")

    def __call__(self, batch: Batch, state: Any = None) -> RowLoss:
        total = batch.up(batch["action.logprob"], segment.sum, "action", "traj")
        return RowLoss("traj", -batch["traj.advantage"] * total, {"total": total.detach()})


class Doubles(TabularPolicy):
    """A tabular policy that asks for whole trajectories, as sequence models do."""

    unit = "traj"


@pytest.mark.parametrize("surrogate", [Reinforce(), PerTrajectory()])
@pytest.mark.parametrize(
    "aggregation", [TokenMean(), SeqMeanTokenSum(), SeqMeanTokenMean(count_empty=True), SumOverLength(5)]
)
def test_micro_batches_do_not_change_the_update(surrogate: Term, aggregation: Any) -> None:
    weights: list[Tensor] = []
    logged: list[dict[str, float]] = []
    for kind in (TabularPolicy, Doubles):
        for micro_batch in (None, 1, 3, 8, 100):
            recipe = reinforce(
                advantage=(GroupCenter(), MaskOdd()),
                objective=Objective(surrogate, aggregation, regularizers=(PerTrajectory(),)),
                update=Update(lr=0.1, micro_batch=micro_batch, epochs=2),
            )
            table = torch.randn(16, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
            trainer, _, [metrics] = steps(recipe, 1, policy=kind(table, critic=False))
            weights.append(logits(trainer))
            logged.append(without_times(metrics))
    for other, metrics in zip(weights[1:], logged[1:], strict=True):
        torch.testing.assert_close(other, weights[0], rtol=1e-9, atol=1e-9)
        assert metrics == pytest.approx(logged[0], rel=1e-6)


def test_masked_actions_are_neither_trained_nor_counted() -> None:
    recipe = reinforce(advantage=(GroupCenter(), MaskOdd()), objective=Objective(Reinforce(), SumOverLength(1)))
    trainer, [batch], _ = steps(recipe, 1)
    trained = batch["token.context"][batch["action.mask"] & (batch["action.advantage"] != 0)]
    grad = trainer.policy.get_parameter("logits").grad
    assert grad is not None
    assert set(grad.abs().sum(1).nonzero()[:, 0].tolist()) == set(trained.tolist())


def test_a_term_whose_rows_could_be_cut_apart_is_refused() -> None:
    @dataclass(frozen=True)
    class Careless(PerTrajectory):
        unit = "action"

    with pytest.raises(GuerdonError, match="Careless gives one loss per traj, so its unit must be 'traj', got 'token'"):
        steps(reinforce(objective=Objective(Careless())), 1)


@pytest.mark.parametrize(("epochs", "parts"), [(1, 1), (3, 1), (1, 4), (2, 3), (1, 100)])
def test_epochs_and_minibatches_are_counted(epochs: int, parts: int) -> None:
    update = Update(epochs=epochs, minibatches=parts)
    trainer, [batch], _ = steps(reinforce(update=update, metrics=()), 1)
    rows = batch.with_columns({"traj.row": torch.arange(batch.size("traj"))})
    used = [part["traj.row"].tolist() for part in minibatches(rows, update, "traj", Stream((0,)))]
    per_epoch = min(parts, 32)
    assert len(used) == epochs * per_epoch
    for epoch in range(epochs):
        seen = used[epoch * per_epoch : (epoch + 1) * per_epoch]
        assert sorted(row for part in seen for row in part) == list(range(32)), "every row once per epoch"
        assert max(map(len, seen)) - min(map(len, seen)) <= 1
    if epochs > 1 and parts > 1:
        assert used[:per_epoch] != used[per_epoch : 2 * per_epoch], "shuffled anew"
    assert trainer.optimizer_steps == epochs * min(parts, batch.size("action"))


@pytest.mark.parametrize(
    ("update", "wanted"),
    [
        (Update(lr=0.4), [0.4, 0.4, 0.4, 0.4]),
        (Update(lr=0.4, warmup=4), [0.1, 0.2, 0.3, 0.4]),
        (Update(lr=0.4, decay="linear"), [0.4, 0.3, 0.2, 0.1]),
        (Update(lr=0.4, decay="cosine"), [0.4, 0.2 + 0.2 * 2**-0.5, 0.2, 0.2 - 0.2 * 2**-0.5]),
        (Update(lr=0.4, decay="linear", warmup=2, epochs=2), [0.4, 0.3, 0.2, 0.1]),
    ],
)
def test_learning_rate_schedules(update: Update, wanted: list[float]) -> None:
    trainer = Trainer(reinforce(update=update), steps=4)
    trainer.optimizer.param_groups[0]["lr_scale"] = 0.5
    rates = []
    for _ in range(4):
        trainer.train_step()
        rates.append(trainer.optimizer.param_groups[0]["lr"] / 0.5)
    assert rates == pytest.approx(wanted)


@dataclass(frozen=True)
class Broken(Transform):
    """Advantages of which one is NaN, from the second step on."""

    reads = ("traj.reward",)
    writes = ("traj.advantage",)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        advantage = torch.ones(batch.size("traj"))
        if batch["run.step"] >= 1:
            advantage[3] = torch.nan
        return {"traj.advantage": advantage}


@dataclass(frozen=True)
class Lose(Transform):
    """Makes every third reward unscored."""

    reads = ("traj.reward/*",)
    writes = ("traj.reward",)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        reward = batch["traj.reward/task"].clone()
        reward[::3] = torch.nan
        return {"traj.reward": reward}


def test_a_loss_that_is_not_finite_stops_the_run_before_the_parameters_change() -> None:
    trainer = Trainer(reinforce(shaping=(Lose(),), advantage=(Broken(),)), steps=3)
    trainer.train_step()
    before = logits(trainer)
    with pytest.raises(RunStopped, match=r"^the loss is nan \(non-finite columns: traj.advantage\); lower update.lr"):
        trainer.train_step()
    assert torch.equal(logits(trainer), before)


def test_a_gradient_that_is_not_finite_stops_the_run_before_the_parameters_change() -> None:
    @dataclass(frozen=True)
    class Kink(Term):
        reads = ("action.advantage", "action.logprob")

        def __call__(self, batch: Batch, state: Any = None) -> RowLoss:
            return RowLoss("action", (batch["action.logprob"] - batch["action.logprob"].detach()).sqrt())

    trainer = Trainer(reinforce(objective=Objective(Kink())), steps=1)
    before = logits(trainer)
    with pytest.raises(RunStopped, match="the gradient norm is nan at loss 0"):
        trainer.train_step()
    assert torch.equal(logits(trainer), before)


def test_an_overflowing_objective_is_told_from_a_bad_column() -> None:
    @dataclass(frozen=True)
    class Overflow(Reinforce):
        def __call__(self, batch: Batch, state: Any = None) -> RowLoss:
            return RowLoss("action", batch["action.logprob"] * 1e38 * 1e38)

    with pytest.raises(RunStopped, match="every column is finite, so the objective overflowed"):
        steps(reinforce(objective=Objective(Overflow())), 1)


def test_unscored_trajectories_contribute_nothing() -> None:
    recipe = reinforce(shaping=(Lose(),), objective=Objective(Reinforce(), SumOverLength(1, per_trajectory=False)))
    _, [batch], [metrics] = steps(recipe, 1)
    scored = batch["traj.reward"].isfinite()
    assert metrics["unscored"] == pytest.approx(11 / 32)
    assert metrics["reward"] == pytest.approx(float(batch["traj.reward"][scored].mean()))
    assert bool((batch["traj.advantage"][~scored] == 0).all()) and bool((batch["traj.advantage"] != 0).any())
    table = torch.zeros(16, 3)
    grads = []
    for part in (batch, batch.select("traj", scored)):
        policy = TabularPolicy(table.clone(), critic=False)
        update = Update(max_grad_norm=None)
        optimizer_step(policy, update.optimizer(policy), recipe.objective, part, update, {})
        grads.append(policy.logits.grad)
    torch.testing.assert_close(grads[0], grads[1])


def test_a_batch_in_which_nothing_is_scored_changes_nothing() -> None:
    @dataclass(frozen=True)
    class LoseAll(Lose):
        def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
            return {"traj.reward": torch.full((batch.size("traj"),), torch.nan)}

    trainer = Trainer(reinforce(shaping=(LoseAll(),)), steps=1)
    before = logits(trainer)
    _, metrics = trainer.train_step()
    assert metrics["unscored"] == 1.0 and "reward" not in metrics and metrics["signal"] == 0.0
    assert torch.equal(logits(trainer), before)


def test_bf16_on_a_cpu_is_fp32() -> None:
    plain = train(reinforce(), steps=3)
    half = train(reinforce(update=Update(precision="bf16")), steps=3)
    assert [without_times(m) for m in plain.metrics] == [without_times(m) for m in half.metrics]


def test_weights_multiply_the_surrogate_and_nothing_else() -> None:
    @dataclass(frozen=True)
    class Half(Weight):
        def __call__(self, batch: Batch) -> Tensor:
            return torch.full((batch.size("action"),), 0.5, requires_grad=True)

    @dataclass(frozen=True)
    class Ones(Term):
        unit = "traj"
        level: str = "action"

        def __call__(self, batch: Batch, state: Any = None) -> RowLoss:
            return RowLoss(self.level, torch.ones(batch.size(self.level), requires_grad=True))

    _, [batch], _ = steps(reinforce(), 1)
    for level in ("action", "token", "traj"):
        objective = Objective(Ones(level), weights=(Half(), Half()), regularizers=(Ones(),))
        loss, _ = objective(objective.prepare(batch), {})
        assert float(loss.detach()) == pytest.approx(0.25 + 1.0)


def test_a_metric_that_is_not_finite_stops_the_run() -> None:
    @dataclass(frozen=True)
    class Bad(Reads):
        def __call__(self, batch: Batch) -> Mapping[str, float]:
            return {"bad": float("nan")}

    with pytest.raises(RunStopped, match="step 1: metric bad is nan"):
        steps(reinforce(metrics=(Bad(),)), 1)


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"lr": 0.0}, "Update.lr must be positive, got 0.0"),
        ({"lr": "fast"}, "Update.lr must be float, got 'fast'"),
        ({"micro_batch": 0}, "Update.micro_batch must be at least 1, got 0"),
        ({"decay": "step"}, "Update.decay must be 'constant' or 'linear' or 'cosine', got 'step'"),
        ({"ema_decay": 1.5}, "Update.ema_decay must lie in 0..1, got 1.5"),
    ],
)
def test_bad_updates(fields: dict[str, Any], wanted: str) -> None:
    with pytest.raises(GuerdonError, match=wanted):
        Update(**fields)


def test_error_columns_of_rewards_are_no_rewards() -> None:
    @dataclass(frozen=True)
    class Errors(Transform):
        writes = ("traj.reward_error",)

        def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
            return {"traj.reward_error": ["timeout"] * batch.size("traj")}

    _, _, [metrics] = steps(reinforce(rewards=(Errors(),)), 1)
    assert [name for name in metrics if name.startswith("reward")] == ["reward", "reward/task"]
