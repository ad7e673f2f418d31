import pytest
import torch

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.policies.flow import Flow, FlowPolicy, pick
from guerdon.rng import Stream
from guerdon.rollouts.construct import Construct
from guerdon.tasks.hypergrid import HyperGrid

GRID = HyperGrid(side=3)


def built(spec: Flow) -> tuple[FlowPolicy, Batch]:
    policy = spec.build(GRID, frozenset(), Stream((0,)))
    return policy, Construct(samples_per_problem=64)(GRID, policy, lambda count: [0] * count, Stream((1,)))


@pytest.mark.parametrize("spec", [Flow(), Flow(hidden=(8,)), Flow(hidden=(8,), learned_backward=True)])
def test_starts_uniform_over_what_is_allowed(spec: Flow):
    policy, _ = built(spec)
    state = torch.tensor([[0, 0], [2, 0], [2, 2]])
    expected = torch.tensor([[1 / 3, 1 / 3, 1 / 3], [0, 1 / 2, 1 / 2], [0, 0, 1]])
    torch.testing.assert_close(policy.forward_logprobs(state).exp(), expected)
    back = policy.backward_logprobs(torch.tensor([[1, 1], [0, 2]])).exp()
    torch.testing.assert_close(back, torch.tensor([[0.5, 0.5, 0], [0, 1, 0]]))


def test_columns_by_hand():
    policy, batch = built(Flow(init_log_z=1.5))
    out = policy.evaluate(batch, policy.provides)
    exits, after = batch["step.terminated"], batch["step.next_observation"]
    both = (after > 0).all(1) & ~exits
    expected = torch.where(both, torch.tensor(0.5).log(), torch.tensor(0.0))  # one parent: log 1; exits: 0
    torch.testing.assert_close(out["action.backward_logprob"], expected)
    allowed = 1.0 + (batch["step.observation"] < 2).sum(1)
    torch.testing.assert_close(out["action.logprob"], -allowed.log())
    assert out["group.log_z"].tolist() == [1.5]


@pytest.mark.parametrize("hidden", [(), (8,)])
def test_every_parameter_gets_a_finite_gradient_even_when_objects_exit_at_the_start(hidden: tuple[int, ...]):
    policy, batch = built(Flow(hidden=hidden, learned_backward=True))
    first_exits = batch["step.terminated"] & (batch["step.observation"] == 0).all(1)
    assert bool(first_exits.any())
    out = policy.evaluate(batch, policy.provides)
    sum(column.sum() for column in out.values()).backward()
    for name, parameter in policy.named_parameters():
        assert parameter.grad is not None and bool(parameter.grad.isfinite().all()), name


def test_only_what_is_wanted_is_computed():
    policy, batch = built(Flow())
    assert set(policy.evaluate(batch, frozenset({"action.logprob"}))) == {"action.logprob"}


def test_log_z_has_its_own_learning_rate():
    policy, _ = built(Flow(learned_backward=True, log_z_lr_scale=30.0))
    networks, log_z = policy.parameter_groups()
    assert len(networks["params"]) == 2 and networks["lr_scale"] == 1.0
    assert log_z == {"params": [policy.log_z], "lr_scale": 30.0}


def test_a_state_without_actions_is_named():
    class Stuck(HyperGrid):
        def allowed(self, state: torch.Tensor) -> torch.Tensor:
            return super().allowed(state) & (state.sum(1) < 4)[:, None]

    policy = Flow().build(Stuck(side=3), frozenset(), Stream((0,)))
    with pytest.raises(GuerdonError, match=r"none in state \[2, 2\]"):
        policy.forward_logprobs(torch.tensor([[1, 1], [2, 2]]))


def test_pick():
    assert pick(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1, 0])).tolist() == [2.0, 3.0]
