"""Other copies of the policy (old, ref, ema) and the columns they give; see ``piece.SNAPSHOTS``."""

from collections.abc import Sequence
from typing import Any

import torch

from guerdon.batch import Batch
from guerdon.piece import Policy
from guerdon.update import Update, autocast


class Snapshots:
    """Keeps the copies that a recipe reads, and no others."""

    def __init__(self, policy: Policy, needed: frozenset[str], update: Update) -> None:
        """Copy the policy now for ``ref`` and ``ema``; ``old`` is the policy itself before its update."""
        self.update = update
        self.copies = {name: frozen_copy(policy) for name in sorted(needed - {"old"})}

    def fill(self, names: Sequence[str], policy: Policy, batch: Batch) -> Batch:
        """Add the snapshot columns ``names``; one forward pass per copy, without gradient.

        With ``update.recompute_old=False``, ``old_logprob`` is the sampler's ``behavior_logprob``.
        """
        from guerdon.recipe import snapshot

        wanted: dict[str, dict[str, str]] = {}
        for name in names:
            parts = snapshot(name)
            assert parts is not None
            if name == "action.old_logprob" and not self.update.recompute_old and "action.behavior_logprob" in batch:
                batch = batch.with_columns({name: batch["action.behavior_logprob"]})
                continue
            wanted.setdefault(parts[0], {})[parts[1]] = name
        for prefix, columns in wanted.items():
            model = policy if prefix == "old" else self.copies[prefix]
            with torch.no_grad(), autocast(self.update.precision, batch.device):
                values = evaluate_in_parts(model, batch, frozenset(columns), self.update)
            batch = batch.with_columns({columns[name]: value for name, value in values.items()})
        return batch

    def after_step(self, policy: Policy) -> None:
        """Move the moving average, if there is one."""
        if "ema" not in self.copies:
            return
        with torch.no_grad():
            for slow, fast in zip(self.copies["ema"].parameters(), policy.parameters(), strict=True):
                slow.lerp_(fast, 1 - self.update.ema_decay)

    def state_dict(self) -> dict[str, Any]:
        """Copy name -> its state."""
        return {name: model.state_dict() for name, model in self.copies.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Counterpart of ``state_dict``."""
        for name, model in self.copies.items():
            model.load_state_dict(state[name])


def frozen_copy(policy: Policy) -> Policy:
    """A copy of a policy that is never trained. A policy may offer a cheaper one (``frozen``), as LoRA does."""
    return policy.frozen().requires_grad_(False).eval()


def evaluate_in_parts(model: Policy, batch: Batch, wants: frozenset[str], update: Update) -> dict[str, Any]:
    """``model.evaluate`` in the passes of an update, put together again."""
    from guerdon.update import micro_batches

    numbered = batch.with_columns({"action.row": torch.arange(batch.size("action"), device=batch.device)})
    rows, parts = [], []
    for part in micro_batches(numbered, update, model.unit, model.packs):
        rows.append(part["action.row"])
        parts.append(model.evaluate(part, wants))
    if len(parts) < 2:
        # A policy may give more than it was asked for.
        found = parts[0] if parts else model.evaluate(batch, wants)
        return {name: found[name] for name in wants}
    order = torch.cat(rows).argsort()
    return {name: torch.cat([part[name] for part in parts])[order] for name in wants}


__all__ = ["Snapshots", "evaluate_in_parts", "frozen_copy"]
