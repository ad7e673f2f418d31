"""Log-probability and entropy of a linear softmax head without the full logits.

Idea
    At a vocabulary of 152k, the logits of 8k tokens are 5 GB in fp32, and autograd keeps several copies. The head is
    therefore applied to a few rows at a time, and once more in the backward pass, where each chunk's gradient is formed
    and used up at once. Only two numbers per row are kept in between.
Maths
    ``z = (h W^T + b) / T``, ``p = softmax z``: ``log p_y = z_y - logsumexp z`` and ``H = -sum_j p_j log p_j``, so
    ``dz_j = g_y (1[j = y] - p_j) - g_H p_j (log p_j + H)``. Some models cap: ``z = c tanh((h W^T + b) / c) / T``.
Reads
    Nothing; a function of tensors.
Deviations
    None.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from guerdon.errors import GuerdonError

PLAIN_ELEMENTS = 2**22
"""Up to this many logits the plain computation is faster, and small."""
CPU_BUDGET = 2**25
"""Bytes of one chunk's logits on a CPU; larger chunks are not faster there."""
GPU_BUDGET = 2**29
"""Bytes of one chunk's logits on an accelerator, which needs about a thousand rows to be busy."""


def linear_logprob(
    hidden: Tensor,
    weight: Tensor,
    target: Tensor,
    bias: Tensor | None = None,
    temperature: float | Tensor = 1.0,
    entropy: bool = True,
    chunk_rows: int | None = None,
    cap: float | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Log-probabilities of ``target`` under ``softmax((hidden @ weight.T + bias) / temperature)``, and entropies.

    Gradients reach ``hidden``, ``weight`` and ``bias`` from both results, once (no second derivatives);
    ``temperature`` is a constant. Softmax and sums are computed in fp32 (fp64 for fp64 inputs), the products in
    the inputs' type or in that of a surrounding autocast.

    Args:
        hidden: ``[n, H]``.
        weight: ``[V, H]``.
        target: ``[n]`` int64, in 0..V-1.
        bias: ``[V]`` or None.
        temperature: one for all rows or one per row, ``[n]``.
        entropy: whether the second result is wanted.
        chunk_rows: rows whose logits exist at a time; None takes what fits a fixed memory budget.
        cap: bound c of the logits before the temperature, ``c tanh(logits / c)``; None for none.

    Returns:
        Two tensors ``[n]`` (fp32, or fp64 for fp64 inputs); None for the second if ``entropy`` is false.

    Raises:
        GuerdonError: if shapes do not fit together, a plain ``temperature`` or ``cap`` is not positive,
            or ``chunk_rows`` < 1.
    """
    _check(hidden, weight, target, bias, temperature, chunk_rows, cap)
    rows, vocab = len(hidden), len(weight)
    scale = _per_row(temperature, hidden)
    if chunk_rows is None:
        if rows * vocab <= PLAIN_ELEMENTS:
            return plain_logprob(hidden, weight, target, bias, temperature, entropy, cap)
        budget = CPU_BUDGET if hidden.device.type == "cpu" else GPU_BUDGET
        chunk_rows = max(budget // (vocab * scale.element_size()), 1)
    arguments = (hidden, weight, bias, target, scale, entropy, chunk_rows, cap)
    logprob, row_entropy = _LinearLogprob.apply(*arguments)  # type: ignore[misc]
    return logprob, row_entropy if entropy else None


def plain_logprob(
    hidden: Tensor,
    weight: Tensor,
    target: Tensor,
    bias: Tensor | None = None,
    temperature: float | Tensor = 1.0,
    entropy: bool = True,
    cap: float | None = None,
) -> tuple[Tensor, Tensor | None]:
    """What ``linear_logprob`` computes, with all logits ``[n, V]`` in memory; the same arguments and results."""
    scale = _per_row(temperature, hidden)
    logits = capped(functional.linear(hidden, weight, bias).to(scale.dtype), cap)
    logprobs = (logits / scale[:, None]).log_softmax(-1)
    logprob = logprobs.gather(1, target[:, None])[:, 0]
    return logprob, -(logprobs.exp() * logprobs).sum(-1) if entropy else None


@torch.no_grad()
def mean_logprob(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    temperature: float | Tensor = 1.0,
    chunk_rows: int | None = None,
    cap: float | None = None,
) -> Tensor:
    """Mean over the vocabulary of ``log softmax``, ``mean_j z_j - logsumexp z``, ``[n]`` without gradient.

    The arguments are those of ``linear_logprob``; full logits exist for ``chunk_rows`` rows at a time.
    """
    _check(hidden, weight, torch.zeros(len(hidden), dtype=torch.int64), bias, temperature, chunk_rows, cap)
    scale, device = _per_row(temperature, hidden), hidden.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden.dtype
    if chunk_rows is None:
        budget = CPU_BUDGET if device == "cpu" else GPU_BUDGET
        chunk_rows = max(budget // (len(weight) * scale.element_size()), 1)
    out = scale.new_zeros(len(hidden))
    with torch.autocast(device, enabled=False):
        head = _Head(weight, bias, dtype, cap)
        for part in _chunks(len(hidden), chunk_rows):
            scores, _ = head.scores(hidden[part], scale[part])
            out[part] = scores.mean(-1) - scores.logsumexp(-1)
    return out


def capped(logits: Tensor, cap: float | None) -> Tensor:
    """``cap * tanh(logits / cap)``, or the logits themselves without a cap."""
    return logits if cap is None else cap * torch.tanh(logits / cap)


class _LinearLogprob(torch.autograd.Function):
    """The chunked computation; see ``linear_logprob``."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        target: Tensor,
        scale: Tensor,
        entropy: bool,
        chunk_rows: int,
        cap: float | None,
    ) -> tuple[Tensor, Tensor]:
        device = hidden.device.type
        ctx.dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden.dtype
        ctx.chunk_rows, ctx.entropy, ctx.cap = chunk_rows, entropy, cap
        logprob, normalizer, row_entropy = (scale.new_zeros(len(hidden)) for _ in range(3))
        with torch.autocast(device, enabled=False):
            head = _Head(weight, bias, ctx.dtype, ctx.cap)
            for part in _chunks(len(hidden), chunk_rows):
                scores, _ = head.scores(hidden[part], scale[part])
                peak = scores.amax(-1)
                scores -= peak[:, None]
                own = scores.gather(1, target[part, None])[:, 0]
                # log Z - E[z] with Z not yet divided out: one exponential, and its rounding is no common factor of all p.
                mass = scores.exp() if entropy else scores.exp_()
                total = mass.sum(-1)
                logprob[part], normalizer[part] = own - total.log(), peak + total.log()
                if entropy:
                    row_entropy[part] = total.log() - mass.mul_(scores).sum(-1) / total
        ctx.save_for_backward(hidden, weight, bias, target, scale, normalizer, row_entropy)
        return logprob, row_entropy

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_logprob: Tensor, grad_entropy: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        hidden, weight, bias, target, scale, normalizer, row_entropy = ctx.saved_tensors
        needs_hidden, needs_weight, needs_bias = ctx.needs_input_grad[:3]
        to_hidden = torch.zeros_like(hidden) if needs_hidden else None
        # Chunks are added up in full precision; in bf16 the sum over a batch would lose its small parts.
        to_weight = torch.zeros_like(weight, dtype=scale.dtype) if needs_weight else None
        to_bias = torch.zeros_like(bias, dtype=scale.dtype) if bias is not None and needs_bias else None
        with torch.autocast(hidden.device.type, enabled=False):
            head = _Head(weight, bias, ctx.dtype, ctx.cap)
            for part in _chunks(len(hidden), ctx.chunk_rows):
                scores, bent = head.scores(hidden[part], scale[part])
                scores -= normalizer[part, None]
                down = grad_logprob[part, None] / scale[part, None]
                grad = scores.exp()
                if ctx.entropy:
                    factor = scores.add_(row_entropy[part, None]).mul_(grad_entropy[part, None] / scale[part, None])
                    grad.mul_(factor.add_(down).neg_())
                else:
                    grad.mul_(-down)
                del scores
                grad.scatter_add_(1, target[part, None], down)
                if bent is not None:
                    grad.mul_(bent.square_().neg_().add_(1))
                if to_bias is not None:
                    to_bias += grad.sum(0)
                grad = grad.to(ctx.dtype)
                if to_hidden is not None:
                    to_hidden[part] = (grad @ head.weight).to(hidden.dtype)
                if to_weight is not None:
                    _add_product(to_weight, grad.T, hidden[part].to(ctx.dtype))
        return (
            to_hidden,
            None if to_weight is None else to_weight.to(weight.dtype),
            None if bias is None or to_bias is None else to_bias.to(bias.dtype),
            *[None] * 5,
        )


