"""If one component is high enough, then this reward, else that one: gates, and trees of them.

Idea
    Style counts only where the answer is right; a wrong answer is judged by its effort. Each choice writes a column
    that a later one may take, so a sequence of them is a tree.
Maths
    ``R_i = then_i if low <= x_i < high else otherwise_i``; then and otherwise are components or numbers.
Reads
    ``by`` and the components named in ``then`` and ``otherwise``.
Deviations
    A trajectory is unscored where ``by`` is, and where the branch taken is. The branch not taken may be unscored
    only with ``lazy``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform
from guerdon.shaping._components import check_output, column_of


@dataclass(frozen=True)
class Choose(Transform):
    """``R_i = then_i if low <= x_i < high else otherwise_i``."""

    by: str
    """x: the component that decides, by name."""
    then: str | float
    """What counts where it lies between ``low`` and ``high``: a component by name, or a number."""
    otherwise: str | float = 0.0
    """What counts elsewhere."""
    low: float | None = 0.5
    """Smallest x of the first branch; None: no limit."""
    high: float | None = None
    """The first branch is for x below this; None: no limit."""
    lazy: bool = False
    """Do not care whether the branch that is not taken is scored."""
    output: str = "traj.reward"
    """Where to write it."""

    def __post_init__(self) -> None:
        if self.low is None and self.high is None:
            raise GuerdonError("Choose.low or high must be a number, got None twice; without them nothing is chosen")
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise GuerdonError(f"Choose.low must be below high, got {self.low} and {self.high}")
        check_output("Choose", self.output, (self.by, *self._names))

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(branch for branch in (self.then, self.otherwise) if isinstance(branch, str))

    @property
    def reads(self) -> tuple[str, ...]:
        """The deciding component and the branches."""
        return tuple(dict.fromkeys(map(column_of, (self.by, *self._names))))

    @property
    def writes(self) -> tuple[str, ...]:
        """The choice."""
        return (self.output,)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The choice, ``[traj]``."""
        x = batch[column_of(self.by)]
        x = x if x.is_floating_point() else x.to(torch.get_default_dtype())
        first = torch.ones_like(x, dtype=torch.bool)
        first = first if self.low is None else first & (x >= self.low)
        first = first if self.high is None else first & (x < self.high)
        then, otherwise = (self._branch(batch, branch, x) for branch in (self.then, self.otherwise))
        unscored = x.isnan() if self.lazy else x.isnan() | then.isnan() | otherwise.isnan()
        chosen = torch.where(first, then, otherwise)
        return {self.output: torch.where(unscored, torch.full_like(chosen, torch.nan), chosen)}

    def _branch(self, batch: Batch, branch: str | float, like: Tensor) -> Tensor:
        return batch[column_of(branch)].to(like.dtype) if isinstance(branch, str) else torch.full_like(like, branch)
