"""What a piece is: a frozen dataclass with ``__call__`` that says which columns it reads and writes.

Its fields are its hyper-parameters, so a piece prints, compares, is changed by ``dataclasses.replace``,
is saved as JSON and becomes command-line flags. The kinds differ only in what a call takes and gives:

=============  ==========================================================  ======================
kind           call                                                        slots
=============  ==========================================================  ======================
Transform      ``(batch) -> {column: values}``                             rewards, shaping, credit, advantage
Filter         ``(batch) -> bool [group]`` (or [traj], by ``level``)       filters
Curriculum     ``pick(task, count, stream, state)``, ``observe(...)``      curriculum
Rollout        ``(task, policy, pick, stream) -> Batch``                   rollout
Term           ``(batch) -> RowLoss``                                      objective.surrogate, .regularizers
Weight         ``(batch) -> [action]`` detached multiplier                 objective.weights
Aggregation    ``(batch, level) -> [level]`` weights of the row losses     objective.aggregation
Metric         ``(batch) -> {name: float}``                                metrics
TaskSpec       what is to be done; see ``tasks/``                          task
Scorer         ``(problem, response) -> score``; see ``scorers/``          inside ``Scored``
PolicySpec     ``build(task, wants, stream) -> Policy``                    policy
=============  ==========================================================  ======================

A piece with learned or running state returns an ``nn.Module`` from ``init_state()`` and is then called
with it as a last argument; the loop keeps the module and saves its ``state_dict`` in checkpoints.

Snapshot columns need no piece. Reading ``action.old_logprob`` makes the loop evaluate the policy as it
was when the update began; ``ref_`` means the frozen reference, ``ema_`` a slowly moving copy. They are
computed when first read, without gradients, for the rows that are left by then.
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import Tensor, nn

from guerdon.base import Piece as Piece
from guerdon.base import Scorer as Scorer
from guerdon.base import TaskSpec as TaskSpec
from guerdon.batch import Batch, Column
from guerdon.rng import Stream

SNAPSHOTS: Mapping[str, str] = {
    "old": "the policy when the update began",
    "ref": "the frozen reference",
    "ema": "an exponential moving average of the policy",
}
"""Column prefixes that the loop fills by evaluating another copy of the policy."""


class Transform(Piece):
    """Batch -> new columns: rewards, shaping, credit, advantages."""

    @abstractmethod
    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """New or replaced columns; exactly those named in ``writes``."""


class Filter(Piece):
    """Which groups (or trajectories) of a fresh batch are worth an update."""

    level: ClassVar[str] = "group"
    drops_equal_groups: ClassVar[bool] = False
    """Whether it drops the groups whose rewards are all equal."""

    @abstractmethod
    def __call__(self, batch: Batch) -> Tensor:
        """Boolean ``[level]``: true is kept."""


class Curriculum(Piece):
    """Which problems come next."""

    @abstractmethod
    def pick(self, task: Any, count: int, stream: Stream, state: Any = None) -> list[int]:
        """Numbers of the training problems for the next rollout."""

    def observe(self, batch: Batch, state: Any = None) -> None:
        """Learn from a scored batch; ``group.problem_id`` says which problems it held."""


Pick = Callable[[int], list[int]]


class Rollout(Piece):
    """Task + policy -> Batch. ``writes`` names the columns it makes."""

    draws_policy: ClassVar[bool] = False
    """Whether the distribution it samples from is that of the trainer's policy, in the trainer's process."""
    longest: ClassVar[int | None] = None
    """Most actions of a response; None: the task decides."""

    @abstractmethod
    def __call__(self, task: Any, policy: Any, pick: Pick, stream: Stream) -> Batch:
        """Collect one batch. ``pick(n)`` gives the numbers of n training problems."""


@dataclass(frozen=True)
class RowLoss:
    """Losses of the rows of one level, not yet aggregated."""

    level: str
    values: Tensor
    """``[level]``, with gradient."""
    metrics: Mapping[str, Tensor] = field(default_factory=dict)
    """Name -> ``[level]``, detached; logged as the mean over rows, whatever the micro-batches were."""


class Term(Piece):
    """One loss per row of a level."""

    unit: ClassVar[str] = "action"
    """What must not be split between micro-batches: ``action``, ``traj``, ``group`` or ``batch``."""
    repeats_response: ClassVar[bool] = False
    """Whether every action's loss is that of its whole response, so that a sum over them counts it once per action."""

    @abstractmethod
    def __call__(self, batch: Batch, state: Any = None) -> RowLoss:
        """Row losses. A term that is weighted has a field ``coef`` and applies it itself."""


