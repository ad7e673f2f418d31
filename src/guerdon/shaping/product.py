"""Product of reward components: one that is 0 takes everything.

Maths
    ``R_i = prod_k r_ik^(p_k)``, the powers being whole numbers or the components not negative.
Reads
    The components named in ``of``.
Deviations
    A trajectory with any unscored component is unscored. The components stay; the product is a further column.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform
from guerdon.shaping._components import check_names, check_output, column_of, table


@dataclass(frozen=True)
class Product(Transform):
    """``R_i = prod_k r_ik^(p_k)``."""

    of: tuple[str, ...]
    """The components, by name."""
    powers: tuple[float, ...] = ()
    """One power for each, greater than 0; none: all are 1."""
    output: str = "traj.reward"
    """Where to write it."""

    def __post_init__(self) -> None:
        check_names("Product", "of", self.of)
        check_output("Product", self.output, self.of)
        if self.powers and (len(self.powers) != len(self.of) or min(self.powers) <= 0):
            raise GuerdonError(f"Product.powers must be one positive number per component, got {self.powers}")

    @property
    def reads(self) -> tuple[str, ...]:
        """The components."""
        return tuple(map(column_of, self.of))

    @property
    def writes(self) -> tuple[str, ...]:
        """The product."""
        return (self.output,)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The product, ``[traj]``.

        Raises:
            GuerdonError: if a negative component would get a power that is no whole number.
        """
        values = table(batch, self.of)
        if self.powers:
            powers = values.new_tensor(self.powers)
            if bool(((values < 0) & (powers != powers.round())).any()):
                raise GuerdonError("Product.powers must be whole numbers where a component is negative")
            values = values.pow(powers)
        return {self.output: values.prod(1)}
