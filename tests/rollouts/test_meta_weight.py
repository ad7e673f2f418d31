"""The learned weight between imitation and exploration."""

from dataclasses import dataclass, replace

import pytest
import torch

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.loop import Trainer
from guerdon.papers.amft import RECIPE
from guerdon.piece import TaskSpec
from guerdon.policies.tabular import Tabular
from guerdon.policies.tiny_lm import TinyLM
from guerdon.rewards.guard import Guard
from guerdon.rewards.verifier import Verifier
from guerdon.rng import Stream
from guerdon.rollouts.meta_weight import MetaWeight, MixState, lookahead_slope, moved
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.sampler import Sampling
from guerdon.rollouts.tabular import SampleTree
from guerdon.rollouts.with_stored import WithStored
from guerdon.tasks.problem import Problem
from guerdon.tasks.token_tree import TokenTree

STREAM = Stream((0,))
TREE = WithStored(SampleTree(prompts=4, samples_per_prompt=8))


def first(count: int) -> list[int]:
    return list(range(count))


def collect(piece: MetaWeight, task: TokenTree, calls: int = 1) -> tuple[Batch, MixState]:
    policy, state = Tabular().build(task, frozenset(), STREAM), piece.init_state()
    batch = None
    for call in range(calls):
        before = policy.logits.detach().clone()
        batch = piece(task, policy, first, STREAM.child(call), state)
        assert torch.equal(policy.logits, before) and policy.logits.grad is None
    assert batch is not None
    return batch, state


def test_the_slope_of_two_parameters_worked_by_hand():
    a, b = torch.tensor([1.0], requires_grad=True), torch.tensor([2.0], requires_grad=True)
    # theta' = (1 - 0.1 * 0.25 * 4, 2 - 0.1 * 0.75 * 8) = (0.9, 1.4); U = a^2 b has gradient (2.52, 0.81) there.
    slope = lookahead_slope(
        [a, b],
        [torch.tensor([4.0]), torch.zeros(1)],
        [torch.zeros(1), torch.tensor([8.0])],
        lambda: (a**2 * b).sum(),
        0.25,
        0.1,
    )
    assert slope == pytest.approx(-0.1 * (2.52 * 4 - 0.81 * 8), rel=1e-5)
    assert a.tolist() == [1.0] and b.tolist() == [2.0]


def test_parameters_are_put_back_whatever_happens():
    theta = torch.tensor([0.1, 0.2], requires_grad=True)
    before = theta.detach().clone()
    with pytest.raises(ZeroDivisionError), moved([theta], [torch.tensor([0.3, 1e9])], 0.7):
        raise ZeroDivisionError
    assert torch.equal(theta, before)


@pytest.mark.parametrize(("wrong", "sign"), [(0.0, 1), (1.0, -1)])
def test_right_demonstrations_raise_the_weight_and_wrong_ones_lower_it(wrong, sign):
    task = TokenTree(prompts=4, vocab=3, wrong_demonstrations=wrong)
    _, state = collect(MetaWeight(TREE, rate=5.0), task)
    assert sign * (float(state.weight) - 0.5) > 0.01


def test_the_weight_is_written_for_both_origins_and_is_one_where_there_is_but_one():
    task = TokenTree(prompts=4, vocab=3, demonstrated=0.5)
    batch, _ = collect(MetaWeight(TREE, start=0.3, rate=0.0), task)
    expected = torch.where(batch["traj.sampled"], 0.7, 0.3)
    torch.testing.assert_close(batch["traj.mix_weight"], expected)
    alone, _ = collect(MetaWeight(TREE, start=0.3), replace(task, demonstrated=0.0))
    assert set(alone["traj.mix_weight"].tolist()) == {1.0}


def test_warm_up_imitates_alone_and_the_weight_moves_on_every_kth_call():
    task = TokenTree(prompts=4, vocab=3)
    batch, state = collect(MetaWeight(TREE, rate=5.0, warmup=2, every=2), task, calls=2)
    assert batch["traj.mix_weight"].tolist() == (~batch["traj.sampled"]).float().tolist() and float(state.weight) == 0.5
    values = [float(collect(MetaWeight(TREE, rate=5.0, warmup=2, every=2), task, calls=n)[1].weight) for n in (3, 4, 5)]
    assert 0.5 < values[0] == values[1] < values[2]


def test_the_entropy_pulls_and_the_bounds_hold():
    task = TokenTree(prompts=4, vocab=3)
    for rate, expected in ((0.1, 0.5 + 0.1 * (torch.tensor(3.0).log().item() - 0.6)), (9.0, 0.8), (-9.0, 0.2)):
        piece = MetaWeight(TREE, rate=0.0, entropy_rate=rate, entropy_target=0.6, bounds=(0.2, 0.8))
        assert float(collect(piece, task)[1].weight) == pytest.approx(expected, abs=1e-5)


def test_without_success_in_the_validation_samples_the_weight_stays():
    task = TokenTree(prompts=4, vocab=3, correct=0)
    assert float(collect(MetaWeight(TREE, rate=5.0), task)[1].weight) == 0.5


@dataclass(frozen=True)
class Letters(TaskSpec):
    """A response is right if it starts with an a, as the answers do."""

    def size(self, split: str) -> int | None:
        return 4

    def problem(self, split: str, number: int) -> Problem:
        return Problem(id=number, prompt=f"{'ab' * number}?", answer="abba")

    def score(self, problem: Problem, response: str) -> float:
        return float(response.startswith("a") or len(response) % 2)


def test_a_language_model_trains_with_rewards_scored_twice():
    sample = WithStored(Sample(prompts=4, samples_per_prompt=4, sampling=Sampling(max_tokens=6)))
    scorer = (Verifier(guard=Guard(isolate=False)),)
    rollout = MetaWeight(sample, scorer, rate=5.0)
    recipe = replace(
        RECIPE, task=Letters(), policy=TinyLM(width=16, layers=1, heads=2), rollout=rollout, rewards=scorer
    )
    trainer = Trainer(recipe, steps=2)
    metrics = [trainer.train_step()[1] for _ in range(2)]
    state = trainer.state_of("rollout")
    assert isinstance(state, MixState) and float(state.weight) != 0.5 and int(state.calls) == 2
    assert metrics[0]["grad_norm"] > 0 and metrics[0]["reward/correct"] > 0
    other = Trainer(recipe, steps=2)
    other.load_state_dict(trainer.state_dict())
    assert float(other.state_of("rollout").weight) == float(state.weight)


def test_bad_fields():
    with pytest.raises(
        GuerdonError, match=r"MetaWeight needs 0 <= low <= start <= high <= 1, got \(0.6, 1.0\) and 0.5"
    ):
        MetaWeight(bounds=(0.6, 1.0))
    with pytest.raises(GuerdonError, match="every >= 1, warmup >= 0 and step > 0"):
        MetaWeight(every=0)
