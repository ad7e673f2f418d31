"""What the pieces that combine components share: names of columns, and the columns as one table."""

import torch
from torch import Tensor

from guerdon.axes import split_name
from guerdon.batch import Batch
from guerdon.errors import GuerdonError


def column_of(name: str) -> str:
    """``traj.reward/format`` for the component ``format``; a name with a level stays as it is."""
    return name if "." in name else f"traj.reward/{name}"


def check_names(owner: str, field: str, names: tuple[str, ...], least: int = 1) -> None:
    """Refuse too few components, and one that is named twice.

    Raises:
        GuerdonError: naming the piece and its field.
    """
    if len(names) < least or len(set(names)) < len(names):
        raise GuerdonError(f"{owner}.{field} must name {least} or more different components, got {names}")


def table(batch: Batch, names: tuple[str, ...]) -> Tensor:
    """The components side by side, ``[row, component]``, in one floating type."""
    columns = [batch[column_of(name)] for name in names]
    kind = torch.get_default_dtype()
    for column in columns:
        kind = torch.promote_types(kind, column.dtype) if column.is_floating_point() else kind
    return torch.stack([column.to(kind) for column in columns], dim=1)


def check_output(owner: str, output: str, inputs: tuple[str, ...]) -> None:
    """Refuse an output that would take the place of an input: components stay to be seen.

    Raises:
        GuerdonError: naming the piece.
    """
    split_name(output)
    if output in map(column_of, inputs):
        raise GuerdonError(f"{owner}.output must be a column of its own, got {output}, which is an input")


__all__ = ["check_names", "check_output", "column_of", "table"]
