import math

import pytest
import torch
from tasks.fake_environment import Corridor

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.policies.mlp import MLP
from guerdon.policies.perceptron import perceptron
from guerdon.rng import Stream

ALL = frozenset({"action.logprob", "action.entropy", "action.value"})


def batch_of(action: torch.Tensor) -> Batch:
    count = len(action)
    observation = torch.randn(count, 2, generator=torch.Generator().manual_seed(3))
    return Batch.build(
        {"step.observation": observation, "step.action": action},
        traj_of_step=torch.zeros(count, dtype=torch.int64),
        group_of_traj=torch.zeros(1, dtype=torch.int64),
    )


def test_weights_are_orthogonal_with_the_gains_of_the_paper():
    policy = MLP().build(Corridor(), ALL, Stream((0,)))
    for network, gain in ((policy.actor.network, 0.01), (policy.critic, 1.0)):
        layers = [layer for layer in network if isinstance(layer, torch.nn.Linear)]
        assert [tuple(layer.weight.shape) for layer in layers[:2]] == [(64, 2), (64, 64)]
        for layer, wanted in zip(layers, (math.sqrt(2), math.sqrt(2), gain), strict=True):
            scale = torch.linalg.svdvals(layer.weight.detach())
            torch.testing.assert_close(scale, torch.full_like(scale, wanted))
            assert not layer.bias.any()
        assert sum(isinstance(layer, torch.nn.Tanh) for layer in network) == 2


def test_building_takes_nothing_from_the_global_generator():
    before = torch.random.get_rng_state()
    first = perceptron([3, 4, 1], "relu", 1.0, Stream((0,)))
    assert torch.equal(before, torch.random.get_rng_state())
    torch.manual_seed(7)
    second = perceptron([3, 4, 1], "relu", 1.0, Stream((0,)))
    assert torch.equal(first[0].weight, second[0].weight)


def test_columns_of_choices():
    policy = MLP(hidden=()).build(Corridor(), ALL, Stream((0,)))
    torch.nn.init.constant_(policy.actor.network[0].bias, 0.0)
    policy.actor.network[0].bias.data[1] = math.log(3.0)
    policy.actor.network[0].weight.data.zero_()
    policy.critic[0].weight.data.fill_(2.0)
    batch = batch_of(torch.tensor([0, 1, 1]))
    out = policy.evaluate(batch, ALL)
    torch.testing.assert_close(out["action.logprob"].exp(), torch.tensor([0.25, 0.75, 0.75]))
    torch.testing.assert_close(out["action.entropy"], torch.full((3,), -0.25 * math.log(0.25) - 0.75 * math.log(0.75)))
    torch.testing.assert_close(out["action.value"], 2 * batch["step.observation"].sum(1))
    assert set(policy.evaluate(batch, frozenset({"action.value"}))) == {"action.value"}


def test_columns_of_real_actions():
    policy = MLP().build(Corridor(real=True), ALL, Stream((0,)))
    policy.actor.log_std.data.fill_(math.log(0.5))
    batch = batch_of(torch.randn(4, 1))
    law = torch.distributions.Normal(policy.actor.network(batch["step.observation"]), 0.5)
    out = policy.evaluate(batch, ALL)
    torch.testing.assert_close(out["action.logprob"], law.log_prob(batch["step.action"])[:, 0])
    torch.testing.assert_close(out["action.entropy"], law.entropy()[:, 0])
    out["action.logprob"].sum().backward()
    assert policy.actor.log_std.grad is not None


@pytest.mark.parametrize("real", [False, True])
def test_what_is_played_is_what_is_evaluated(real):
    policy = MLP().build(Corridor(real=real), ALL, Stream((0,)))
    batch = batch_of(torch.zeros(6, dtype=torch.int64))
    action, logprob = policy.act(batch["step.observation"], torch.Generator().manual_seed(0))
    assert not logprob.requires_grad
    replayed = batch.with_columns({"step.action": action})
    torch.testing.assert_close(policy.evaluate(replayed, ALL)["action.logprob"], logprob)
    value = policy.value(batch["step.observation"])
    assert torch.equal(value, policy.evaluate(replayed, ALL)["action.value"].detach())
    greedy = [policy.act(batch["step.observation"], torch.Generator().manual_seed(n), greedy=True)[0] for n in (0, 1)]
    assert torch.equal(*greedy)


def test_a_critic_that_nobody_reads_is_not_made():
    policy = MLP().build(Corridor(), frozenset({"action.logprob"}), Stream((0,)))
    assert policy.critic is None and "action.value" not in policy.provides
    assert policy.value(torch.ones(3, 2)).tolist() == [0, 0, 0]


def test_widths_must_be_positive():
    with pytest.raises(GuerdonError, match=r"MLP.hidden must be positive widths, got \(4, 0\)"):
        MLP(hidden=(4, 0))
