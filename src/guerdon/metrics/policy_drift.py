"""Entropy of the policy and its distance from the reference: the two numbers that show a run going wrong first.

Maths
    ``entropy``: mean over actions of H(pi(.|s)). ``kl``: mean over actions of k3 = e^{-d} + d - 1 with
    d = log pi - log ref, an unbiased, non-negative estimate of KL(pi || ref) per action (Schulman, 2020).
Reads
    ``action.old_entropy``, ``action.old_logprob``, ``action.ref_logprob``: one extra forward pass per copy.
Deviations
    Measured before the update, at the policy that sampled the batch. One action that the reference would hardly take can
    be all of the mean, so k3 is bounded as verl bounds it: the log ratio by +-20, the estimate by 10.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from guerdon.batch import Batch
from guerdon.objectives.kl import kl_estimate
from guerdon.piece import Metric


@dataclass(frozen=True)
class PolicyDrift(Metric):
    """Logs ``entropy`` and ``kl``, in nats per action."""

    reads = ("action.old_entropy", "action.old_logprob", "action.ref_logprob")

    def __call__(self, batch: Batch) -> Mapping[str, float]:
        """Means over the batch's actions; nothing where it has none."""
        if not batch.size("action"):
            return {}
        kl = kl_estimate(batch["action.old_logprob"] - batch["action.ref_logprob"], "k3", 20.0, 10.0)
        return {"entropy": float(batch["action.old_entropy"].mean()), "kl": float(kl.mean())}
