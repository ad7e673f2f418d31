import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import batch_of
from torch.nn import functional

from guerdon.errors import GuerdonError
from guerdon.rewards.projected_similarity import ProjectedSimilarity, projected_similarity


def drawn(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(st.integers(0, 999), st.floats(0, 1))
def test_the_goal_itself_earns_1_and_alpha_0_is_the_cosine(seed, alpha):
    pictures, goal, baseline = drawn(seed, 5, 6), drawn(seed + 1, 1, 6), drawn(seed + 2, 1, 6)
    assert float(projected_similarity(goal, goal, baseline, alpha)) == pytest.approx(1.0)
    cosine = functional.cosine_similarity(pictures, goal)
    torch.testing.assert_close(projected_similarity(pictures, goal, baseline, 0.0), cosine)


@given(st.integers(0, 999))
def test_alpha_1_does_not_see_what_is_orthogonal_to_the_line(seed):
    goals, baselines = functional.normalize(drawn(seed, 2, 6)), functional.normalize(drawn(seed + 1, 3, 6))
    line = goals.mean(0) - baselines.mean(0)
    one = functional.normalize(drawn(seed + 2, 1, 6))
    # Another unit vector with the same coordinate along the line: reflect what is orthogonal to it.
    along = (one @ line / line.square().sum())[:, None] * line
    both = torch.cat([one, 2 * along - one])
    first, second = projected_similarity(both, goals, baselines, 1.0)
    assert float(first) == pytest.approx(float(second))
    low, high = projected_similarity(both, goals, baselines, 0.0)
    assert float(low) != pytest.approx(float(high), abs=1e-6)


def test_by_hand_in_the_plane():
    # g = (1, 0), b = (0, 1), x = (-1, 0): x - g = (-2, 0), its part along d = (1, -1) is (-1, 1).
    x, g, b = ([[-1.0, 0.0]], [[1.0, 0.0]], [[0.0, 1.0]])
    half = projected_similarity(*map(torch.tensor, (x, g, b)), 0.5)  # P (x - g) = (-1.5, 0.5)
    assert float(half) == pytest.approx(1 - 2.5 / 2)
    assert float(projected_similarity(*map(torch.tensor, (x, g, b)), 1.0)) == pytest.approx(0.0)


def test_the_piece_leaves_pictures_without_an_embedding_unscored():
    piece = ProjectedSimilarity(goals=((1.0, 0.0),), baselines=((0.0, 1.0),), alpha=0.0)
    pictures = torch.tensor([[2.0, 0.0], [0.0, 0.0], [math.nan, 1.0]])
    out = piece(batch_of([1], [3], columns={"step.embedding": pictures}))["step.reward"].tolist()
    assert out == pytest.approx([1.0, math.nan, math.nan], nan_ok=True)


def test_bad_input():
    with pytest.raises(GuerdonError, match=r"alpha must lie in 0\.\.1, got 2"):
        ProjectedSimilarity(((1.0,),), ((2.0,),), alpha=2.0)
    with pytest.raises(GuerdonError, match="of one length"):
        ProjectedSimilarity(((1.0,),), ((2.0, 1.0),))
    with pytest.raises(GuerdonError, match="must be of the level"):
        ProjectedSimilarity(((1.0,),), ((2.0,),), output="traj.reward/x")
    same = ProjectedSimilarity(((1.0, 0.0),), ((2.0, 0.0),))
    with pytest.raises(GuerdonError, match="different embeddings"):
        same(batch_of([1], columns={"step.embedding": torch.ones(1, 2)}))
