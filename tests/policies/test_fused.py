"""Decoder arithmetic against its plain form, values and gradients in float64."""

import pytest
import torch
from torch.nn import functional as F

from guerdon.policies.fused import inverse_rms, paired, rotate_pairs, rotation, swiglu, unit_rms
from guerdon.policies.tiny_lm import rotate


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("rows", [0, 1, 7])
def test_unit_rms_is_a_norm_without_weight(rows):
    x = numbers(rows, 6)
    torch.testing.assert_close(unit_rms(x, 1e-3), F.rms_norm(x, (6,), eps=1e-3))
    torch.testing.assert_close(x * inverse_rms(x, 1e-3), F.rms_norm(x, (6,), eps=1e-3))
    assert torch.autograd.gradcheck(lambda x: unit_rms(x, 1e-3), (x.requires_grad_(),))


def test_unit_rms_of_zeros_is_zero():
    x = torch.zeros(2, 4, requires_grad=True)
    unit_rms(x, 1e-6).sum().backward()
    assert x.grad is not None and bool(x.grad.isfinite().all())


@pytest.mark.parametrize("rows", [0, 1, 7])
def test_swiglu(rows):
    x, gate, up = numbers(rows, 4), numbers(5, 4, seed=1), numbers(5, 4, seed=2)
    torch.testing.assert_close(swiglu(x, gate, up), F.silu(x @ gate.T) * (x @ up.T))
    assert torch.autograd.gradcheck(swiglu, tuple(each.requires_grad_() for each in (x, gate, up)))


def test_paired_weights_give_the_scores_of_rotated_halves():
    heads, half, rows = 2, 3, 5
    width = 2 * half * heads
    weight, norm, x = numbers(3 * width, width), numbers(width, seed=1), numbers(rows, width, seed=2)
    angle = numbers(rows, half, seed=3)
    got = rotate_pairs(x @ paired(weight, norm, heads, heads).T, rotation(angle, angle.dtype), heads, heads).view(
        rows, 3, heads, -1
    )
    plain = ((x * norm) @ weight.T).view(1, rows, 3, heads, -1).unbind(2)
    query, key = (rotate(part.transpose(1, 2), angle.cos(), angle.sin())[0] for part in plain[:2])
    expected = query @ key.transpose(1, 2) * (2 * half) ** -0.5
    torch.testing.assert_close(torch.einsum("ihd,jhd->hij", got[:, 0], got[:, 1]), expected)
    torch.testing.assert_close(got[:, 2], plain[2][0])


def test_paired_weights_pass_gradients_on():
    weight, norm = numbers(12, 4).requires_grad_(), numbers(4, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda w, n: paired(w, n, 2, 2), (weight, norm))
