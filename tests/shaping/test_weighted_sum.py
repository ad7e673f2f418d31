"""The weighted sum of reward components."""

import math

import pytest
import torch

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.serial import from_json, to_json
from guerdon.shaping.schedule import Schedule
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


def test_only_the_named_ones_and_a_column_of_its_own():
    scores = batch(a=[1.0, 2.0], b=[1.0, math.nan])
    assert WeightedSum({"a": 3.0}, others=0.0, output="traj.part")(scores)["traj.part"].tolist() == [3.0, 6.0]
    other = scores.with_columns({"traj.scaled/a": torch.tensor([5.0, 6.0])})
    assert WeightedSum({"a": 2.0}, of="traj.scaled/*")(other)["traj.reward"].tolist() == [10.0, 12.0]
    with pytest.raises(GuerdonError, match=r"WeightedSum\.of must end with /\* and not fit output"):
        WeightedSum(of="traj.reward")
    with pytest.raises(GuerdonError, match="not fit output"):
        WeightedSum(output="traj.reward/all")


def test_weights_that_change_during_the_run():
    fade = Schedule(((0.0, 1.0), (1.0, 0.0)))
    late = Schedule(((0, 0.0), (10, 1.0)), "step", by="step")
    piece = WeightedSum({"b": 2.0}, {"a": fade, "b": late})
    assert piece.reads == ("traj.reward/*", "run.progress", "run.step")
    scores = batch(a=[1.0, 0.0], b=[0.5, 2.0])
    assert piece(scores.with_run(step=0, progress=0.0))["traj.reward"].tolist() == [1.0, 0.0]
    assert piece(scores.with_run(step=10, progress=0.25))["traj.reward"].tolist() == [1.75, 4.0]
    unscored = batch(a=[math.nan, 1.0], b=[1.0, 1.0]).with_run(step=10, progress=1.0)
    assert piece(unscored)["traj.reward"].tolist() == [2.0, 2.0]
    assert from_json(to_json(piece)) == piece
    with pytest.raises(GuerdonError, match="got c"):
        WeightedSum(schedules={"c": fade})(scores)
