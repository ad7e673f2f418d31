import math

import pytest
import torch

from guerdon.objective import Objective
from guerdon.objectives.by_origin import MeanByOrigin
from guerdon.objectives.policy_discriminator import PolicyDiscriminator
from guerdon.papers._bench import ragged


def batch(scores, lengths, sampled, **more):
    columns = {"token.logprob": scores, "token.old_logprob": [0.0] * len(scores), "traj.sampled": sampled, **more}
    return ragged([[0.0] * len(lengths)], lengths, columns=columns)


def softplus(x):
    return math.log1p(math.exp(x))


def test_losses_by_hand():
    got = PolicyDiscriminator()(batch([1.0, -2.0, 3.0], [2, 1], [False, True])).values.tolist()
    assert got == pytest.approx([softplus(-1), softplus(2), softplus(3)])


def test_a_whole_trajectory_is_one_score():
    rows = PolicyDiscriminator(whole=True)(batch([1.0, -2.0, 3.0], [2, 1], [False, True]))
    assert rows.values.tolist() == pytest.approx([softplus(1), softplus(1), softplus(3)])
    assert rows.metrics["discriminator_accuracy"].tolist() == [0.0, 0.0, 0.0]


def test_masked_actions_do_not_count_and_nothing_underflows():
    mask = torch.tensor([True, False, True])
    rows = PolicyDiscriminator(whole=True)(batch([-900.0, 5.0, 900.0], [2, 1], [False, True], **{"token.mask": mask}))
    assert rows.values.tolist() == [900.0, 900.0, 900.0]


def test_at_the_generator_both_means_are_log_two():
    objective = Objective(PolicyDiscriminator(), MeanByOrigin())
    logprob = torch.zeros(4, requires_grad=True)
    rows = batch([0.0] * 4, [1, 1, 2], [False, True, True]).with_columns({"token.logprob": logprob})
    loss, _ = objective(objective.prepare(rows), {})
    loss.backward()
    assert float(loss.detach()) == pytest.approx(2 * math.log(2))
    assert logprob.grad is not None and logprob.grad.tolist() == pytest.approx([-1 / 2, 1 / 6, 1 / 6, 1 / 6])


def test_an_empty_batch_has_no_losses():
    assert PolicyDiscriminator(whole=True)(batch([], [0], [True])).values.shape == (0,)
