"""The weighted sum of reward components."""

import math

import pytest
import torch

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.shaping.weighted_sum import WeightedSum


def batch(**components: list[float]) -> Batch:
    rows = torch.arange(2)
    columns = {f"traj.reward/{name}": torch.tensor(values) for name, values in components.items()}
    return Batch.build(columns, traj_of_step=rows, group_of_traj=rows)


@pytest.mark.parametrize(
    ("weights", "reward"),
    [({}, [1.5, 2.0]), ({"b": 2.0}, [2.0, 4.0]), ({"a": 0.0}, [0.5, 2.0]), ({"a": -1.0, "b": 0.0}, [-1.0, 0.0])],
)
def test_components_are_added_by_weight(weights, reward):
    assert WeightedSum(weights)(batch(a=[1.0, 0.0], b=[0.5, 2.0]))["traj.reward"].tolist() == reward


def test_an_unscored_component_makes_the_trajectory_unscored_unless_it_weighs_nothing():
    scores = batch(a=[1.0, math.nan], b=[1.0, 1.0])
    assert WeightedSum()(scores)["traj.reward"].isnan().tolist() == [False, True]
    assert WeightedSum({"a": 0.0})(scores)["traj.reward"].tolist() == [1.0, 1.0]


def test_where_every_weight_is_0_the_reward_is_0():
    assert WeightedSum({"a": 0.0})(batch(a=[1.0, 2.0]))["traj.reward"].tolist() == [0.0, 0.0]


def test_the_type_is_that_of_the_components():
    doubles = batch(a=[1.0, 2.0]).with_columns({"traj.reward/a": torch.ones(2, dtype=torch.float64)})
    assert WeightedSum()(doubles)["traj.reward"].dtype == torch.float64


@pytest.mark.parametrize("components", [{}, {"b": [1.0, 1.0]}])
def test_a_weight_for_a_component_that_is_not_there_is_refused(components):
    with pytest.raises(
        GuerdonError, match=r"WeightedSum.weights must name reward components of the batch \((b|none)\), got a"
    ):
        WeightedSum({"a": 1.0})(batch(**components))
