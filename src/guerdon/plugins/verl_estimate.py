"""The advantage estimator that verl calls, from one score per response or with what the trainer seam adds.

Idea
    A registered estimator of verl is given token-level rewards, mask and uids, no more. The trainer of
    ``verl_trainer.py`` fetches the rest (named rewards, log-probs, values, sequences, which outputs are of one session)
    and leaves it here for the call that verl makes inside.
Reads
    verl's arguments and ``Extra``.
Deviations
    Without the trainer seam two outputs of one session count as two responses, as they do for all of verl's estimators
    but ``grpo``, and nothing in the call shows it; groups of unequal size are remarked on once. With the seam the last
    output of a session stands for it, also in the statistics.
"""

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.plugins.verl_batch import COLUMNS, ROW, pack, read, with_components, with_rewards
from guerdon.plugins.verl_recipe import Advantages, components, dense, over_sessions

SEAM = "set trainer.v1.trainer_mode=guerdon_sync and VERL_USE_EXTERNAL_MODULES=guerdon.plugins.verl_trainer"
UNSCORED = "unscored"
"""Key of a reward function's dict that is true where there is no score."""
log = logging.getLogger("guerdon")


@dataclass
class Extra:
    """What the trainer seam knows about the rows of the call."""

    keys: Sequence[str]
    """``uid_session_index`` of each row."""
    fields: Any
    """A mapping of verl's fields."""
    infos: Sequence[Mapping[str, Any]]
    """What the reward function returned, per row."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """``step`` and ``progress`` of the run."""
    mask: Tensor | None = None
    """Afterwards: the tokens to train, ``[rows, positions]``."""


EXTRA: ContextVar[Extra | None] = ContextVar("guerdon_verl_extra", default=None)


@contextlib.contextmanager
def given(extra: Extra) -> Iterator[Extra]:
    """Let the estimators that are called inside see ``extra``."""
    token = EXTRA.set(extra)
    try:
        yield extra
    finally:
        EXTRA.reset(token)


def estimate(
    advantages: Advantages,
    token_level_rewards: Tensor,
    response_mask: Tensor,
    index: Any = None,
    reward_baselines: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """``(advantages, returns)``, each ``[rows, positions]``, 0 where nothing was sampled."""
    with torch.no_grad():
        extra = EXTRA.get()
        if extra is not None:
            return _with_extra(advantages, extra, token_level_rewards, response_mask, index)
        batch = pack(response_mask, index)
        _remark(batch)
        if advantages.single is None:
            raise GuerdonError(
                f"the recipe has the reward components {', '.join(components(advantages.recipe))}, and an estimator "
                f"of verl sees one score; {SEAM}"
            )
        batch = with_rewards(batch, token_level_rewards, advantages.single)
        if reward_baselines is not None:
            batch = batch.with_columns({"traj.reward_baseline": reward_baselines[batch[ROW]]})
        return dense(advantages.advantages(batch, hint=SEAM))


def _with_extra(
    advantages: Advantages, extra: Extra, rewards: Tensor, mask: Tensor, index: Any
) -> tuple[Tensor, Tensor]:
    final = final_rows(extra.keys)
    data = {name: value for name, value in extra.fields.items() if name in (*COLUMNS, "prompts", "attention_mask")}
    batch = read({**data, "response_mask": mask}, index)
    batch = with_rewards(batch, rewards, advantages.single)
    named = [name for name in components(advantages.recipe) if any(name in info for info in extra.infos)]
    batch = with_components(batch, extra.infos, named)
    batch = _unscored(batch, extra.infos)
    rows = torch.tensor(final, device=mask.device)
    batch = batch.select("traj", (rows == torch.arange(len(rows), device=mask.device))[batch[ROW]])
    done = advantages.advantages(batch, hint="", **extra.facts)
    advantage, returns, extra.mask = over_sessions(done, final, mask)
    return advantage, returns


def _unscored(batch: Batch, infos: Sequence[Mapping[str, Any]]) -> Batch:
    """NaN in every reward of the rows whose reward function said that there is no score."""
    lost = torch.tensor([bool(infos[row].get(UNSCORED)) for row in batch[ROW].tolist()], device=batch.device)
    names = [f"traj.{name}" for name in batch.names("traj", "reward") if name == "reward" or name.startswith("reward/")]
    return batch.with_columns({name: torch.where(lost, torch.nan, batch[name]) for name in names})


def final_rows(keys: Sequence[str]) -> list[int]:
    """For each row the row with the last output of its session.

    Raises:
        GuerdonError: if a key is not ``uid_session_index``.
    """
    parts = [key.rsplit("_", 2) for key in keys]
    if odd := [key for key, part in zip(keys, parts, strict=True) if len(part) != 3 or not part[2].isdigit()]:
        raise GuerdonError(f"verl's keys must be UID_SESSION_INDEX, got {odd[0]!r}; this version of verl is not known")
    last: dict[tuple[str, str], int] = {}
    for row, (uid, session, number) in enumerate(parts):
        known = last.get((uid, session))
        if known is None or int(number) > int(parts[known][2]):
            last[uid, session] = row
    return [last[uid, session] for uid, session, _ in parts]


_remarked: set[str] = set()


def _remark(batch: Batch) -> None:
    """Say once that groups differ in size, which sessions of several outputs lead to."""
    sizes = torch.bincount(batch.index("traj", "group"), minlength=batch.size("group"))
    if batch.size("group") and int(sizes.min()) != int(sizes.max()) and "sizes" not in _remarked:
        _remarked.add("sizes")
        log.warning(
            "groups have between %d and %d responses; if an agent loop gives several outputs for one session, each "
            "counts as a response of its own here: %s",
            int(sizes.min()),
            int(sizes.max()),
            SEAM,
        )
