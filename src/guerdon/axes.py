"""The axis vocabulary: the levels of a batch, and short names for the array types of signatures.

Levels, finest first: ``token < step < traj < group``.

* ``token``: one *sampled* token of a language model. Prompt and tool tokens are context, not rows.
* ``step``: a turn, a reasoning step, an environment step, a construction step or a denoising step.
* ``traj``: one rollout, episode, object or response.
* ``group``: the rollouts of one prompt, start state or condition.

``action`` is an alias for the finest level a batch has: ``token`` for language models, ``step``
elsewhere. Policy-gradient pieces speak of actions only, so they work in every domain.
``run`` holds scalars of the training run (``run.step``, ``run.progress``, ``run.task``).
"""

from functools import cache

from jaxtyping import Bool, Int, Shaped
from torch import Tensor

from guerdon.errors import GuerdonError

LEVELS: tuple[str, ...] = ("token", "step", "traj", "group")
ACTION = "action"
RUN = "run"

Row = Shaped[Tensor, " child"]
Rows = Shaped[Tensor, "child *rest"]
Mask = Bool[Tensor, " child"]
Index = Int[Tensor, " child"]
Reduced = Shaped[Tensor, "{size} *rest"]
Counts = Int[Tensor, "{size}"]


@cache
def split_name(name: str) -> tuple[str, str]:
    """Split a qualified column name, ``"traj.reward/format"`` into ``("traj", "reward/format")``.

    Raises:
        GuerdonError: if the name has no level or an unknown one.
    """
    level, dot, column = name.partition(".")
    if not dot or not column or level not in (*LEVELS, ACTION, RUN):
        raise GuerdonError(
            f"a column name must be LEVEL.NAME with LEVEL one of {', '.join((*LEVELS, ACTION, RUN))}, got {name!r}"
        )
    return level, column


def check_level(place: str, name: str, like: str) -> None:
    """Refuse a column ``name``, asked for at ``place``, that is of another level than the column ``like``.

    Raises:
        GuerdonError: if it is, or if one of the two is no column name.
    """
    if split_name(name)[0] != split_name(like)[0]:
        raise GuerdonError(f"{place} must be of the level of {like}, got {name}")


def is_extensive(column: str) -> bool:
    """Whether a column is a sum over the rows below it (a reward), so that reading may not spread it down."""
    return column == "reward" or column.startswith("reward/")
