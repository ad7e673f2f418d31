"""Texts, what they state and how they flatter."""

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.rng import Stream
from guerdon.tasks.praised_writing import PraisedWriting

NAMES = ("task", "facts", "right", "tone", "sober")


def outcome(task, tokens):
    prompt, rows = torch.zeros(1, dtype=torch.int64), torch.tensor([tokens])
    got = task.outcome(prompt, rows, torch.tensor([len(tokens)]), Stream((0,)).generator())
    return [got[f"traj.reward/{name}"].item() for name in NAMES]


def test_criteria():
    task = PraisedWriting()
    a, b, c = task.wanted()[0].nonzero()[:, 0].tolist()
    other = (~task.wanted()[0]).nonzero()[0, 0].item()
    praise, nothing = 6, 9
    assert outcome(task, [a, b, c, nothing, nothing, praise]) == [1, 1, 1, 0.25, 1]
    assert outcome(task, [a, a, other, nothing, praise, praise + 2]) == pytest.approx([1 / 6, 1 / 3, 0.5, 0.5, 0])
    assert outcome(task, [praise] * 6) == [0, 0, 1, 1, 0]
    assert outcome(task, [nothing] * 6) == [0, 0, 1, 0, 1]


def test_each_prompt_asks_for_its_own_facts():
    wanted = PraisedWriting(prompts=40).wanted()
    assert wanted.sum(1).tolist() == [3] * 40 and len({tuple(row) for row in wanted.tolist()}) > 5
    assert not torch.equal(PraisedWriting(prompts=40, seed=1).wanted(), wanted)


def test_bad_fields():
    with pytest.raises(GuerdonError, match="at most facts and depth, got 7"):
        PraisedWriting(asked=7)
    with pytest.raises(GuerdonError, match="positive sizes"):
        PraisedWriting(warm=0)
