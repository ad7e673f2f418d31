import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.rng import Stream
from guerdon.tasks.points import Points


def test_each_prompt_draws_around_its_own_center():
    task = Points(centers=((0.0, 5.0), (-3.0, 0.0)), std=0.1, conditional=True)
    assert (task.size("train"), task.dimension) == (2, 2)
    problem = torch.tensor([0, 1]).repeat(5000)
    sample = task.sample(problem, Stream((0,)).generator())
    for number, center in enumerate(task.centers):
        mine = sample[problem == number]
        torch.testing.assert_close(mine.mean(0), torch.tensor(center), atol=0.01, rtol=0)
        torch.testing.assert_close(mine.std(0), torch.full((2,), 0.1), atol=0.01, rtol=0)


def test_one_prompt_draws_from_the_whole_mixture():
    task = Points(centers=((-2.0,), (2.0,)), std=0.0)
    sample = task.sample(torch.zeros(1000, dtype=torch.int64), Stream((0,)).generator())
    assert task.size("train") == 1 and set(sample[:, 0].tolist()) == {-2.0, 2.0}
    assert 400 < int((sample > 0).sum()) < 600


def test_centers_of_two_dimensions_are_refused():
    with pytest.raises(GuerdonError, match="one dimension"):
        Points(centers=((0.0,), (1.0, 2.0)))
