"""How well a world model follows its commands: precision, recall and F1 of the actions read back from it (RLIR).

Maths
    Per command c (or per button, where an action is a row of them): ``F1 = 2 tp / (commanded + read)``, precision
    ``tp / read`` and recall ``tp / commanded``, 0 for a 0 below; then the mean over the commands that were given.
Reads
    ``commanded`` and ``read``, ``[action]`` or ``[action, buttons]``.
Deviations
    Macro averages, so that doing nothing, which is most frequent, does not drown the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from guerdon.axes import split_name
from guerdon.batch import Batch
from guerdon.piece import Metric


@dataclass(frozen=True)
class ActionF1(Metric):
    """Logs ``action_precision``, ``action_recall`` and ``action_f1``; nothing where no action was commanded."""

    commanded: str = "action.commanded"
    """The actions that the world model was given."""
    read: str = "action.read"
    """The actions that were read from its frames."""

    def __post_init__(self) -> None:
        split_name(self.commanded)
        split_name(self.read)

    @property
    def reads(self) -> tuple[str, ...]:
        """Commands and readings."""
        return (self.commanded, self.read)

    def __call__(self, batch: Batch) -> Mapping[str, float]:
        """The three numbers."""
        found = action_f1(batch[self.commanded], batch[self.read])
        names = ("action_precision", "action_recall", "action_f1")
        return {} if found is None else dict(zip(names, found, strict=True))


def action_f1(commanded: Tensor, read: Tensor) -> tuple[float, float, float] | None:
    """Precision, recall and F1, averaged over commands or buttons that were given; None if there were none."""
    if commanded.dim() == 1:
        kinds = commanded.unique()
        commanded, read = commanded[:, None] == kinds, read[:, None] == kinds
    given, seen = commanded != 0, read != 0
    both, wanted, found = ((given & seen).sum(0).double(), given.sum(0).double(), seen.sum(0).double())
    used = wanted > 0
    if not bool(used.any()):
        return None
    shares = (both / found.clamp(min=1), both / wanted.clamp(min=1), 2 * both / (wanted + found).clamp(min=1))
    precision, recall, f1 = (float(share[used].mean()) for share in shares)
    return precision, recall, f1
