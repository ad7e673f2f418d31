import dataclasses
import math

import pytest

from guerdon import Objective, Recipe, Update
from guerdon.advantages.standardize import Standardize
from guerdon.errors import RunStopped
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.papers._proxy import compare, expected, finals, judge, last, solved
from guerdon.policies.tabular import Tabular
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.token_tree import TokenTree

RECIPE = Recipe(
    task=TokenTree(prompts=4),
    policy=Tabular(),
    rollout=SampleTree(prompts=4),
    advantage=(Standardize(),),
    objective=Objective(PPOClip()),
    update=Update(lr=0.1),
)


def test_finals_train_one_run_per_seed_on_a_task_of_its_own() -> None:
    exact = finals(RECIPE, 40, solved(), seeds=(0, 1))
    logged = finals(RECIPE, 40, last("reward", 1), seeds=(0, 1))
    assert all(value > 0.6 for value in exact) and len(set(exact)) == 2
    assert logged == pytest.approx(exact, abs=0.3)
    assert finals(RECIPE, 40, solved(), seeds=(0, 1)) == exact


def test_a_run_that_learns_nothing_is_measured_only_where_that_is_asked_for() -> None:
    hopeless = dataclasses.replace(RECIPE, task=TokenTree(prompts=4, correct=0))
    with pytest.raises(RunStopped):
        finals(hopeless, 120, solved(), seeds=(0,))
    assert finals(hopeless, 120, solved(), seeds=(0,), stops=True) == [0.0]


def test_an_expected_table_is_that_of_the_policy() -> None:
    right = expected(lambda task: task.rewards())
    assert finals(RECIPE, 0, right, seeds=(0,)) == pytest.approx([0.25])
    assert finals(RECIPE, 20, right, seeds=(0, 1)) == pytest.approx(finals(RECIPE, 20, solved(), seeds=(0, 1)))


def test_compare_is_paired_and_signed() -> None:
    evidence = compare([3.0, 4.0, 5.0], [1.0, 2.0, 3.0], "points")
    assert (
        evidence.value == 2.0 and evidence.interval == (2.0, 2.0) and evidence.verdict == "confirmed" and evidence.holds
    )
    assert compare([3.0, 4.0], [1.0, 2.0], "loss", lower=True).verdict == "contradicted"
    assert "3.5 against 1.5, 2 paired seeds" in compare([3.0, 4.0], [1.0, 2.0], "points").note


def test_the_verdict_claims_no_more_than_the_interval() -> None:
    assert judge((0.1, 0.4)) == "confirmed"
    assert judge((0.1, 0.4), margin=0.2) == "not seen at this scale"
    assert judge((-0.1, 0.4)) == "not seen at this scale"
    assert judge((-0.4, -0.1)) == "contradicted"
    assert judge((-math.inf, math.inf)) == "not seen at this scale"