class Weight(Piece):
    """A detached multiplier per action, applied to the row losses of the surrogate."""

    unit: ClassVar[str] = "action"

    @abstractmethod
    def __call__(self, batch: Batch) -> Tensor:
        """``[action]``."""


class Aggregation(Piece):
    """How row losses become one scalar: ``loss = sum(weights * row_losses)``.

    The weights are computed once per optimiser step, before micro-batches are cut, so the gradient
    does not depend on the micro-batch size.
    """

    averages_response: ClassVar[bool] = False
    """Whether the weights of a response's actions sum to the same number for all responses."""

    @abstractmethod
    def __call__(self, batch: Batch, level: str) -> Tensor:
        """Weights ``[level]``."""


class Metric(Piece):
    """Numbers for the log."""

    @abstractmethod
    def __call__(self, batch: Batch) -> Mapping[str, float]:
        """Name -> value."""


class Policy(nn.Module, ABC):
    """What acts and is trained.

    Training mode marks an update, for what saves memory there. It may not change the numbers (no dropout): sampler,
    snapshots and update have to see one distribution, or ratios are not 1 on-policy.
    """

    provides: frozenset[str] = frozenset()
    """Columns that ``evaluate`` can compute, such as ``action.logprob``."""
    unit: str = "traj"
    """What its forward pass needs whole: ``traj`` (a sequence model) or ``action`` (it sees single steps)."""
    origin: "Origin | None" = None
    """How it was built; the loop notes it, so that a run that goes on from this policy can be resumed."""

    @property
    def packs(self) -> bool:
        """Whether a forward pass holds no padding and shared prompts once, so that groups are better kept together."""
        return False

    @abstractmethod
    def evaluate(self, batch: Batch, wants: frozenset[str]) -> dict[str, Tensor]:
        """The wanted columns for these rows, with gradient where grad is enabled."""

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Optimiser groups; a group's ``lr_scale`` multiplies the learning rate."""
        return [{"params": [p for p in self.parameters() if p.requires_grad], "lr_scale": 1.0}]

    def frozen(self) -> "Policy":
        """A copy for a snapshot. A policy that can share its weights (LoRA) overrides this."""
        return copy.deepcopy(self)

    def after_update(self) -> None:
        """Called after each optimiser step (target networks move here)."""


class PolicySpec(Piece):
    """How to build a policy."""

    @abstractmethod
    def build(self, task: Any, wants: frozenset[str], stream: Stream) -> Policy:
        """A policy for the task that can provide ``wants`` (heads nobody reads are not made)."""


@dataclass(frozen=True)
class Origin:
    """What ``PolicySpec.build`` was called with: enough to build a policy of the same shape."""

    spec: PolicySpec
    task: Any
    wants: frozenset[str]

    def build(self, stream: Stream) -> Policy:
        """A fresh policy that remembers where it is from."""
        policy = self.spec.build(self.task, self.wants, stream)
        policy.origin = self
        return policy

    def __deepcopy__(self, memo: Any) -> "Origin":
        # Snapshots copy policies; a task may hold a data set, and nothing here ever changes.
        return self


def members(piece: Any) -> Sequence[Piece]:
    """A slot's content as a sequence: a piece alone, a tuple of pieces, or nothing."""
    if piece is None:
        return ()
    return piece if isinstance(piece, tuple) else (piece,)
