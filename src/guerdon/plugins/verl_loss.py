"""A guerdon objective as a verl policy loss: row losses by guerdon, normalised over the global batch by verl.

Maths
    ``loss = sum_rows w(row) [prod weights * surrogate + regularizers](row)`` with verl's own weights: ``agg_loss`` is
    linear in the losses, so its gradient at any point is w, whatever mode and version. It knows the tokens and
    sequences of the global batch, so micro-batches and data-parallel ranks change nothing.
Reads
    What verl hands to a policy loss: log-probs, old log-probs, advantages and mask; ``rollout_is_weights`` multiply the
    surrogate as they do verl's own losses.
Deviations
    The recipe's aggregation and verl's ``loss_agg_mode`` have to say the same, else it is refused. KL penalty and
    entropy bonus are added by verl, so they have to agree with ``use_kl_loss`` and ``entropy_coeff``; value losses are
    those of verl's critic. verl counts trajectories as its global batch does, ``count_empty`` notwithstanding.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.objective import Objective
from guerdon.objectives.aggregation import SeqMeanTokenMean, SeqMeanTokenSum, SumOverLength, TokenMean
from guerdon.objectives.entropy import EntropyBonus
from guerdon.objectives.kl import KLPenalty
from guerdon.objectives.row_weight import RowWeight
from guerdon.objectives.value_clip import ValueClip
from guerdon.piece import Aggregation, Term
from guerdon.plugins.verl_batch import pack, padded
from guerdon.recipe import Recipe

GIVEN = frozenset({"action.logprob", "action.old_logprob", "action.advantage", "action.mask"})
"""Columns that a policy loss of verl can have."""
MODES: Mapping[type[Aggregation], str] = {
    TokenMean: "token-mean",
    SeqMeanTokenSum: "seq-mean-token-sum",
    SeqMeanTokenMean: "seq-mean-token-mean",
}
KINDS = {"k1": ("kl", "k1"), "abs": ("abs",), "k2": ("mse", "k2"), "k3": ("low_var_kl", "k3")}
"""Estimator -> verl's names of it."""

Aggregate = Callable[..., Tensor]


def aggregation(piece: Aggregation, mode: str, scale: float | None) -> float:
    """Refuse an aggregation that verl's mode does not mean; the factor that it differs by otherwise.

    Raises:
        GuerdonError: naming the setting that agrees.
    """
    where = f"actor.loss_agg_mode must say what the recipe's {type(piece).__name__} says"
    if isinstance(piece, SumOverLength):
        if not piece.per_trajectory:
            if mode != "token-sum":
                raise GuerdonError(f"{where}, 'token-sum' (divided by {piece.length} here), got {mode!r}")
            return 1.0 / piece.length
        if mode != "seq-mean-token-sum-norm" or scale != piece.length:
            raise GuerdonError(
                f"{where}, 'seq-mean-token-sum-norm' with actor.loss_scale_factor={piece.length}, got {mode!r} "
                f"and {scale}"
            )
        return 1.0
    wanted = MODES.get(type(piece))
    if wanted is None:
        raise GuerdonError(f"a policy loss needs an aggregation that verl has, got {type(piece).__name__}")
    if mode != wanted:
        raise GuerdonError(f"{where}, {wanted!r}, got {mode!r}")
    return 1.0


def inside(objective: Objective, config: Any) -> Objective:
    """The objective without the terms that verl adds itself.

    Raises:
        GuerdonError: if verl's settings for them differ, or a part cannot run inside a policy loss.
    """
    kept = tuple(term for term in objective.regularizers if not _is_verls(term, config))
    objective = dataclasses.replace(objective, regularizers=kept)
    for part in (*objective.terms, *objective.weights):
        name = type(part).__name__
        if missing := sorted(set(part.reads) - GIVEN):
            raise GuerdonError(f"{name} reads {', '.join(missing)}, which verl does not give to a policy loss")
        if part.unit not in ("action", "traj"):
            raise GuerdonError(f"{name} compares responses, and verl cuts its batches anywhere; use another term")
        if part.init_state() is not None:
            raise GuerdonError(f"{name} has a state, which a policy loss of verl cannot keep")
    return objective


