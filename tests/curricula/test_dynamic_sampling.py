import math

import pytest

from guerdon import Objective, Recipe, train
from guerdon.advantages.standardize import Standardize
from guerdon.curricula.dynamic_sampling import DynamicSampling
from guerdon.errors import RunStopped
from guerdon.objectives.reinforce import Reinforce
from guerdon.papers._bench import ragged
from guerdon.policies.tabular import Tabular
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.token_tree import TokenTree

NAN = math.nan


@pytest.mark.parametrize(
    ("group", "kept"),
    [([1, 1], False), ([0, 1], True), ([0, 0, 0], False), ([5], True), ([NAN, 1], False), ([NAN], False),
     ([NAN, 1, 0], True), ([0.1, 0.1, 0.1], False)],
)  # fmt: skip
def test_golden(group, kept):
    assert DynamicSampling()(ragged([group, [1, 0]])).tolist() == [kept, True]


def test_another_metric():
    batch = ragged([[0.3, 0.7]], columns={"traj.reward/accuracy": [1.0, 1.0]})
    assert DynamicSampling("traj.reward/accuracy")(batch).tolist() == [False]


def test_a_hopeless_task_stops_instead_of_looping():
    recipe = Recipe(
        task=TokenTree(correct=0),
        policy=Tabular(),
        rollout=SampleTree(),
        filters=(DynamicSampling(),),
        advantage=(Standardize(),),
        objective=Objective(Reinforce()),
    )
    with pytest.raises(RunStopped, match="the filters rejected every group of 8 rollouts"):
        train(recipe, steps=1)
