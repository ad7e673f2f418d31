"""Runs that really collapse, and runs that only look like it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from guerdon import Objective, Recipe, Update, train
from guerdon.advantages.standardize import Standardize
from guerdon.batch import Batch, Column
from guerdon.errors import RunStopped
from guerdon.health import SYMPTOMS, Health
from guerdon.objectives.entropy import EntropyBonus
from guerdon.objectives.reinforce import Reinforce
from guerdon.papers._chain import chain
from guerdon.papers.grpo_lambda import compose as grpo
from guerdon.piece import Metric, Transform
from guerdon.policies.tabular import Tabular
from guerdon.rollouts.tabular import SampleTree
from guerdon.shaping.relative_length import RelativeLength
from guerdon.tasks.token_tree import TokenTree

TREE = TokenTree(prompts=4, vocab=4)


@dataclass(frozen=True)
class Entropy(Metric):
    """The policy's entropy, whatever the objective reads."""

    reads = ("action.old_entropy",)

    def __call__(self, batch: Batch) -> Mapping[str, float]:
        return {"entropy": float(batch["action.old_entropy"].mean())}


@dataclass(frozen=True)
class Constant(Transform):
    """A reward that says nothing."""

    value: float
    reads = ("group.problem_id",)
    writes = ("traj.reward/task",)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        return {"traj.reward/task": torch.full((batch.size("traj"),), self.value)}


def recipe(**changes: Any) -> Recipe:
    options = {
        "task": TREE,
        "policy": Tabular(),
        "rollout": SampleTree(prompts=4, samples_per_prompt=8),
        "advantage": (Standardize(),),
        "objective": Objective(Reinforce()),
        "update": Update(lr=0.5),
        "metrics": (Entropy(),),
    }
    return Recipe(**{**options, **changes})


def test_a_policy_driven_into_one_wrong_answer_is_stopped():
    collapse = Objective(Reinforce(), regularizers=(EntropyBonus(-5.0),))
    with pytest.raises(RunStopped, match=r"step \d+: for 20 steps the entropy was about 0 and no group had two"):
        train(recipe(objective=collapse, task=TokenTree(prompts=4, vocab=8, depth=3), policy=Tabular(0.5)), steps=90)


def test_a_reward_that_says_nothing_is_stopped():
    with pytest.raises(RunStopped, match=r"step 100: the gradient was 0 for 100 steps \(mean reward 0\)"):
        train(recipe(rewards=(Constant(0.0),), update=Update(lr=0.5)), steps=150)


def test_a_reward_that_always_fails_is_stopped():
    with pytest.raises(RunStopped, match=r"step 20: no trajectory could be scored for 20 steps"):
        train(recipe(rewards=(Constant(float("nan")),)), steps=150)


def test_a_solved_task_is_not_a_collapse():
    result = train(recipe(), steps=300)
    assert result.metrics[-1]["reward"] == 1.0 and result.metrics[-1]["entropy"] < 1e-3
    assert sum(metrics["signal"] == 0 for metrics in result.metrics) > 100


def test_a_single_sample_per_prompt_is_never_called_without_signal():
    health = Health(patience=2)
    for step in range(20):
        health.look(step, {"signal": 0.0, "entropy": 0.0, "reward": -1.0, "trajectories": 8.0, "groups": 8.0})


def test_the_entropy_of_a_density_may_be_negative():
    health = Health(patience=2)
    for step in range(20):
        health.look(step, {"signal": 0.0, "entropy": -3.0, "reward": -1.0, "trajectories": 8.0, "groups": 2.0})


def test_a_symptom_must_last_without_a_break():
    health, bad, good = Health(patience=3), {"length": 0.0}, {"length": 1.0}
    for step, metrics in enumerate([bad, bad, good, bad, bad]):
        health.look(step, metrics)
    with pytest.raises(RunStopped, match="step 5: every response was empty for 3 steps"):
        health.look(5, bad)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_metric_that_is_not_finite_is_named(value):
    with pytest.raises(RunStopped, match="step 7: metric kl is"):
        Health().look(7, {"reward": 1.0, "kl": value})


def test_losing_what_was_gained_counts_as_unsolved():
    health = Health(patience=2)
    stuck = {"signal": 0.0, "entropy": 0.0, "trajectories": 8.0, "groups": 2.0}
    for step, reward in enumerate([0.1, 0.9, 0.9, 0.9]):
        health.look(step, {**stuck, "reward": reward})
    health.look(4, {**stuck, "reward": 0.2})
    with pytest.raises(RunStopped, match=r"mean reward 0\.2"):
        health.look(5, {**stuck, "reward": 0.2})


def test_a_resumed_run_counts_on():
    health, other = Health(patience=3), Health(patience=3)
    for step in range(2):
        health.look(step, {"unscored": 1.0, "reward": 0.5})
    other.load_state_dict(health.state_dict())
    assert other == health and set(other.lasted) == set(SYMPTOMS)
    with pytest.raises(RunStopped):
        other.look(2, {"unscored": 1.0})


class TestPunished:
    def test_it_is_said_once_and_stops_nothing(self):
        health, said = Health(patience=3), []
        shares = [0.5, 0.5, 0.05, 0.5, 0.5, 0.5, 0.5, 0.0, 0.5, 0.5, 0.5]
        for step, share in enumerate(shares):
            said += health.look(step, {"right_punished": share, "reward": 0.25})
        assert len(said) == 1
        assert said[0].startswith("step 5: for 3 steps more than a tenth of the right answers had a negative advantage")
        assert "mean reward 0.25" in said[0]

    def test_a_resumed_run_does_not_say_it_again(self):
        health, other = Health(patience=2), Health(patience=2)
        for step in range(2):
            health.look(step, {"right_punished": 1.0})
        other.load_state_dict(health.state_dict())
        assert other == health
        for share in (0.0, 1.0, 1.0):
            assert other.look(2, {"right_punished": share}) == []

    def test_a_checkpoint_of_before_there_was_the_symptom(self):
        state = Health().state_dict()
        old = {"lasted": {"unscored": 1}, "first_reward": None, "best_reward": None}
        health = Health()
        health.load_state_dict(old)
        assert health.lasted == {**state["lasted"], "unscored": 1} and health.said == []

    def test_a_length_penalty_that_costs_more_than_it_should_is_noticed(self):
        """Right but long responses fall below the group's mean where the penalty is strong, and not where it is weak."""
        plain = chain(grpo())
        strong = chain(grpo(RelativeLength(0.9)))
        noticed = train(strong, steps=22).noticed
        assert len(noticed) == 1 and "push right answers down" in noticed[0]
        result = train(plain, steps=22)
        assert result.noticed == [] and {m.get("right_punished", 0.0) for m in result.metrics} == {0.0}
