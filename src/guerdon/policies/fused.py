"""Decoder arithmetic in few passes over memory, with hand-written gradients.

Idea
    On a CPU a small decoder spends its time between the products: every elementwise step reads and writes all
    activations. Here a norm is two passes and its weight is folded into the layer that follows, SwiGLU is two, and a
    rotation is one complex product, for which the rows of the query and key weights are put in pairs.
Maths
    ``W (g * x / rms x) = (W diag g) (x / rms x)``. A rotation of the pairs ``(a, b)`` by ``t`` is ``(a + ib) e^{it}``;
    attention does not care in which order the pairs of a head stand.
Reads
    Nothing; functions of tensors.
Deviations
    First derivatives only.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional


def unit_rms(x: Tensor, eps: float) -> Tensor:
    """``x / sqrt(mean x^2 + eps)`` over the last axis of ``[n, H]``."""
    return _UnitRMS.apply(x, eps)  # type: ignore[no-any-return]


def inverse_rms(x: Tensor, eps: float) -> Tensor:
    """``1 / sqrt(mean x^2 + eps)``, ``[n, 1]``."""
    norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return norm.square_().div_(x.shape[-1]).add_(eps).rsqrt_()


class _UnitRMS(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, eps: float) -> Tensor:
        inverse = inverse_rms(x, eps)
        out = x * inverse
        ctx.save_for_backward(out, inverse)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        out, inverse = ctx.saved_tensors
        along = (grad * out).mean(-1, keepdim=True)
        return torch.addcmul(grad, out, along, value=-1).mul_(inverse), None


def swiglu(unit: Tensor, gate: Tensor, up: Tensor) -> Tensor:
    """``silu(unit gate^T) * (unit up^T)``, ``[n, M]`` of ``[n, H]`` and two weights ``[M, H]``.

    Two products with contiguous results: elementwise steps over halves of one result take three times as long.
    """
    return _SwiGLU.apply(unit, gate, up)  # type: ignore[no-any-return]


class _SwiGLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, unit: Tensor, gate: Tensor, up: Tensor) -> Tensor:
        opened, raised = unit @ gate.T, unit @ up.T
        active = functional.silu(opened)
        ctx.save_for_backward(unit, gate, up, opened, raised, active)
        return active * raised

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # type: ignore[override]
        unit, gate, up, opened, raised, active = ctx.saved_tensors
        to_raised = grad * active
        to_opened = torch.ops.aten.silu_backward(grad * raised, opened)
        # The narrow matrix on the left: the product of the wide one's transpose is a third slower.
        return (to_opened @ gate).addmm_(to_raised, up), (unit.T @ to_opened).T, (unit.T @ to_raised).T


def paired(weight: Tensor, norm: Tensor | float, heads: int, shared: int) -> Tensor:
    """Weights ``[(heads + 2 shared) d, H]`` of queries, keys and values for ``rotate_pairs``: norm folded in, queries
    scaled, pairs put next to each other (``[a, b]`` halves of a head become ``a0 b0 a1 b1 ...``).

    ``shared``: heads of keys and values.
    """
    size = len(weight) // (heads + 2 * shared)
    query, key, value = weight.split([heads * size, shared * size, shared * size])
    pairs = torch.cat([query * size**-0.5, key]).view(heads + shared, 2, size // 2, -1).transpose(1, 2)
    return torch.cat([pairs.reshape(-1, weight.shape[1]), value]) * norm


def rotation(angle: Tensor, dtype: torch.dtype) -> Tensor:
    """``e^{i angle}`` for states of a type."""
    return torch.polar(torch.ones_like(angle), angle).to(dtype.to_complex())


def rotate_pairs(qkv: Tensor, turn: Tensor, heads: int, shared: int) -> Tensor:
    """Rotate queries and keys of ``[n, (heads + 2 shared) d]`` in place by ``turn`` ``[n, d / 2]``; values stay."""
    pairs = torch.view_as_complex(qkv.view(len(qkv), heads + 2 * shared, turn.shape[1], 2))
    pairs[:, : heads + shared].mul_(turn[:, None])
    return qkv
