import torch

from guerdon.solvers.mass_balance import logit_step, mass_terms, unsampled_square


def test_the_terms_add_up_to_the_derivative_of_the_right_mass() -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        logits = torch.randn(8, generator=generator, dtype=torch.float64).requires_grad_()
        right, sampled = (torch.rand(8, generator=generator) < 0.5 for _ in range(2))
        p = logits.softmax(0)
        (slope,) = torch.autograd.grad(p[right].sum(), logits)
        p = p.detach()
        terms = mass_terms(p, right, sampled, (1.0, -0.5))
        assert abs(float(terms.sum() - slope @ logit_step(p, right, sampled, (1.0, -0.5)))) < 1e-14
        assert bool((terms[:2] >= 0).all())


def test_what_is_missed() -> None:
    assert unsampled_square(torch.tensor([0.5, 0.5]), 2) == 0.125
