"""Whole runs of environments and offline data through the loop: resume, exact fixed points, what is refused."""

import copy
from dataclasses import dataclass, replace

import pytest
import torch

from guerdon import segment
from guerdon.advantages.standardize import Standardize
from guerdon.errors import GuerdonError
from guerdon.loop import Trainer, train
from guerdon.objective import Objective
from guerdon.objectives.expectile import ExpectileValue
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.td import TemporalDifference
from guerdon.papers import iql, ppo_control
from guerdon.piece import Rollout
from guerdon.policies.actor_critic import ActorCritic
from guerdon.policies.mlp import MLP
from guerdon.recipe import Recipe
from guerdon.rollouts.episodes import Episodes
from guerdon.rollouts.fixed_steps import FixedSteps
from guerdon.rollouts.transitions import Transitions
from guerdon.solvers.mdp import expectile
from guerdon.tasks.gymnasium import Gym
from guerdon.tasks.maze import Maze
from guerdon.tasks.offline import Offline
from guerdon.update import Update

SMALL = replace(
    ppo_control.RECIPE,
    rollout=FixedSteps(slots=2, horizon=32),
    policy=MLP(hidden=(8,)),
    update=replace(ppo_control.RECIPE.update, minibatches=4, epochs=2),
)
TINY = Maze(rows=("0..", "#.#", "1.S"), exits=(1.0, 3.0), limit=20)


def weights(trainer: Trainer) -> list[torch.Tensor]:
    return [tensor.clone() for tensor in trainer.policy.state_dict().values()]


@pytest.mark.parametrize("recipe", [SMALL, replace(iql.RECIPE, rollout=Transitions(32))], ids=["ppo", "iql"])
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(recipe):
    if isinstance(recipe.task, Gym):
        pytest.importorskip("gymnasium")
    whole = Trainer(recipe, steps=5, seed=3)
    for _ in range(2):
        whole.train_step()
    saved = copy.deepcopy(whole.state_dict())
    torch.manual_seed(99)  # nothing may depend on the global generator
    for _ in range(3):
        whole.train_step()
    resumed = Trainer(recipe, steps=5, seed=3)
    resumed.load_state_dict(saved)
    for _ in range(3):
        resumed.train_step()
    assert all(torch.equal(one, other) for one, other in zip(weights(whole), weights(resumed), strict=True))


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Pendulum-v1"])
@pytest.mark.parametrize("micro", [None, 1])
def test_ppo_takes_choices_and_real_actions_in_micro_batches_of_any_size(env_id, micro):
    pytest.importorskip("gymnasium")
    task = Gym(env_id, kwargs={"max_episode_steps": 16})
    recipe = replace(
        SMALL,
        task=task,
        rollout=Episodes(starts=4),
        update=replace(SMALL.update, epochs=1, minibatches=1, micro_batch=micro, lr=1e-2),
    )
    result = train(recipe, steps=1, seed=1)
    reference = train(replace(recipe, update=replace(recipe.update, micro_batch=None)), steps=1, seed=1)
    assert result.metrics[0]["grad_norm"] == pytest.approx(reference.metrics[0]["grad_norm"], rel=1e-4)
    assert result.metrics[0]["grad_norm"] > 0


def test_groups_of_episodes_from_one_start_need_no_critic():
    pytest.importorskip("gymnasium")
    recipe = replace(
        SMALL,
        rollout=Episodes(starts=3, samples_per_start=4),
        advantage=(Standardize(),),
        objective=Objective(PPOClip(dual_clip=None)),
    )
    assert recipe.check() == []
    trainer = Trainer(recipe, steps=1)
    batch, metrics = trainer.train_step()
    assert trainer.policy.critic is None
    first = batch["step.observation"][segment.position(batch.index("step", "traj"), 12) == 0].reshape(3, 4, 4)
    assert torch.equal(first, first[:, :1].expand_as(first))
    assert metrics["reward"] == pytest.approx(float(batch["traj.return"].mean()))
    torch.testing.assert_close(batch["traj.advantage"].reshape(3, 4).sum(1), torch.zeros(3), atol=1e-4, rtol=0)


def test_value_learning_on_tables_ends_at_the_exact_expectile():
    """Linear networks on one-hot cells: V and Q of IQL against the fixed point computed from the maze's tables."""
    task, discount, tau = Offline(TINY, trajectories=40), 0.8, 0.8
    data = task.data()
    counts = torch.zeros(TINY.observation_size, 4)
    pairs = (data["step.observation"].argmax(1), data["step.action"])
    counts.index_put_(pairs, torch.ones(data.size("step")), accumulate=True)
    assert bool((counts > 0).all())
    recipe = Recipe(
        task=task,
        policy=ActorCritic(hidden=(), critics=1, target_rate=1.0),
        rollout=Transitions(task.size("train")),
        shaping=(),
        objective=Objective(ExpectileValue(tau), regularizers=(TemporalDifference(discount),)),
        update=Update(lr=0.1, max_grad_norm=None, decay="linear"),
    )
    policy = train(recipe, steps=200).policy
    cells = torch.eye(TINY.observation_size)
    exact_q = TINY.mdp(discount).expectile_q(counts, tau)
    exact_v = expectile(exact_q, counts, tau)
    q = torch.stack([policy.critics(cells, torch.full((len(cells),), a))[:, 0] for a in range(4)], 1).detach()
    torch.testing.assert_close(policy.value(cells).double(), exact_v, atol=0.02, rtol=0)
    torch.testing.assert_close(q.double(), exact_q, atol=0.02, rtol=0)
    assert float((exact_v - expectile(exact_q, counts, 0.5)).abs().max()) > 0.1


def test_an_agent_that_cannot_give_what_is_read_is_refused_before_anything_runs():
    with pytest.raises(GuerdonError, match=r"advantage.0 \(ActionValueAdvantage\) reads 'action.old_target_q'"):
        replace(iql.RECIPE, policy=MLP()).check()
    with pytest.raises(GuerdonError, match=r"advantage.0 \(GAE\) reads 'action.reward'"):
        replace(ppo_control.RECIPE, rollout=NoReward(), shaping=()).check()


@dataclass(frozen=True)
class NoReward(Rollout):
    """Forgets what was earned."""

    writes = ("step.observation", "step.action")

    def __call__(self, task, policy, pick, stream):
        raise AssertionError("never called")
