import pytest
import torch
from tasks.fake_environment import Corridor

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.policies.actor_critic import CHOICES, ActorCritic
from guerdon.rng import Stream

ALL = ActorCritic.provides


def built(real: bool = False, wants: frozenset[str] = ALL, **fields):
    policy = ActorCritic(**{"hidden": (8,), **fields}).build(Corridor(real=real), wants, Stream((0,)))
    generator = torch.Generator().manual_seed(1)
    action = torch.randn(5, 1, generator=generator) if real else torch.tensor([0, 1, 1, 0, 1])
    columns = {
        "step.observation": torch.randn(5, 2, generator=generator),
        "step.next_observation": torch.randn(5, 2, generator=generator),
        "step.action": action,
    }
    each = torch.arange(5)
    return policy, Batch.build(columns, traj_of_step=each, group_of_traj=each)


@pytest.mark.parametrize("real", [False, True])
def test_columns(real):
    policy, batch = built(real)
    out = policy.evaluate(batch, policy.provides)
    assert policy.provides == (ALL - CHOICES if real else ALL)
    heads = []
    for head in policy.critics.heads:
        if real:
            heads.append(head(torch.cat([batch["step.observation"], batch["step.action"]], 1))[:, 0])
        else:
            heads.append(head(batch["step.observation"])[torch.arange(5), batch["step.action"]])
    torch.testing.assert_close(out["action.q"], torch.stack(heads, 1))
    assert not torch.equal(heads[0], heads[1])
    torch.testing.assert_close(out["action.target_q"], torch.minimum(*heads))  # nothing has moved yet
    torch.testing.assert_close(out["action.next_value"], policy.critic(batch["step.next_observation"])[:, 0])
    with_gradient = {name for name, values in out.items() if values.requires_grad}
    assert with_gradient == policy.provides - {"action.target_q", "action.next_value", "action.next_policy_q"}


def test_columns_over_all_choices():
    policy, batch = built()
    out = policy.evaluate(batch, ALL)
    action = batch["step.action"]
    torch.testing.assert_close(
        out["action.choice_q"].gather(2, action[:, None, None].expand(-1, 2, -1))[..., 0], out["action.q"]
    )
    torch.testing.assert_close(out["action.choice_logprob"].gather(1, action[:, None])[:, 0], out["action.logprob"])
    there = batch["step.next_observation"]
    prob = policy.actor(there).logits.softmax(1)
    values = torch.stack([torch.minimum(*(head(there) for head in policy.targets.heads))[:, a] for a in range(2)], 1)
    torch.testing.assert_close(out["action.next_policy_q"], (prob * values).sum(1))


def test_targets_follow_slowly_and_are_not_trained():
    policy, _batch = built(target_rate=0.25)
    slow, fast = policy.targets.heads[0][0].weight, policy.critics.heads[0][0].weight
    before = slow.clone()
    with torch.no_grad():
        fast.add_(1.0)
    policy.after_update()
    torch.testing.assert_close(slow, before + 0.25)
    trained = {id(parameter) for group in policy.parameter_groups() for parameter in group["params"]}
    assert id(fast) in trained and id(slow) not in trained


@pytest.mark.parametrize(
    ("wants", "made"),
    [
        ({"action.logprob"}, (False, False)),
        ({"action.logprob", "action.next_value"}, (True, False)),
        ({"action.target_q"}, (False, True)),
    ],
)
def test_networks_that_nobody_reads_are_not_made(wants, made):
    policy, batch = built(wants=frozenset(wants))
    assert (policy.critic is not None, policy.critics is not None) == made
    assert set(wants) <= policy.provides
    policy.after_update()
    assert set(policy.evaluate(batch, frozenset(wants))) == wants
    assert policy.value(batch["step.observation"]).shape == (5,)


@pytest.mark.parametrize("fields", [{"critics": 0}, {"target_rate": 0.0}, {"target_rate": 1.1}])
def test_fields_are_checked(fields):
    with pytest.raises(GuerdonError, match=r"ActorCritic needs critics >= 1 and target_rate in \(0, 1\]"):
        ActorCritic(**fields)
