import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.policies.linear import Linear
from guerdon.rng import Stream
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.typed_actions import TypedActions

TASK = TypedActions(states=4, kinds=3, width=2)


def test_parts_pay():
    every = torch.cartesian_prod(torch.arange(3), torch.arange(3))
    prompt, length = torch.zeros(9, dtype=torch.int64), torch.full((9,), 2)
    paid = TASK.outcome(prompt, every, length, torch.Generator())["traj.reward/task"]
    assert sorted(round(x, 4) for x in paid.tolist()) == [0.1] * 6 + [0.4] * 2 + [1.0]
    binary = TypedActions(states=4, kinds=3, width=2, binary=True)
    assert torch.equal(
        binary.outcome(prompt, every, length, torch.Generator())["traj.reward/task"], (paid > 0.9).float()
    )


def test_the_parameter_sees_the_kind():
    features = TASK.features()
    assert features.shape == (TASK.contexts, 6 * 4 // 3) and TASK.contexts == 32
    phi = features[2, :2]
    row = TASK.context(torch.tensor([2]), torch.tensor([[1]]))
    assert features[row][0].tolist() == [0, 0, 0, 0, *phi.tolist(), 0, 0] and bool(phi.any())


def test_the_exact_chance_is_what_sampling_gives():
    policy = Linear().build(TASK, frozenset(), Stream((0,)))
    assert TASK.accuracy(policy.rows(torch.arange(32)).detach()) == pytest.approx(1 / 9)
    with torch.no_grad():
        policy.weights.copy_(torch.randn(policy.weights.shape, generator=torch.Generator().manual_seed(0)))
    exact = TASK.accuracy(policy.rows(torch.arange(32)).detach())
    pick = lambda count: [4, 5, 6, 7][:count]  # noqa: E731
    batch = SampleTree(4, 3000)(TypedActions(4, 3, 2, binary=True), policy, pick, Stream((1,)))
    assert float(batch["traj.reward/task"].mean()) == pytest.approx(exact, abs=0.02)


def test_bad_fields():
    with pytest.raises(GuerdonError, match="weights of 0 or more"):
        TypedActions(weights=(-1.0, 0.0, 0.0))
