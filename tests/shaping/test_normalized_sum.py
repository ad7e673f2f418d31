"""Both modes against the formulas written out, on ragged groups."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import batch_of
from toys import Reinforce

from guerdon.objective import Objective
from guerdon.objectives.aggregation import TokenMean
from guerdon.recipe import Recipe
from guerdon.serial import from_json, to_json
from guerdon.shaping.normalized_sum import EPS, normalize_then_sum, sum_then_normalize

WEIGHTS = {"a": 1.0, "b": 0.5}


def advantage(slots, groups, a, b):
    columns = {"traj.reward/a": torch.tensor(a, dtype=torch.float64), "traj.reward/b": torch.tensor(b).double()}
    batch = batch_of(groups, columns=columns)
    for piece in (*slots["shaping"], *slots["advantage"]):
        batch = batch.with_columns(piece(batch))
    assert batch.names("traj", "reward/") == ["reward/a", "reward/b"]
    return batch["traj.advantage"], batch


def standardized(values, groups):
    """``(x - mean) / (std + eps)`` per group, 0 for a group of one."""
    parts = []
    for part in torch.split(values, groups):
        std = part.std() if len(part) > 1 else torch.zeros(())
        parts.append((part - part.mean()) / (std + EPS))
    return torch.cat(parts)


@st.composite
def groups_of_rewards(draw):
    groups = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    number = st.sampled_from([0.0, 1.0, 0.25, -2.0, 7.0])
    rows = [draw(st.lists(number, min_size=sum(groups), max_size=sum(groups))) for _ in range(2)]
    return groups, *rows


@settings(max_examples=60)
@given(groups_of_rewards())
def test_sum_then_normalize_is_the_formula(case):
    groups, a, b = case
    expected = standardized(torch.tensor(a).double() + 0.5 * torch.tensor(b).double(), groups)
    torch.testing.assert_close(advantage(sum_then_normalize(WEIGHTS), *case)[0], expected)


@settings(max_examples=60)
@given(groups_of_rewards())
def test_normalize_then_sum_is_the_formula(case):
    groups, a, b = case
    total = standardized(torch.tensor(a).double(), groups) + 0.5 * standardized(torch.tensor(b).double(), groups)
    expected = standardized(total, [len(total)])
    torch.testing.assert_close(advantage(normalize_then_sum(WEIGHTS), *case)[0], expected)


def test_they_differ_in_who_decides():
    """b's spread is 100 times a's: it decides the sum, and has half a say where each is standardised."""
    case = ([2, 2], [1.0, 0.0, 1.0, 0.0], [0.0, 100.0, 0.0, 100.0])
    first, second = (advantage(mode(WEIGHTS), *case)[0] for mode in (sum_then_normalize, normalize_then_sum))
    assert first.sign().tolist() == [-1, 1, -1, 1] and second.sign().tolist() == [1, -1, 1, -1]


@pytest.mark.parametrize("mode", [sum_then_normalize, normalize_then_sum])
def test_a_response_that_lacks_a_component_is_unscored_and_gets_0(mode):
    out, batch = advantage(mode(), [3, 2], [1.0, math.nan, 0.0, 1.0, 0.0], [1.0, 1.0, 0.0, 0.0, 0.5])
    assert batch["traj.reward"].isnan().tolist() == [False, True, False, False, False]
    assert bool(out.isfinite().all()) and out[1] == 0
    assert float(out.sum()) == pytest.approx(0.0, abs=1e-9)


def test_its_other_components_still_count_in_their_own_statistics():
    _, batch = advantage(normalize_then_sum(), [3], [1.0, math.nan, 0.0], [1.0, 1.0, 0.0])
    spread = torch.tensor([1.0, 1.0, 0.0]).double().std()
    assert float(batch["traj.standardized/b"][0]) == pytest.approx(float((1 / 3) / (spread + EPS)))


@pytest.mark.parametrize("mode", [sum_then_normalize, normalize_then_sum])
def test_it_fits_a_recipe(mode):
    recipe = Recipe(**mode(WEIGHTS), objective=Objective(Reinforce(), TokenMean()))
    assert recipe.check() == []
    recipe = Recipe(**mode(), objective=Objective(Reinforce(), TokenMean()))
    assert [to_json(piece) for piece in from_json(to_json(recipe.shaping))] == to_json(recipe.shaping)
