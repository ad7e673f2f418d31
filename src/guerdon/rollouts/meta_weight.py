"""How much to imitate and how much to explore, learned by looking one step ahead (amft).

Idea
    Imitation helps where the policy finds nothing by itself and hurts where demonstrations are worse than it. So try both
    gradients on the policy in thought, and ask fresh samples whether more imitation would have earned more.
Maths
    ``theta' = theta - step grad[(1 - mu) L_RL + mu L_SFT]``; ``dU/dmu = -step grad U(theta')^T (grad L_SFT - grad L_RL)``;
    ``mu <- clip(mu + rate dU/dmu + entropy_rate (H - entropy_target), low, high)``. L_SFT is the mean negative log-prob of
    stored actions, L_RL and -U are the mean of ``-A log p`` over sampled ones, U on samples of its own.
Reads
    What the other rollout writes, ``traj.sampled`` among it; of the policy ``action.logprob`` and ``action.entropy``.
    Writes ``traj.mix_weight``: mu on stored trajectories, 1 - mu on sampled ones, 1 where all are of one origin.
Deviations
    The abstract alone is known: rates, bounds, target and the sign of the entropy term are chosen here
    (``entropy_rate < 0`` turns it round). Fresh samples of training problems are the validation data, and the step is a
    plain one where the update is AdamW's. It holds the gradients of whole batches: three backward passes more.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from guerdon.advantages.standardize import Standardize
from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.objective import call_with_state
from guerdon.objectives.aggregation import trained
from guerdon.piece import Pick, Rollout, Transform
from guerdon.rng import Stream
from guerdon.rollouts.with_stored import WithStored
from guerdon.shaping.weighted_sum import WeightedSum

WANTS = frozenset({"action.logprob", "action.entropy"})


class MixState(nn.Module):
    """The weight, how often it was asked for, and the other rollout's state."""

    weight: Tensor
    calls: Tensor

    def __init__(self, start: float, inner: nn.Module | None) -> None:
        super().__init__()
        self.register_buffer("weight", torch.tensor(start, dtype=torch.float64))
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))
        self.inner = inner


@dataclass(frozen=True)
class MetaWeight(Rollout):
    """Another rollout's batch with ``traj.mix_weight``, by a weight of imitation that follows ``dU/dmu`` and the entropy."""

    rollout: Rollout = field(default_factory=WithStored)
    """What samples; it writes ``traj.sampled``."""
    rewards: tuple[Transform, ...] = ()
    """What scores the samples here, before the loop does: the recipe's rewards, where the rollout brings none."""
    advantage: Transform = field(default_factory=lambda: Standardize(scale="none", among="traj.sampled"))
    """Reward -> advantage, in L_RL and in U."""
    start: float = 0.5
    """mu at the start."""
    bounds: tuple[float, float] = (0.0, 1.0)
    """Smallest and largest mu."""
    rate: float = 1.0
    """Of the look-ahead; 0: leave it out."""
    step: float = 1.0
    """Learning rate of the step in thought."""
    entropy_rate: float = 0.0
    """Of the entropy: above the target towards imitation; 0: leave it out."""
    entropy_target: float = 0.5
    """Nats per action."""
    every: int = 1
    """Rollouts between changes of mu."""
    warmup: int = 0
    """Rollouts of imitation alone at the start."""

    def __post_init__(self) -> None:
        low, high = self.bounds
        if not 0 <= low <= self.start <= high <= 1:
            raise GuerdonError(f"MetaWeight needs 0 <= low <= start <= high <= 1, got {self.bounds} and {self.start}")
        if self.every < 1 or self.warmup < 0 or not self.step > 0:
            got = f"{self.every}, {self.warmup} and {self.step}"
            raise GuerdonError(f"MetaWeight needs every >= 1, warmup >= 0 and step > 0, got {got}")

    @property
    def writes(self) -> tuple[str, ...]:
        """The columns of the other rollout, and the weight."""
        return (*self.rollout.writes, "traj.mix_weight")

    def init_state(self) -> MixState:
        """mu at its start."""
        return MixState(self.start, self.rollout.init_state())

    def __call__(self, task: Any, policy: Any, pick: Pick, stream: Stream, state: MixState | None = None) -> Batch:
        """One batch; mu moves before it is written."""
        state = self.init_state() if state is None else state
        batch = call_with_state(self.rollout, task, policy, pick, stream, state=state.inner)
        warm = int(state.calls) < self.warmup
        if not warm and (int(state.calls) - self.warmup) % self.every == 0 and (self.rate or self.entropy_rate):
            validation = None
            if self.rate:
                inner = stream.child("validation")
                validation = call_with_state(self.rollout, task, policy, pick, inner, state=state.inner)
                validation = self._scored(validation, task, policy)
            change = self._change(policy, self._scored(batch, task, policy), validation, float(state.weight))
            state.weight.copy_((state.weight + change).clamp(*self.bounds))
        state.calls += 1
        mu, sampled = 1.0 if warm else float(state.weight), batch["traj.sampled"]
        one_origin = bool(sampled.all()) or not bool(sampled.any())
        weight = torch.where(sampled, 1.0 if one_origin else 1 - mu, 1.0 if one_origin else mu)
        return batch.with_columns({"traj.mix_weight": weight})

    def _scored(self, batch: Batch, task: Any, policy: nn.Module) -> Batch:
        batch = batch.to(next(policy.parameters()).device).with_run(task=task)
        for piece in (*self.rewards, WeightedSum(), self.advantage):
            batch = batch.with_columns(call_with_state(piece, batch, state=None))
        return batch

    def _change(self, policy: Any, batch: Batch, validation: Batch | None, mu: float) -> float:
        parameters = [p for p in policy.parameters() if p.requires_grad]
        with torch.enable_grad():
            columns = policy.evaluate(batch, WANTS)
            sampled = batch["action.sampled"] & trained(batch)
            stored = ~batch["action.sampled"] & trained(batch)
            entropy = mean(columns["action.entropy"].detach(), sampled)
            change = self.entropy_rate * (float(entropy) - self.entropy_target)
            if validation is not None and bool(stored.any()) and bool(sampled.any()):
                imitation = gradient(-mean(columns["action.logprob"], stored), parameters)
                exploration = gradient(-surrogate(batch, columns["action.logprob"]), parameters)
                utility = lambda: surrogate(validation, policy.evaluate(validation, WANTS)["action.logprob"])  # noqa: E731
                change += self.rate * lookahead_slope(parameters, imitation, exploration, utility, mu, self.step)
        return change


