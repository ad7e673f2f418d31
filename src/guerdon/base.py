"""The kinds of piece that need no torch: what is common to all, tasks and scorers. See ``piece.py``.

Reward workers and the command line load tasks and scorers without waiting for torch.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from torch import nn

    from guerdon.tasks.problem import Problem

Score = float | None | Mapping[str, float | None]
"""What a scorer gives: a number, None for unscored, or several named numbers."""


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


class Scorer(Piece):
    """Problem + response -> score: a rule that judges one response at a time.

    ``rewards/scored.py`` makes a reward of it, ``guerdon score`` and ``guerdon audit`` take it by its name, and a task
    may score by it. It is a plain function of its arguments: no torch, no state, no randomness.
    """

    component: ClassVar[str] = "correct"
    """What its reward is called where nobody says otherwise: ``traj.reward/<component>``."""
    components: tuple[str, ...] = ()
    """The names of the scores, where it gives several. A property where fields decide."""
    bounds: tuple[float, float] = (0.0, 1.0)
    """Smallest and largest score; anything beyond is unscored. A property where fields decide."""
    trusted: ClassVar[bool] = False
    """It is quick, cannot hang or crash and runs no foreign code, so it needs no worker process."""

    def check(self, problem: "Problem") -> None:
        """Refuse a problem that the rule cannot judge, such as one without a reference answer.

        Raises:
            GuerdonError: saying what the problem lacks.
        """

    def at_once(self, problem: "Problem", response: str) -> Score:
        """The score where a look at the texts settles it, quick and safe in any process; None where it takes the call.

        A rule that is not trusted may offer it, so that plain cases need no worker. It equals what the call says.
        """
        return None

    @abstractmethod
    def __call__(self, problem: "Problem", response: str) -> Score:
        """The score of a response. What it raises makes the response unscored."""
