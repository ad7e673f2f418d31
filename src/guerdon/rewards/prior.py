"""Priors over the reasoning alone: the log-prob of each token under something that has not seen the prompt (cib).

Idea
    What a response tells about its prompt is what it costs beyond such a prior.
Maths
    ``UniformPrior``: ``-log V``. ``UnigramPrior``: ``log q[id]``. ``PromptFreePrior``: ``log Q(z_t | z_<t)`` of a frozen
    language model that is given the end-of-text token instead of the prompt.
Reads
    ``action.id``; for the model ``traj.input_ids`` and ``token.position``.
Deviations
    The model has to share the policy's vocabulary. It is no part of a checkpoint: a resumed run builds it again.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from guerdon import segment
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import PolicySpec, Transform
from guerdon.policies.language_model import LanguageModel
from guerdon.rng import Stream

LOGPROB = frozenset({"action.logprob"})


@dataclass(frozen=True)
class UniformPrior(Transform):
    """``log Q = -log V``."""

    vocab: int
    """V: number of symbols."""

    writes = ("action.prior_logprob",)

    def __post_init__(self) -> None:
        if self.vocab < 1:
            raise GuerdonError(f"UniformPrior.vocab must be at least 1, got {self.vocab}")

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``action.prior_logprob``, ``[action]``."""
        return {"action.prior_logprob": torch.full((batch.size("action"),), -math.log(self.vocab), device=batch.device)}


@dataclass(frozen=True)
class UnigramPrior(Transform):
    """``log Q = log q[id]``."""

    probabilities: tuple[float, ...]
    """q: probability of each symbol, by id."""

    reads = ("action.id",)
    writes = ("action.prior_logprob",)

    def __post_init__(self) -> None:
        if not self.probabilities or min(self.probabilities) <= 0 or abs(math.fsum(self.probabilities) - 1) > 1e-6:
            raise GuerdonError(f"UnigramPrior.probabilities must be positive and add up to 1, got {self.probabilities}")

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``action.prior_logprob``, ``[action]``."""
        table = torch.tensor(self.probabilities, device=batch.device).log()
        return {"action.prior_logprob": table[batch["action.id"]]}


class FrozenModel(nn.Module):
    """A model that moves with the run and is not saved with it."""

    def __init__(self, model: LanguageModel) -> None:
        super().__init__()
        # In a tuple, so that it is no submodule: a checkpoint holds what the run has changed.
        self.held = (model.requires_grad_(False).eval(),)

    def _apply(self, fn: Any, recurse: bool = True) -> "FrozenModel":
        self.held[0]._apply(fn, recurse)
        return super()._apply(fn, recurse)


@dataclass(frozen=True)
class PromptFreePrior(Transform):
    """``log Q(z_t | z_<t)`` of a frozen language model without the prompt."""

    model: PolicySpec
    """How to build Q; it must not need a task."""

    reads = ("traj.input_ids", "token.position", "token.id")
    writes = ("token.prior_logprob",)

    def init_state(self) -> nn.Module:
        """The frozen model.

        Raises:
            GuerdonError: if it is no language model.
        """
        model = self.model.build(None, LOGPROB, Stream((0, "prior")))
        if not isinstance(model, LanguageModel):
            raise GuerdonError(
                f"PromptFreePrior.model must build a language model, got {type(self.model).__name__}; "
                "take HuggingFaceLM"
            )
        return FrozenModel(model)

    def __call__(self, batch: Batch, state: FrozenModel | None = None) -> Mapping[str, Column]:
        """``token.prior_logprob``, ``[token]``."""
        assert state is not None
        model, place, index = state.held[0], batch["token.position"], batch.index("token", "traj")
        first = segment.first(place, index, batch.size("traj"))
        some = segment.count(index, batch.size("traj")) > 0
        begins = [int(at) if has else None for at, has in zip(first.tolist(), some.tolist(), strict=True)]
        start = torch.tensor([model.tokenizer.eos_id], dtype=torch.int64, device=place.device)
        sequences = [
            start if begin is None else torch.cat([start, ids[begin:].to(start)])
            for begin, ids in zip(begins, batch["traj.input_ids"], strict=True)
        ]
        moved = place - first[index] + 1
        alone = Batch({}, batch.parent, batch.sizes).with_columns(
            {"traj.input_ids": sequences, "token.position": moved, "token.id": batch["token.id"]}
        )
        with torch.no_grad():
            return {"token.prior_logprob": model.evaluate(alone, LOGPROB)["action.logprob"]}
