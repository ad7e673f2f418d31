"""The kinds of piece that need no torch: what is common to all, tasks and scorers. See ``piece.py``.

Reward workers and the command line load tasks and scorers without waiting for torch.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

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
    """Set where the piece does nothing but one of those four things to the column it rewrites, or, with ``affine`` or
    ``group_affine``, a scale and a shift."""
    moot: ClassVar[str] = ""
    """Which of its settings cannot matter and why, as the rest of a sentence about the piece; empty if all can."""
    needs_peers: ClassVar[bool] = False
    """Whether it compares the responses to a prompt with each other, so that one alone gives nothing."""
    needs_prompts: ClassVar[bool] = False
    """Whether it compares the prompts of a batch with each other, so that one alone gives nothing."""
    for_equal_groups: ClassVar[bool] = False
    """Whether it is there to learn from groups whose rewards are all equal."""
    clips_ratio: ClassVar[bool] = False
    """Whether value and gradient are those of no limit while the policy is the one that the update began with."""
    plain_at_old: ClassVar[bool] = False
    """Whether it is a plain policy gradient, up to a factor, while the policy is that one."""
    flat_on_samples: ClassVar[bool] = False
    """Whether its gradient over samples of the policy is 0 on average."""
    mends_mismatch: ClassVar[bool] = False
    """Whether all it does is to make up for a sampler that is not the trainer's policy."""
    acts_beyond: ClassVar[int | None] = None
    """Length of a response, in actions, up to which it does nothing; None: it acts at every length."""
    memory: ClassVar[int | None] = None
    """Rewards of a prompt that its running statistics hold; None: it has none."""
    warmup_steps: ClassVar[int] = 0
    """Training steps before its statistics are in use."""
    lets_through: ClassVar[tuple[float | None, float | None]] = (None, None)
    """Smallest and largest value that it lets through in the column that it rewrites."""

    def init_state(self) -> "nn.Module | None":
        """The piece's running or learned state, or None. Called once per run."""
        return None

    def bound(self, size: int) -> float | None:
        """Largest size that what it writes can have in a group of ``size``; None: there is no such bound."""
        return None

    def remark(self, batch: Any) -> str:
        """What makes its settings doubtful on a batch that it was just applied to; empty if nothing. Said once a run."""
        return ""


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