class _Head:
    """Weight and bias in the type of the products."""

    def __init__(self, weight: Tensor, bias: Tensor | None, dtype: torch.dtype, cap: float | None) -> None:
        self.weight, self.bias, self.dtype, self.cap = weight.to(dtype), bias, dtype, cap

    def scores(self, hidden: Tensor, scale: Tensor) -> tuple[Tensor, Tensor | None]:
        """``z`` in full precision, ``[n, V]``, and with a cap the tanh inside it."""
        scores = (hidden.to(self.dtype) @ self.weight.T).to(scale.dtype)
        if self.bias is not None:
            scores += self.bias
        if self.cap is None:
            return scores.div_(scale[:, None]), None
        bent = scores.div_(self.cap).tanh_()
        return bent * (self.cap / scale[:, None]), bent


def _add_product(total: Tensor, left: Tensor, right: Tensor) -> None:
    if total.dtype == left.dtype:
        total.addmm_(left, right)
    else:
        total += left @ right


def _chunks(rows: int, size: int) -> list[slice]:
    return [slice(start, start + size) for start in range(0, rows, size)]


def _per_row(temperature: float | Tensor, hidden: Tensor) -> Tensor:
    dtype = torch.float64 if hidden.dtype == torch.float64 else torch.float32
    if isinstance(temperature, Tensor):
        return temperature.detach().to(hidden.device, dtype).expand(len(hidden))
    return torch.full((len(hidden),), temperature, dtype=dtype, device=hidden.device)


