import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.solvers.embedded_chain import EmbeddedChain


def test_without_nuisance_the_ends_are_the_prompts():
    task = EmbeddedChain(states=3, nuisance=0.0)
    goal, base = task.prompts()
    torch.testing.assert_close(task.pictures()[[0, 2]], torch.cat([base, goal]))
    assert task.progress.tolist() == [0.0, 0.5, 1.0]
    assert torch.equal(EmbeddedChain().pictures(), EmbeddedChain().pictures())
    assert not torch.equal(EmbeddedChain().pictures(), EmbeddedChain(seed=1).pictures())


def test_the_best_walk_for_progress_goes_right_and_for_its_opposite_left():
    task = EmbeddedChain(states=5)
    for sign, action, share in ((1, 1, 1.0), (-1, 0, 0.0)):
        policy = task.mdp(sign * task.progress).optimal_q().argmax(1)
        assert set(policy[1:-1].tolist()) == {action} and task.reaches_goal(policy) == share


def test_bad_sizes():
    with pytest.raises(GuerdonError, match="at least 2 states"):
        EmbeddedChain(states=1)
