"""verl's trainers with guerdon's seam: named rewards, turns, log-probs and sessions reach the recipe.

Idea
    Each trainer of verl (sync, colocate_async, separate_async) has a twin ``guerdon_<mode>`` whose ``_compute_advantage``
    fetches what the estimator is not given, lets verl do its own work around the call (KL in the reward, rollout
    correction), and writes back the mask where the recipe masks tokens. Select one by ``trainer.v1.trainer_mode`` and
    let verl import this module in every process: ``VERL_USE_EXTERNAL_MODULES=guerdon.plugins.verl_trainer``.
Reads
    verl's transfer queue. Tested with verl 0.9.1.
Deviations
    A module of its own, because importing verl's trainers takes longer than importing verl; errors of a module named
    there are loud.
"""

from typing import Any

import torch
import transfer_queue as tq  # pyright: ignore[reportMissingImports]
from tensordict import TensorDict  # pyright: ignore[reportMissingImports]
from verl.trainer.ppo.v1 import trainer_base  # pyright: ignore[reportMissingImports]

from guerdon.errors import GuerdonError
from guerdon.plugins.verl import PLAIN, load, verify
from guerdon.plugins.verl_estimate import Extra, given

FIELDS = ["extra_fields", "prompts", "responses", "old_log_probs", "ref_log_prob", "rollout_log_probs", "values"]
"""What the recipe's pieces may read beyond verl's own arguments."""


def infos_of(data: Any, rows: int) -> list[dict[str, Any]]:
    """What the reward function returned for each row, from ``extra_fields``."""
    extra = data.get("extra_fields", None)
    items = [{}] * rows if extra is None else extra.tolist()
    return [(item.get("reward_extra_info") or {}) if isinstance(item, dict) else {} for item in items]


def jagged(values: torch.Tensor) -> Any:
    """Rows of equal length come as a plain tensor."""
    return values if values.is_nested else torch.nested.as_nested_tensor(list(values.unbind()), layout=torch.jagged)


class Seam:
    """Mixin for a trainer of verl."""

    mode = ""
    """verl's own name of the trainer: it compares the configured name with ``sync`` in many places."""

    def __init__(self, config: Any, *arguments: Any, **options: Any) -> None:
        config.trainer.v1.trainer_mode = self.mode
        super().__init__(config, *arguments, **options)  # pyright: ignore[reportCallIssue]

    def _compute_advantage(self: Any, batch: Any, metrics: dict[str, Any]) -> Any:
        verify()
        data = tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=FIELDS)
        steps = getattr(self, "total_training_steps", None)
        step = int(getattr(self, "global_steps", 0))
        facts = {"step": step, **({"progress": min(step / steps, 1.0)} if steps else {})}
        fields = {name: jagged(data[name]) for name in FIELDS[1:] if name in data.keys()}  # noqa: SIM118
        with given(Extra(batch.keys, fields, infos_of(data, len(batch.keys)), facts)) as extra:
            batch = super()._compute_advantage(batch, metrics)  # pyright: ignore[reportAttributeAccessIssue]
        if extra.mask is None:
            raise GuerdonError(
                f"the trainer with guerdon's seam needs algorithm.adv_estimator={PLAIN} or {PLAIN}/PAPER, "
                f"got {self.config.algorithm.adv_estimator!r}"
            )
        return self._put_mask(batch, extra.mask, metrics)

    def _put_mask(self: Any, batch: Any, trained: torch.Tensor, metrics: dict[str, Any]) -> Any:
        """Write the mask back where the recipe trains fewer tokens than verl would."""
        stored = tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=["response_mask"])
        before = jagged(stored["response_mask"])
        lengths = before.offsets().diff().tolist()
        rows = [trained[row, :length].to(before.dtype) for row, length in enumerate(lengths)]
        lost = int(before.values().sum()) - sum(int(row.sum()) for row in rows)
        metrics["guerdon/masked_tokens"] = float(lost)
        if not lost:
            return batch
        mask = torch.nested.as_nested_tensor(rows, layout=torch.jagged)
        # verl trains by the one and counts the tokens of the global batch by the other.
        fields = {"response_mask": mask, "loss_mask": mask}
        return tq.kv_batch_put(
            keys=batch.keys, partition_id=batch.partition_id, fields=TensorDict(fields, batch_size=len(batch.keys))
        )


def load_trainers() -> list[str]:
    """Register a twin of each trainer that verl has; their names."""
    import verl.trainer.ppo.v1  # noqa: F401 # pyright: ignore[reportMissingImports]

    made = []
    for name, base in [*trainer_base.TRAINER_REGISTRY.items()]:
        if name.startswith(f"{PLAIN}_") or f"{PLAIN}_{name}" in trainer_base.TRAINER_REGISTRY:
            continue
        twin = type(
            f"Guerdon{base.__name__}",
            (Seam, base),
            {"__doc__": f"verl's ``{name}`` with guerdon's seam.", "mode": name, "__module__": __name__},
        )
        made.append(f"{PLAIN}_{name}")
        trainer_base.register_trainer(made[-1])(twin)
    return made


load()
load_trainers()