def _check(
    hidden: Tensor,
    weight: Tensor,
    target: Tensor,
    bias: Tensor | None,
    temperature: float | Tensor,
    chunk_rows: int | None,
    cap: float | None,
) -> None:
    if hidden.dim() != 2 or weight.dim() != 2 or hidden.shape[1] != weight.shape[1]:
        raise GuerdonError(
            f"linear_logprob needs hidden [n, H] and weight [V, H] with one H, "
            f"got {tuple(hidden.shape)} and {tuple(weight.shape)}"
        )
    if target.dtype != torch.int64 or target.shape != hidden.shape[:1]:
        raise GuerdonError(
            f"target must be int64 of shape [{len(hidden)}], one per row of hidden, "
            f"got {target.dtype} of shape {tuple(target.shape)}"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise GuerdonError(f"bias must have shape [{len(weight)}], one per row of weight, got {tuple(bias.shape)}")
    if isinstance(temperature, Tensor):
        if temperature.dim() and temperature.shape != hidden.shape[:1]:
            raise GuerdonError(
                f"temperature must be a number or have shape [{len(hidden)}], got {tuple(temperature.shape)}"
            )
    elif not temperature > 0:
        raise GuerdonError(f"temperature must be positive, got {temperature}; greedy tokens have no log-probability")
    if chunk_rows is not None and chunk_rows < 1:
        raise GuerdonError(f"chunk_rows must be at least 1 or None, got {chunk_rows}")
    if cap is not None and not cap > 0:
        raise GuerdonError(f"cap must be positive or None, got {cap}")