def surrogate(batch: Batch, logprob: Tensor) -> Tensor:
    """Mean of ``A log p`` over the sampled actions."""
    return mean(batch["action.advantage"] * logprob, batch["action.sampled"] & trained(batch))


def mean(values: Tensor, where: Tensor) -> Tensor:
    """Mean of the chosen rows, 0 if there are none."""
    return values[where].sum() / max(int(where.sum()), 1)


def gradient(value: Tensor, parameters: Sequence[Tensor]) -> list[Tensor]:
    """d value / d parameters, 0 where it does not depend on one."""
    slopes = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True)
    return [torch.zeros_like(p) if slope is None else slope for p, slope in zip(parameters, slopes, strict=True)]


def lookahead_slope(
    parameters: Sequence[Tensor],
    imitation: Sequence[Tensor],
    exploration: Sequence[Tensor],
    utility: Callable[[], Tensor],
    weight: float,
    step: float,
) -> float:
    """d U(theta') / d weight, with ``theta' = theta - step ((1 - weight) exploration + weight imitation)``.

    Args:
        parameters: theta; they are moved for the time of the call.
        imitation: gradient of L_SFT at theta.
        exploration: gradient of L_RL at theta.
        utility: U at the parameters as they are when it is called.
        weight: mu.
        step: learning rate.
    """
    mixed = [(1 - weight) * e + weight * i for e, i in zip(exploration, imitation, strict=True)]
    with moved(parameters, mixed, -step):
        slope = gradient(utility(), parameters)
    apart = zip(slope, imitation, exploration, strict=True)
    return -step * sum(float((u * (i - e)).sum()) for u, i, e in apart)


@contextlib.contextmanager
def moved(parameters: Sequence[Tensor], directions: Sequence[Tensor], factor: float) -> Iterator[None]:
    """Parameters moved by ``factor * directions`` inside the block, and exactly as they were after it."""
    before = [p.detach().clone() for p in parameters]
    try:
        with torch.no_grad():
            for parameter, direction in zip(parameters, directions, strict=True):
                parameter.add_(direction, alpha=factor)
        yield
    finally:
        with torch.no_grad():
            for parameter, old in zip(parameters, before, strict=True):
                parameter.copy_(old)
