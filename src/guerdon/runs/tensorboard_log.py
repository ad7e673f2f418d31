"""A run in TensorBoard: curves, the recipe as text and hyper-parameters, a few rollouts as text.

Idea
    ``tensorboard --logdir runs`` shows the metrics of all runs under the names they have in ``metrics.jsonl``. A run that
    is resumed writes a further event file that begins by taking back what lies beyond its checkpoint, so no step is
    shown twice.
Reads
    The package tensorboard (extra ``tensorboard``), by ``torch.utils.tensorboard``.
Deviations
    Texts are indented, which Markdown shows as they are: what a model wrote is never rendered.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guerdon.errors import GuerdonError
from guerdon.runs.logs import flat, need, samples_of, settings_of

if TYPE_CHECKING:
    from guerdon.batch import Batch
    from guerdon.loop import Trainer


@dataclass
class TensorBoard:
    """Writes event files; pass it as ``train(observers=[TensorBoard("runs/a/tensorboard")])``."""

    folder: str | Path
    """Where to; a run is a folder inside of what ``tensorboard --logdir`` shows."""
    samples_every: int = 10
    """Steps between sample rollouts; 0 shows none."""
    samples: int = 4
    """How many rollouts."""

    def __post_init__(self) -> None:
        if self.samples_every < 0 or self.samples < 1:
            raise GuerdonError(
                f"TensorBoard needs samples_every >= 0 and samples >= 1, got {self.samples_every} and {self.samples}"
            )
        need("tensorboard", "TensorBoard")
        self._writer: Any = None

    def __enter__(self) -> "TensorBoard":
        return self

    def __exit__(self, *error: object) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer = None

    def __call__(self, trainer: "Trainer", batch: "Batch", metrics: dict[str, float]) -> None:
        """Write one step."""
        if self._writer is None:
            self._writer = self._open(trainer)
        for name, value in metrics.items():
            self._writer.add_scalar(name, value, trainer.step)
        if self.samples_every and (trainer.step == 1 or trainer.step % self.samples_every == 0):
            for number, sample in enumerate(samples_of(batch, self.samples)):
                text = f"reward {sample['reward']}\n\n{_code(sample['prompt'])}\n\n---\n\n{_code(sample['response'])}"
                self._writer.add_text(f"rollout/{number}", text, trainer.step)

    def _open(self, trainer: "Trainer") -> Any:
        from torch.utils.tensorboard import SummaryWriter
        from torch.utils.tensorboard.summary import hparams

        # Whatever an earlier process wrote from this step on is not what the run became.
        writer = SummaryWriter(str(self.folder), purge_step=trainer.step, flush_secs=10)
        settings = settings_of(trainer)
        writer.add_text("recipe", _code(json.dumps(settings, indent=2)), trainer.step)
        for summary in hparams(flat(settings), {"reward": None}):
            writer._get_file_writer().add_summary(summary)
        return writer


def _code(text: str) -> str:
    """The text as a block that Markdown does not render: every line indented, whatever counts as the end of one."""
    return "\n".join(f"    {line}" for line in text.splitlines() or [""])


__all__ = ["TensorBoard"]
