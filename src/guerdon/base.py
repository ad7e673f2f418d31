"""The two kinds of piece that need no torch: what is common to all, and tasks. See ``piece.py``.

Reward workers and the command line load tasks without waiting for torch.
"""

from abc import ABC
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from torch import nn


class Piece(ABC):  # noqa: B024 (abstract by its subclasses' __call__)
    """Common to all kinds. Subclasses are frozen dataclasses, abstract or final."""

    reads: ClassVar[tuple[str, ...]] = ()
    """Columns the call needs; ``traj.reward/*`` stands for at least one component. A property where fields decide."""
    writes: ClassVar[tuple[str, ...]] = ()
    """Columns the call adds or replaces."""
    invariant: ClassVar[frozenset[str]] = frozenset()
    """What in its *input* cannot change its output: ``scale`` (a positive factor common to the batch),
    ``group_scale`` (one per group), ``shift`` (a constant common to the batch), ``group_shift`` (one per group)."""
    acts_as: ClassVar[str] = ""
    """Set where the piece does nothing but one of those four things to the column it rewrites."""

    def init_state(self) -> "nn.Module | None":
        """The piece's running or learned state, or None. Called once per run."""
        return None


class TaskSpec(Piece):
    """What is to be done. What else a task offers depends on its rollout; see ``tasks/``."""
