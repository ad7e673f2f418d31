import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.policies.tabular import Tabular
from guerdon.rng import Stream
from guerdon.rollouts.stale import Stale
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.token_tree import TokenTree

STREAM = Stream((0,))


def test_a_share_of_the_trajectories_is_off_by_the_gap_on_every_token():
    task, inner = TokenTree(prompts=10, depth=3), SampleTree(10, 100)
    policy = Tabular(1.0).build(task, frozenset(), STREAM)
    pick = lambda count: list(range(count))  # noqa: E731
    plain, batch = (piece(task, policy, pick, STREAM) for piece in (inner, Stale(inner, 0.2, 5.0)))
    moved = (batch["token.behavior_logprob"] - plain["token.behavior_logprob"]).reshape(-1, 3).round()
    assert bool((moved == moved[:, :1]).all()) and set(moved.unique().tolist()) == {-5.0, 0.0, 5.0}
    assert float((moved[:, 0] != 0).float().mean()) == pytest.approx(0.2, abs=0.04)
    assert 0.35 < float((moved[:, 0] > 0).sum() / (moved[:, 0] != 0).sum()) < 0.65
    assert torch.equal(batch["token.id"], plain["token.id"])
    same = Stale(inner, 0.0)(task, policy, pick, STREAM)
    assert torch.equal(same["token.behavior_logprob"], plain["token.behavior_logprob"])


def test_bad_fields():
    with pytest.raises(GuerdonError, match=r"Stale.share must lie in 0..1, got 2"):
        Stale(share=2.0)
