import math

import pytest
import torch

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.policies.denoiser import Denoiser, DenoiserPolicy, ddim_step, gaussian_logprob
from guerdon.rng import Stream
from guerdon.tasks.points import Points

TASK = Points(centers=((0.0, 0.0), (1.0, 1.0)), conditional=True)


def built(**fields: float) -> DenoiserPolicy:
    return Denoiser(hidden=(16,), **fields).build(TASK, frozenset(), Stream((0,))).double()  # pyright: ignore[reportArgumentType]


def test_ddim_step_by_hand():
    # abar .25 -> .64, x = 1, eps = .5:  x0 = (1 - sqrt(.75)/2)/.5,  var = (.36/.75)(1 - .25/.64)
    level = lambda value: torch.tensor([[value]], dtype=torch.float64)  # noqa: E731
    mean, std = ddim_step(level(1.0), level(0.5), level(0.25), level(0.64), eta=1.0)
    variance = 0.48 * (1 - 0.25 / 0.64)
    clean = (1 - math.sqrt(0.75) / 2) / 0.5
    assert float(std) == pytest.approx(math.sqrt(variance), abs=1e-12)
    assert float(mean) == pytest.approx(0.8 * clean + math.sqrt(0.36 - variance) * 0.5, abs=1e-12)
    _, half = ddim_step(level(1.0), level(0.5), level(0.25), level(0.64), eta=0.5)
    assert float(half) == pytest.approx(math.sqrt(variance) / 2, abs=1e-12)


def test_the_last_step_is_the_predicted_sample():
    one = torch.ones((1, 1), dtype=torch.float64)
    mean, std = ddim_step(one, 0.5 * one, 0.9 * one, one, eta=1.0)
    assert float(std) == 0.0
    assert float(mean) == pytest.approx((1 - math.sqrt(0.1) / 2) / math.sqrt(0.9), abs=1e-12)


@pytest.mark.parametrize("dimension", [1, 7])
def test_logprob_is_a_mean_over_dimensions(dimension: int):
    x = torch.zeros((2, dimension), dtype=torch.float64)
    std = torch.tensor([[1.0], [2.0]], dtype=torch.float64)
    expected = [-0.5 * math.log(2 * math.pi), -0.5 * math.log(2 * math.pi) - math.log(2)]
    assert gaussian_logprob(x, x, std).tolist() == pytest.approx(expected, abs=1e-12)
    law = torch.distributions.Normal(x + 0.3, std).log_prob(x).mean(1)
    torch.testing.assert_close(gaussian_logprob(x, x + 0.3, std), law)


def test_schedule_falls_from_one_to_noise():
    policy = built()
    assert policy.steps == 20 and float(policy.abar[0]) == 1.0
    assert bool((policy.abar.diff() < 0).all()) and float(policy.abar[-1]) == pytest.approx(math.exp(-10.05), rel=1e-4)


def test_noised_inverts_to_the_clean_sample():
    policy = built()
    noise = torch.Generator().manual_seed(0)
    clean, eps = torch.randn((2, 30, 2), generator=noise, dtype=torch.float64)
    time = torch.randint(1, 21, (30,), generator=noise)
    x = policy.noised(clean, time, eps)
    level = policy.abar[time][:, None]
    torch.testing.assert_close((x - (1 - level).sqrt() * eps) / level.sqrt(), clean)


def test_evaluate_agrees_with_the_transition_that_samples():
    policy = built(eta=0.7)
    noise = torch.Generator().manual_seed(0)
    x, after = torch.randn((2, 6, 2), generator=noise, dtype=torch.float64)
    time, problem = torch.tensor([20, 12, 2, 20, 12, 2]), torch.tensor([0, 1])
    batch = Batch.build(
        {"step.observation": x, "step.action": after, "step.time": time, "group.problem_id": problem},
        traj_of_step=torch.tensor([0, 0, 0, 1, 1, 1]),
        group_of_traj=torch.tensor([0, 1]),
    )
    out = policy.evaluate(batch, policy.provides)
    prompt = problem.repeat_interleave(3)
    torch.testing.assert_close(out["action.noise_prediction"], policy.noise(x, time, prompt))
    torch.testing.assert_close(out["action.logprob"], gaussian_logprob(after, *policy.transition(x, time, prompt)))
    assert set(policy.evaluate(batch, frozenset({"action.noise_prediction"}))) == {"action.noise_prediction"}


def test_prompt_and_time_matter():
    policy = built()
    x, time = torch.ones((2, 2), dtype=torch.float64), torch.tensor([3, 3])
    zero, one = policy.noise(x, time, torch.tensor([0, 1]))
    assert not torch.allclose(zero, one)
    assert not torch.allclose(policy.noise(x, time - 1, torch.tensor([0, 1]))[0], zero)


def test_a_chain_without_noise_is_refused():
    with pytest.raises(GuerdonError, match=r"eta must lie in \(0, 1\], got 0\.0; a step without noise"):
        Denoiser(eta=0.0)
