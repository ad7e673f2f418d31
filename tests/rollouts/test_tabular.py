import math

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.policies.linear import Linear, LinearPolicy
from guerdon.policies.tabular import Tabular, TabularPolicy
from guerdon.rng import Stream
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.chain_length import FILLER, STOP, THINK, ChainLength
from guerdon.tasks.fork_sequences import ForkSequences
from guerdon.tasks.shared_features import SharedFeatures
from guerdon.tasks.token_tree import TokenTree


def collect(task: object, policy: TabularPolicy, prompts: int = 8, samples: int = 16, seed: int = 0):
    pick = lambda count: list(range(count))  # noqa: E731
    return SampleTree(prompts, samples)(task, policy, pick, Stream((seed,)))


def test_behavior_logprobs_are_those_of_the_policy_in_every_task() -> None:
    for task, spec in ((TokenTree(depth=3), Tabular(1.0)), (ChainLength(), Linear()), (SharedFeatures(), Linear())):
        policy = spec.build(task, frozenset(), Stream((1,)))
        batch = collect(task, policy)
        out = policy.evaluate(batch, frozenset({"action.logprob"}))
        torch.testing.assert_close(out["action.logprob"], batch["token.behavior_logprob"])


def test_responses_stop_where_the_task_says() -> None:
    task = ChainLength()
    batch = collect(task, Linear().build(task, frozenset(), Stream((1,))), prompts=64)
    stops = batch["token.id"] == STOP
    last = torch.zeros_like(stops)
    last[batch.index("token", "traj").diff(append=torch.tensor([10**6])) != 0] = True
    assert not bool((stops & ~last).any())
    thoughts = batch["traj.thoughts"]
    per_traj = torch.bincount(batch.index("token", "traj"), minlength=batch.size("traj"))
    torch.testing.assert_close(thoughts, (per_traj - (~batch["traj.truncated"]).long()).float())
    # The toy's documented start: accuracy about .81 at about 26.6 thoughts.
    assert 0.70 < float(batch["traj.reward/task"].mean()) < 0.92 and 22 < float(thoughts.mean()) < 31


def test_chain_length_pays_by_need() -> None:
    task = ChainLength()
    need, shown = task.needs()
    assert need.min() >= 2 and need.max() <= 24 and float((shown / need).log().std()) == pytest.approx(0.35, abs=0.1)
    prompt = torch.zeros(20000, dtype=torch.int64)
    for thoughts, chance in ((int(need[0]), 0.95), (1, 0.05 + 0.3 / float(need[0]))):
        tokens = torch.zeros(20000, thoughts + 1, dtype=torch.int64)
        tokens[:, -1] = STOP
        length = torch.full((20000,), thoughts + 1)
        out = task.outcome(prompt, tokens, length, Stream((0,)).generator())
        assert float(out["traj.reward/task"].mean()) == pytest.approx(chance, abs=4 * 0.5 / math.sqrt(20000))


def test_fork_sequences_reward_and_start() -> None:
    task = ForkSequences(prompts=2)
    tokens = torch.tensor(
        [[0, 0, 0, 2, 0, 0, 0, 1, 0, 0], [0, 0, 0, 3, 0, 0, 0, 1, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0, 0, 0]]
    )
    out = task.outcome(torch.zeros(3, dtype=torch.int64), tokens, torch.full((3,), 10), torch.Generator())
    assert out["traj.reward/task"].tolist() == [1.0, 0.0, 0.0]
    rows = Tabular().build(task, frozenset(), Stream((0,))).logits.softmax(-1)
    assert rows[3].tolist() == pytest.approx([1 / 8] * 8) and rows[13].tolist() == pytest.approx([1 / 8] * 8)
    assert float(rows[0, 0].detach()) == pytest.approx(0.97)


