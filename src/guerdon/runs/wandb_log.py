"""A run in Weights & Biases: curves, the recipe as config, a few rollouts as a table.

Idea
    The run's id is kept in ``wandb.json`` of the run folder, so that a resume goes on with the same run. Whether anything
    is sent is W&B's own setting: with ``WANDB_MODE=offline`` all stays in ``wandb/`` of the run folder.
Reads
    The package wandb (extra ``wandb``).
Deviations
    W&B keeps the first value of a step: after a kill the steps between checkpoint and kill keep those of the first time,
    which on a CPU are the same, but for timings.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guerdon.errors import GuerdonError
from guerdon.runs.logs import need, samples_of, settings_of

if TYPE_CHECKING:
    from guerdon.batch import Batch
    from guerdon.loop import Trainer


@dataclass
class WandB:
    """Logs to a W&B run; pass it as ``train(observers=[WandB("project", folder="runs/a")])``."""

    project: str | None = None
    """``project`` or ``entity/project``; None: the one the run had, else ``guerdon``."""
    folder: str | Path | None = None
    """The run folder, where id and files are kept; None: each process is a run of its own."""
    samples_every: int = 10
    """Steps between sample rollouts; 0 shows none."""
    samples: int = 4
    """How many rollouts."""
    options: dict[str, Any] = field(default_factory=dict)
    """Further arguments of ``wandb.init``."""

    def __post_init__(self) -> None:
        if self.samples_every < 0 or self.samples < 1:
            raise GuerdonError(
                f"WandB needs samples_every >= 0 and samples >= 1, got {self.samples_every} and {self.samples}"
            )
        self._wandb = need("wandb", "WandB")
        self._run: Any = None

    def __enter__(self) -> "WandB":
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if self._run is not None:
            self._run.finish(exit_code=0 if error is None else 1)
        self._run = None

    def __call__(self, trainer: "Trainer", batch: "Batch", metrics: dict[str, float]) -> None:
        """Log one step."""
        if self._run is None:
            self._run = self._open(trainer)
        logged: dict[str, Any] = dict(metrics)
        if self.samples_every and (trainer.step == 1 or trainer.step % self.samples_every == 0):
            rows = [list(sample.values()) for sample in samples_of(batch, self.samples)]
            if rows:
                logged["rollouts"] = self._wandb.Table(columns=["prompt", "response", "reward"], data=rows)
        self._run.log(logged, step=trainer.step)

    def _open(self, trainer: "Trainer") -> Any:
        kept = self._kept()
        place = self.project or kept.get("project") or "guerdon"
        entity, _, project = place.rpartition("/")
        if self.folder is not None:
            Path(self.folder).mkdir(parents=True, exist_ok=True)
        run = self._wandb.init(
            **{
                "entity": entity or None,
                "project": project,
                "id": kept.get("id"),
                "resume": "allow",
                "dir": None if self.folder is None else str(self.folder),
                "name": None if self.folder is None else Path(self.folder).name,
                "config": settings_of(trainer),
                "allow_val_change": True,
                **self.options,
            }
        )
        if self.folder is not None:
            from guerdon.runs import atomic

            atomic.write_text(self._file, json.dumps({"id": run.id, "project": place}, indent=2) + "\n")
        return run

    @property
    def _file(self) -> Path:
        return Path(str(self.folder)) / "wandb.json"

    def _kept(self) -> dict[str, str]:
        """Id and project of the run so far."""
        if self.folder is None or not self._file.exists():
            return {}
        try:
            found = json.loads(self._file.read_text(encoding="utf-8"))
            return {"id": str(found["id"]), "project": str(found["project"])}
        except (ValueError, KeyError, TypeError):
            raise GuerdonError(
                f"{self._file} must hold the id and project of a W&B run; remove it to start another"
            ) from None


__all__ = ["WandB"]
