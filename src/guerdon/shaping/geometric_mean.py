"""Signed geometric mean of reward components: all must be good at once (lucy_skg).

Maths
    ``R_i = s_i (prod_k |r_ik|)^(1/n)``, s being +1 if all r_ik > 0 and else -1 (``all_positive``), or the product of
    the signs (``product``). With a floor, ``max(|r|, floor)`` takes the place of ``|r|`` in the product.
Reads
    The components named in ``of``.
Deviations
    Components beyond [-1, 1] are not cut; put a ``Clip`` before. Any zero gives 0, whatever the sign, unless there is
    a floor. A trajectory with any unscored component is unscored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch

from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform
from guerdon.shaping._components import check_names, check_output, column_of, table


@dataclass(frozen=True)
class GeometricMean(Transform):
    """``R_i = s_i (prod_k |r_ik|)^(1/n)``."""

    of: tuple[str, ...]
    """The components, by name."""
    sign: Literal["all_positive", "product"] = "all_positive"
    """all_positive: two bad components stay bad. product: they make a good one."""
    floor: float = 0.0
    """Smallest magnitude of a component, so that one that is mostly 0 does not flatten the others."""
    output: str = "traj.reward"
    """Where to write it."""

    def __post_init__(self) -> None:
        check_names("GeometricMean", "of", self.of)
        check_output("GeometricMean", self.output, self.of)
        if not self.floor >= 0:
            raise GuerdonError(f"GeometricMean.floor must be at least 0, got {self.floor}")

    @property
    def reads(self) -> tuple[str, ...]:
        """The components."""
        return tuple(map(column_of, self.of))

    @property
    def writes(self) -> tuple[str, ...]:
        """The mean."""
        return (self.output,)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The mean, ``[traj]``."""
        values = table(batch, self.of)
        size = values.abs().clamp(min=self.floor).log().mean(1).exp()
        negative = (values < 0).sum(1)
        good = negative % 2 == 0 if self.sign == "product" else (values > 0).all(1)
        # Zero without a sign, and NaN where a component is NaN.
        return {self.output: torch.where(good | (size == 0), size, -size)}