def _is_verls(term: Term, config: Any) -> bool:
    """Whether verl adds a term, with the same coefficient.

    Raises:
        GuerdonError: if verl would, but its settings say otherwise.
    """
    if isinstance(term, KLPenalty) and term.reference == "ref" and not term.importance_correction:
        names = [name + "+" * term.straight_through for name in KINDS[term.estimator]]
        agrees = config.use_kl_loss and config.kl_loss_coef == term.coef and config.kl_loss_type in names
        if not agrees and term.coef:
            raise GuerdonError(
                f"the recipe's KL penalty is added by verl: set actor.use_kl_loss=true, actor.kl_loss_coef={term.coef} "
                f"and actor.kl_loss_type={names[0]}"
            )
        return True
    if isinstance(term, EntropyBonus):
        if config.entropy_coeff != term.coef:
            raise GuerdonError(f"the recipe's entropy bonus is added by verl: set actor.entropy_coeff={term.coef}")
        return True
    return isinstance(term, ValueClip)


def weights(agg_loss: Aggregate, mask: Tensor, mode: str, info: Mapping[str, Any]) -> Tensor:
    """verl's weight of each position, ``[rows, positions]``."""
    with torch.enable_grad():
        at = torch.zeros(mask.shape, device=mask.device, requires_grad=True)
        return torch.autograd.grad(agg_loss(at, mask, mode, **info), at)[0]


def loss_batch(
    old_log_prob: Tensor, log_prob: Tensor, advantages: Tensor, mask: Tensor, is_weights: Tensor | None = None
) -> Batch:
    """The micro-batch as a batch: a group per row, as verl does not say which prompt a row answers."""
    fields = {"token.old_logprob": old_log_prob, "token.logprob": log_prob, "token.advantage": advantages}
    if is_weights is not None:
        fields["token.rollout_weight"] = is_weights
    return pack(mask, None, fields)


def policy_loss(
    recipe: Recipe,
    agg_loss: Aggregate,
    old_log_prob: Tensor,
    log_prob: Tensor,
    advantages: Tensor,
    response_mask: Tensor,
    loss_agg_mode: str = "token-mean",
    config: Any = None,
    rollout_is_weights: Tensor | None = None,
) -> tuple[Tensor, dict[str, Any]]:
    """Loss and metrics of one micro-batch, normalised by ``config.global_batch_info``.

    Raises:
        GuerdonError: if the objective cannot run here, or means another aggregation.
    """
    info = dict(config.global_batch_info)
    factor = aggregation(recipe.objective.aggregation, loss_agg_mode, info.get("loss_scale_factor"))
    objective = inside(recipe.objective, config)
    mask = padded(response_mask).bool()
    batch = loss_batch(old_log_prob, log_prob, advantages, mask, rollout_is_weights)
    if rollout_is_weights is not None:
        objective = dataclasses.replace(objective, weights=(*objective.weights, RowWeight("action.rollout_weight")))
    per_token = weights(agg_loss, mask, loss_agg_mode, info) * factor
    whole = mask.any(1, keepdim=True)
    per_traj = weights(agg_loss, whole, "seq-mean-token-sum", {**info, "loss_scale_factor": None})[:, 0]
    batch = batch.with_columns(
        {
            "token.loss_weight": per_token.reshape(-1)[batch["token.cell"]],
            "traj.loss_weight": per_traj[batch["traj.row"]],
        }
    )
    loss, metrics = objective(batch, {})
    with torch.no_grad():
        old_kl = float((batch["token.old_logprob"] - batch["token.logprob"]).sum()) / max(batch.size("token"), 1)
    named = {f"actor/{name}": total / max(rows, 1) for name, (total, rows) in metrics.items()}
    return loss, {"actor/ppo_kl": old_kl, **named}
