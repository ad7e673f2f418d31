import math
from dataclasses import replace

import pytest
from hypothesis import given
from shaping.components import NAN, combined, lost, rewards, tables
from toys import GroupCenter, Moves, Reinforce

from guerdon.errors import GuerdonError
from guerdon.objective import Objective
from guerdon.objectives.aggregation import TokenMean
from guerdon.recipe import Recipe
from guerdon.rollouts.tabular import SampleTree
from guerdon.shaping.choose import Choose
from guerdon.shaping.weighted_sum import WeightedSum


def test_a_gate():
    batch = rewards(right=[1.0, 0.0, 1.0, NAN, 0.0], style=[0.3, 0.9, NAN, 0.5, NAN])
    out = combined(Choose("right", "style"), batch)
    assert out == pytest.approx([0.3, 0.0, NAN, NAN, NAN], nan_ok=True)
    out = combined(Choose("right", "style", lazy=True), batch)
    assert out == pytest.approx([0.3, 0.0, NAN, NAN, 0.0], nan_ok=True)


def test_limits_and_other_branches():
    batch = rewards(x=[-1.0, 0.0, 0.5, 1.0], y=[1.0, 2.0, 3.0, 4.0])
    assert combined(Choose("x", "y", -1.0, low=0.0, high=1.0), batch) == [-1.0, 2.0, 3.0, -1.0]
    assert combined(Choose("x", 7.0, "y", low=None, high=0.0), batch) == [7.0, 2.0, 3.0, 4.0]


def test_a_tree_keeps_every_component_and_may_be_summed():
    """Right: 1 plus style. Wrong: half the effort, if the format holds, else -1."""
    batch = rewards(right=[1.0, 0.0, 0.0], form=[1.0, 1.0, 0.0], style=[0.2, 0.9, 0.9], effort=[0.0, 0.6, 0.6])
    tree = (
        WeightedSum({"right": 1.0, "style": 1.0}, others=0.0, output="traj.good"),
        WeightedSum({"effort": 0.5}, others=0.0, output="traj.tried"),
        Choose("form", "traj.tried", -1.0, output="traj.bad"),
        Choose("right", "traj.good", "traj.bad"),
    )
    for piece in tree:
        batch = batch.with_columns(piece(batch))
    assert batch["traj.reward"].tolist() == pytest.approx([1.2, 0.3, -1.0])
    assert batch.names("traj", "reward/") == ["reward/effort", "reward/form", "reward/right", "reward/style"]


def test_a_tree_in_a_recipe_leaves_nothing_to_warn_of():
    tree = (
        WeightedSum({"right": 1.0, "style": 1.0}, others=0.0, output="traj.good"),
        Choose("form", "effort", -1.0, output="traj.bad"),
        Choose("right", "traj.good", "traj.bad"),
    )
    recipe = Recipe(
        rollout=SampleTree(),
        rewards=tuple(Moves(writes=(f"traj.reward/{name}",)) for name in ("right", "style", "form", "effort")),
        shaping=tree,
        advantage=(GroupCenter(),),
        objective=Objective(Reinforce(), TokenMean()),
    )
    assert recipe.check() == []
    with pytest.raises(GuerdonError, match=r"shaping\.1 \(Choose\) reads 'traj\.bad', which nothing upstream writes"):
        replace(recipe, shaping=(tree[0], tree[2], tree[1])).check()


@given(tables("xab"))
def test_the_branch_taken_is_given_or_nothing(batch):
    out = combined(Choose("x", "a", "b", low=0.0), batch)
    columns = (batch[f"traj.reward/{name}"].tolist() for name in "xab")
    for value, x, a, b, gone in zip(out, *columns, lost(batch, "xab"), strict=True):
        assert math.isnan(value) if gone else value == (a if x >= 0 else b)


def test_refused():
    with pytest.raises(GuerdonError, match="got None twice"):
        Choose("a", "b", low=None)
    with pytest.raises(GuerdonError, match=r"low must be below high, got 0\.5 and 0\.5"):
        Choose("a", "b", high=0.5)
    with pytest.raises(GuerdonError, match=r"of its own, got traj\.reward/b"):
        Choose("a", "b", output="traj.reward/b")
