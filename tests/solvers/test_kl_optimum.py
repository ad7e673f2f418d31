import torch

from guerdon.solvers.kl_optimum import kl, kl_optimum

NOISE = torch.Generator().manual_seed(0)
REF = torch.randn((3, 6), generator=NOISE, dtype=torch.float64).log_softmax(-1)
REWARD = torch.randn((3, 6), generator=NOISE, dtype=torch.float64)


def value(logprob: torch.Tensor, beta: float) -> torch.Tensor:
    return (logprob.exp() * REWARD).sum(-1) - beta * kl(logprob, REF)


def test_two_responses_by_hand():
    star = kl_optimum(torch.tensor([0.5, 0.5]).log(), torch.tensor([0.0, 1.0]), beta=0.5)
    e2 = torch.tensor(2.0).exp()
    torch.testing.assert_close(star.exp(), torch.stack([1 / (1 + e2), e2 / (1 + e2)]))


def test_its_value_is_beta_log_z_and_others_lose_beta_kl():
    beta = 0.7
    star = kl_optimum(REF, REWARD, beta)
    best = beta * (REF + REWARD / beta).logsumexp(-1)
    torch.testing.assert_close(value(star, beta), best)
    other = torch.randn((3, 6), generator=NOISE, dtype=torch.float64).log_softmax(-1)
    torch.testing.assert_close(value(other, beta), best - beta * kl(other, star))


def test_a_reward_may_be_shifted_and_the_reference_scaled():
    star = kl_optimum(REF, REWARD, 0.3)
    torch.testing.assert_close(kl_optimum(REF + 4.0, REWARD - 2.0, 0.3), star)
    assert bool((kl(REF, REF).abs() < 1e-15).all()) and bool((kl(star, REF) > 0).all())
