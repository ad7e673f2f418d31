"""The tabular policy."""

import math

import torch

from guerdon.batch import Batch
from guerdon.policies.tabular import Tabular, TabularPolicy
from guerdon.rng import Stream
from guerdon.tasks.token_tree import TokenTree

WANTS = frozenset({"action.logprob", "action.entropy", "action.mean_logprob", "action.value"})


def batch(context: list[int], action: list[int]) -> Batch:
    rows = torch.arange(len(context))
    columns = {"token.context": torch.tensor(context), "token.id": torch.tensor(action)}
    return Batch.build(columns, step_of_token=rows, traj_of_step=rows, group_of_traj=rows)


def test_logprob_entropy_and_value_of_rows_worked_by_hand():
    policy = TabularPolicy(torch.tensor([[0.0, 0.0], [math.log(3.0), 0.0]]), critic=True)
    with torch.no_grad():
        policy.values.copy_(torch.tensor([5.0, 7.0]))
    out = policy.evaluate(batch([0, 1, 1], [1, 0, 1]), WANTS)
    torch.testing.assert_close(out["action.logprob"], torch.tensor([0.5, 0.75, 0.25]).log())
    mixed = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    torch.testing.assert_close(out["action.entropy"], torch.tensor([math.log(2.0), mixed, mixed]))
    average = torch.tensor([0.5 * 0.5, 0.75 * 0.25, 0.75 * 0.25]).log() / 2
    torch.testing.assert_close(out["action.mean_logprob"], average)
    assert out["action.value"].tolist() == [5.0, 7.0, 7.0]


def test_the_gradient_of_a_logprob_is_one_hot_minus_probabilities():
    policy = TabularPolicy(torch.tensor([[0.0, math.log(3.0)]]), critic=False)
    policy.evaluate(batch([0], [0]), WANTS)["action.logprob"].sum().backward()
    torch.testing.assert_close(policy.logits.grad, torch.tensor([[0.75, -0.75]]))


def test_the_table_fits_the_task_and_starts_as_it_says():
    task = TokenTree(prompts=2, vocab=3, depth=2)
    build = Tabular().build(task, frozenset(), Stream((0,)))
    assert build.logits.shape == (8, 3) and not build.logits.any() and build.values is None
    assert build.provides == WANTS - {"action.value"}
    noisy = Tabular(init_std=2.0).build(TokenTree(prompts=500), WANTS, Stream((0,)))
    assert 1.9 < float(noisy.logits.detach().std()) < 2.1 and noisy.values.shape == (500,)
    again = Tabular(init_std=2.0).build(TokenTree(prompts=500), WANTS, Stream((0,)))
    assert torch.equal(noisy.logits, again.logits)
    prior = TokenTree(prior=0.1)
    assert torch.equal(Tabular().build(prior, frozenset(), Stream((0,))).logits, prior.initial_logits())