def test_priors_of_a_bandit() -> None:
    task = TokenTree(prompts=5, vocab=16, correct=2, prior=0.01)
    rows = Tabular().build(task, frozenset(), Stream((0,))).logits.softmax(-1)
    assert (rows * task.rewards()).sum(1).tolist() == pytest.approx([0.02] * 5)
    with pytest.raises(GuerdonError, match="prior needs depth 1"):
        TokenTree(depth=2, prior=0.1)


def test_linear_policy_shares_parameters_and_anchors_the_first_action() -> None:
    task = ChainLength()
    policy = Linear().build(task, frozenset(), Stream((0,)))
    assert isinstance(policy, LinearPolicy) and policy.rows(torch.arange(4))[:, 0].tolist() == [0.0] * 4
    stop = torch.sigmoid((task.features() @ task.initial_weights())[:, 0])
    torch.testing.assert_close(policy.rows(torch.arange(task.contexts)).softmax(-1)[:, 1].detach(), stop)
    with pytest.raises(GuerdonError, match="Linear needs a task with features"):
        Linear().build(TokenTree(), frozenset(), Stream((0,)))


def test_shared_features_start_half_right() -> None:
    task = SharedFeatures()
    policy = Linear().build(task, frozenset(), Stream((0,)))
    solved = (policy.rows(torch.arange(task.prompts)).detach().softmax(-1) * task.rewards()).sum(1)
    assert 0.2 < float(solved.mean()) < 0.5 and task.rewards().sum(1).tolist() == [6.0] * 192


def test_filler_takes_the_place_of_thoughts_and_gets_nowhere() -> None:
    task = ChainLength(filler=True)
    policy = Linear().build(task, frozenset(), Stream((0,)))
    rows = policy.rows(torch.arange(task.contexts)).softmax(-1).detach()
    plain = Linear().build(ChainLength(), frozenset(), Stream((0,))).rows(torch.arange(task.contexts)).softmax(-1)
    torch.testing.assert_close(rows[:, STOP], plain[:, STOP].detach())
    torch.testing.assert_close(rows[:, FILLER], 9 * rows[:, THINK])
    batch = collect(task, policy)
    index = batch.index("token", "traj")
    working = torch.bincount(index[batch["token.id"] == THINK], minlength=batch.size("traj"))
    assert batch["traj.thoughts"].tolist() == working.tolist()


def test_an_engine_that_is_off_samples_by_other_numbers_and_says_so() -> None:
    task, pick = TokenTree(prompts=4, vocab=4), lambda count: list(range(count))
    policy = Tabular(1.0).build(task, frozenset(), Stream((1,)))
    rollout = SampleTree(4, 4000, mismatch=0.5)
    batch = rollout(task, policy, pick, Stream((0,)))
    exact = policy.evaluate(batch, frozenset({"action.logprob"}))["action.logprob"].detach()
    ratio = (exact - batch["token.behavior_logprob"]).exp()
    assert float((ratio - 1).abs().max()) > 0.1
    # E_mu[pi / mu] = 1, and the noise is the same in every step.
    assert float(ratio.mean()) == pytest.approx(1.0, abs=0.02)
    tables = []
    for one in (batch, rollout(task, policy, pick, Stream((7,)))):
        table = torch.full((4, 4), math.nan)
        table[one["token.context"], one["token.id"]] = one["token.behavior_logprob"]
        tables.append(table)
    both = tables[0].isfinite() & tables[1].isfinite()
    assert int(both.sum()) > 12
    torch.testing.assert_close(tables[0][both], tables[1][both])
    with pytest.raises(GuerdonError, match="mismatch >= 0"):
        SampleTree(mismatch=-1.0)


def test_a_teacher_knows_every_right_action() -> None:
    task = SharedFeatures(prompts=6, vocab=8, correct=3)
    owner, tokens, reward = task.stored(torch.tensor([2, 0]))
    assert owner.tolist() == [0, 0, 0, 1, 1, 1] and reward.tolist() == [1.0] * 6
    assert set(tokens[:3, 0].tolist()) == set(task.rewards()[2].nonzero()[:, 0].tolist())
