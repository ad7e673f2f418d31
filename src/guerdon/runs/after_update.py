"""What the policy makes of a batch after it was trained on it: stored with rollouts, so that a viewer shows the change.

Idea
    One forward pass without gradient over the stored rollouts gives ``action.new_logprob`` and ``action.new_entropy``.
    Against ``behavior_logprob`` they show, token by token, where the update went.
Reads
    What the recipe's pieces already read of the policy: a recipe that never asks for ``action.logprob`` gets nothing.
Deviations
    It happens outside of the step, draws from a stream of its own and changes no weight, so the run is the same with
    and without it.
"""

from typing import TYPE_CHECKING

import torch

from guerdon.batch import Batch
from guerdon.rng import seeded
from guerdon.snapshots import evaluate_in_parts
from guerdon.update import autocast

if TYPE_CHECKING:
    from guerdon.loop import Trainer

COLUMNS = {"action.logprob": "action.new_logprob", "action.entropy": "action.new_entropy"}


def after_update(trainer: "Trainer", batch: Batch) -> Batch:
    """The batch with the columns of the policy as it is now."""
    from guerdon.loop import base

    wants = trainer.policy.provides & COLUMNS.keys()
    # Where the update itself evaluated log-probs of these rows, doing it again is safe.
    if "action.logprob" not in wants or "action.logprob" not in map(base, trainer.recipe.reads()):
        return batch
    update = trainer.recipe.update
    stream = trainer.stream.child("after_update", trainer.step)
    with seeded(stream, trainer.device), torch.no_grad(), autocast(update.precision, batch.device):
        values = evaluate_in_parts(trainer.policy, batch, frozenset(wants), update)
    return batch.with_columns({COLUMNS[name]: value for name, value in values.items()})


__all__ = ["after_update"]
