import math

import pytest
import torch

from guerdon.policies.distributions import Categorical, DiagonalGaussian


def test_categorical_by_hand():
    choice = Categorical(torch.tensor([[0.0, math.log(3.0)]], dtype=torch.float64))
    assert float(choice.logprob(torch.tensor([1]))) == pytest.approx(math.log(0.75))
    assert float(choice.entropy()) == pytest.approx(-0.25 * math.log(0.25) - 0.75 * math.log(0.75))
    assert choice.mode().tolist() == [1]


def test_gaussian_agrees_with_torch():
    generator = torch.Generator().manual_seed(0)
    mean = torch.randn(5, 3, generator=generator, dtype=torch.float64)
    log_std, action = (
        torch.tensor([-1.0, 0.0, 0.7], dtype=torch.float64),
        torch.randn(5, 3, generator=generator).double(),
    )
    reference = torch.distributions.Normal(mean, log_std.exp())
    ours = DiagonalGaussian(mean, log_std)
    torch.testing.assert_close(ours.logprob(action), reference.log_prob(action).sum(1))
    torch.testing.assert_close(ours.entropy(), reference.entropy().sum(1))
    assert ours.mode() is mean


def test_likelihood_of_the_mean_with_unit_std_is_half_d_log_two_pi():
    assert float(-DiagonalGaussian(torch.zeros(1, 4), torch.zeros(4)).logprob(torch.zeros(1, 4))) == pytest.approx(
        2 * math.log(2 * math.pi)
    )


@pytest.mark.parametrize("kind", ["choice", "vector"])
def test_samples_follow_the_distribution_and_the_generator_alone(kind):
    many = 20_000
    if kind == "choice":
        law = Categorical(torch.tensor([0.2, 0.8]).log().expand(many, 2))
    else:
        law = DiagonalGaussian(torch.full((many, 1), 0.8), torch.tensor([math.log(0.4)]))
    torch.manual_seed(1)
    first = law.sample(torch.Generator().manual_seed(5))
    torch.manual_seed(2)
    assert torch.equal(first, law.sample(torch.Generator().manual_seed(5)))
    assert float(first.double().mean()) == pytest.approx(0.8, abs=0.012)
    assert float(first.double().std()) == pytest.approx(0.4, abs=0.012)
