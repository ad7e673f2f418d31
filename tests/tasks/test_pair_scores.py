import itertools

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.tasks.pair_scores import PairScores


def everything(task):
    """All responses to prompt 0 and their outcomes."""
    tokens = torch.tensor(list(itertools.product(range(task.vocab), repeat=task.depth)))
    prompt = torch.zeros(len(tokens), dtype=torch.int64)
    length = torch.full_like(prompt, task.depth)
    return tokens, task.outcome(prompt, tokens, length, torch.Generator())


@pytest.mark.parametrize("bonus", [0.1, 2.0])
def test_the_best_response_scores_one(bonus):
    _, got = everything(PairScores(vocab=3, depth=3, bonus=bonus))
    assert float(torch.as_tensor(got["traj.reward/task"]).max()) == pytest.approx(1.0)


def test_the_expectation_is_the_mean_over_responses():
    task = PairScores(vocab=3, depth=3)
    tokens, got = everything(task)
    chances = torch.rand((1, 3, 3), generator=torch.Generator().manual_seed(0)).softmax(2)
    weight = chances[0, torch.arange(3), tokens].prod(1)
    want = float((weight * torch.as_tensor(got["traj.reward/task"])).sum())
    assert float(task.expected(chances)[0]) == pytest.approx(want)


def test_partial_scores_by_hand():
    task = PairScores(vocab=2, depth=2, bonus=1.0)
    scores, places, wanted = task.tables()
    tokens = torch.zeros((1, 2), dtype=torch.int64).scatter(1, places, wanted)
    zero = torch.zeros(1, dtype=torch.int64)
    got = torch.as_tensor(task.outcome(zero, tokens, zero + 2, torch.Generator())["traj.partial_scores"])
    # Both tokens are the pair: worth nothing alone, the bonus together.
    assert (got * task.best())[0].tolist() == pytest.approx([0.0, 0.0, 0.0, 1.0])
    other = torch.as_tensor(task.outcome(zero, 1 - tokens, zero + 2, torch.Generator())["traj.partial_scores"])
    own = scores[0, torch.arange(2), 1 - tokens[0]]
    assert (other * task.best())[0].tolist() == pytest.approx([0.0, float(own[0]), float(own[1]), float(own.sum())])


def test_bad_settings_are_refused():
    with pytest.raises(GuerdonError, match=r"depth in 2\.\.12"):
        PairScores(depth=13)
