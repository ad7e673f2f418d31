import pytest
import torch

from guerdon import segment
from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.policies.flow import Flow, FlowPolicy, Table
from guerdon.rng import Stream
from guerdon.rollouts.construct import Construct, mixed
from guerdon.solvers.construction import terminal_law
from guerdon.tasks.hypergrid import HyperGrid

GRID = HyperGrid(side=4)


def rolled(rollout: Construct, seed: int = 0) -> Batch:
    logits = torch.randn(GRID.points, GRID.actions, generator=Stream((7,)).generator())
    policy = FlowPolicy(GRID, Table(GRID, logits), None, torch.zeros(1), log_z_lr_scale=1.0)
    return rollout(GRID, policy, lambda count: [0] * count, Stream((seed,)))


def test_paths_hang_together():
    batch = rolled(Construct(problems=2, samples_per_problem=50))
    traj = batch.index("step", "traj")
    before, after = batch["step.observation"], batch["step.next_observation"]
    same = traj[1:] == traj[:-1]
    assert torch.equal(before[1:][same], after[:-1][same])  # each step starts where the last one ended
    starts = segment.first(before.float(), traj, 100)
    assert not bool(starts.any())
    ends = segment.last(batch["step.terminated"].float(), traj, 100)
    assert bool((ends == 1).all()) and int(batch["step.terminated"].sum()) == 100
    assert torch.equal(segment.last(after.float(), traj, 100), batch["traj.object"].float())
    torch.testing.assert_close(batch["traj.reward/task"], GRID.reward(batch["traj.object"]))
    assert batch.size("group") == 2


def test_writes_exactly_what_it_says():
    assert set(rolled(Construct()).columns) == set(Construct.writes)


def test_behaviour_logprob_is_the_mixtures():
    on, off = torch.tensor([[0.7, 0.3, 0.0]]).log(), mixed(torch.tensor([[0.7, 0.3, 0.0]]).log(), 0.2)
    torch.testing.assert_close(off.exp(), torch.tensor([[0.66, 0.34, 0.0]]))
    assert mixed(on, 0.0) is on
    policy = Flow().build(GRID, frozenset(), Stream((0,)))
    batch = Construct(epsilon=0.5)(GRID, policy, lambda count: [0] * count, Stream((0,)))
    # A uniform policy mixed with the uniform law is itself.
    expected = policy.evaluate(batch, frozenset({"action.logprob"}))["action.logprob"].detach()
    torch.testing.assert_close(batch["step.behavior_logprob"], expected)


def test_samples_follow_the_exact_law():
    policy = Flow().build(GRID, frozenset(), Stream((0,)))
    law = terminal_law(GRID, policy.forward_logprobs(GRID.states()).detach())
    batch = Construct(samples_per_problem=20_000)(GRID, policy, lambda count: [0] * count, Stream((3,)))
    share = torch.bincount(GRID.number(batch["traj.object"]), minlength=GRID.points) / 20_000
    assert float((share - law).abs().max()) < 4 * (0.25 / 20_000) ** 0.5


def test_the_same_stream_gives_the_same_batch():
    one, two, other = rolled(Construct()), rolled(Construct()), rolled(Construct(), seed=1)
    assert torch.equal(one["traj.object"], two["traj.object"])
    assert not torch.equal(one["traj.object"], other["traj.object"])


def test_bad_epsilon():
    with pytest.raises(GuerdonError, match=r"epsilon in \[0, 1\]"):
        Construct(epsilon=1.5)
