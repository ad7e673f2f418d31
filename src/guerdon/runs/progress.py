"""A progress bar for training: step, reward, entropy, length, KL, tokens per second, time left.

Idea
    An observer of the loop that shows whatever of these the metrics hold. On a terminal it draws a bar; elsewhere
    (a file, a pipe, a batch job) it writes a plain line about every ten seconds.
"""

import itertools
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from guerdon.errors import RunInterrupted, RunStopped

if TYPE_CHECKING:
    from guerdon.batch import Batch
    from guerdon.loop import Trainer

SHOWN = {"reward": "{:.3f}", "loss": "{:.3g}", "entropy": "{:.3f}", "length": "{:.1f}", "kl": "{:.4f}"}
"""Metric -> format, in the order shown; ``loss`` only where there is no reward."""
TROUBLE = ("unscored", "truncated")
"""Shares that are shown once they are not 0."""
BLOCKS = "▁▂▃▄▅▆▇█"


@dataclass
class Progress:
    """Shows how a run is going; pass it as ``train(observers=[Progress("RL")])``."""

    label: str = ""
    """A word in front."""
    every: float = 10.0
    """Seconds between lines where there is no terminal."""
    tell_stop: bool = True
    """Whether to say why a run stopped itself; False where the caller does."""
    console: Console = field(default_factory=lambda: Console(file=sys.stderr))
    """Where to; standard error, so that a program's output can be piped."""

    def __post_init__(self) -> None:
        self._live: Live | None = None
        self._times: deque[tuple[int, float]] = deque(maxlen=30)
        self._curve: list[float] = []
        self._line = ""
        self._written = -float("inf")

    def __enter__(self) -> "Progress":
        # Here and not at the first step, because the first step can take minutes.
        if self.console.is_terminal:
            self._live = Live(Text(f"{self.label} first step ..."), console=self.console, refresh_per_second=4)
            self._live.start()
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if self._live:
            self._live.stop()
            self._live = None
        elif self._line:
            self._write(self._line)
        if self.tell_stop and isinstance(error, (RunStopped, RunInterrupted)):
            text = Text(f"{self.label} stopped: {error}".strip(), style="bold red" if self.console.is_terminal else "")
            self.console.print(text, soft_wrap=True)

    def __call__(self, trainer: "Trainer", batch: "Batch", metrics: dict[str, float]) -> None:
        """Show one step."""
        now = time.monotonic()
        self._times.append((trainer.step, now))
        if "reward" in metrics:
            self._curve.append(metrics["reward"])
        left = time_left(list(self._times), trainer.steps)
        facts = summary(metrics, f"{batch.action}s/s")
        if self._live:
            self._live.update(self._picture(trainer, facts, left))
            return
        self._line = f"{self.label} step {trainer.step}/{trainer.steps}  {facts}{left and f'  {left} left'}".strip()
        if now - self._written >= self.every:
            self._write(self._line)
            self._written = now

    def _write(self, line: str) -> None:
        self.console.print(Text(line), soft_wrap=True)
        self._line = ""

    def _picture(self, trainer: "Trainer", facts: str, left: str) -> Group:
        grid = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=max(trainer.steps, 1), completed=trainer.step, width=30)
        grid.add_row(
            Text(self.label, "bold"), bar, Text(f"{trainer.step}/{trainer.steps}"), Text(left and f"{left} left")
        )
        # A dumb font or encoding must not end a run, so blocks are drawn only where they can be.
        blocks = sparkline(self._curve) if self.console.encoding.startswith("utf") else ""
        return Group(grid, Text(f"{blocks and blocks + '  '}{facts}", no_wrap=True, overflow="ellipsis"))


def summary(metrics: dict[str, float], unit: str) -> str:
    """``reward 0.412  entropy 0.83  length 6.1  kl 0.0120  12.3k tokens/s`` of what the metrics hold."""
    parts = [
        f"{name} {pattern.format(metrics[name])}"
        for name, pattern in SHOWN.items()
        if name in metrics and not (name == "loss" and "reward" in metrics)
    ]
    parts += [f"{name} {100 * metrics[name]:.0f}%" for name in TROUBLE if metrics.get(name, 0.0) > 0]
    if (speed := metrics.get("actions_per_s")) is not None:
        parts.append(f"{speed / 1000:.1f}k {unit}" if speed >= 1000 else f"{speed:.0f} {unit}")
    return "  ".join(parts)


def time_left(times: list[tuple[int, float]], steps: int) -> str:
    """``1:05`` from the pace of the last (step, second) pairs; empty while there is no pace yet."""
    (first, begun), (last, now) = times[0], times[-1]
    if last == first or last >= steps:
        return ""
    return clock((steps - last) * (now - begun) / (last - first))


def clock(seconds: float) -> str:
    """``1:05`` or ``2:00:05``."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def sparkline(values: list[float], width: int = 20) -> str:
    """The whole curve in ``width`` characters, lowest to highest; empty for fewer than two values."""
    finite = [value for value in values if value == value]
    if len(finite) < 2:
        return ""
    size = min(width, len(finite))
    edges = [number * len(finite) // size for number in range(size + 1)]
    means = [sum(part) / len(part) for a, b in itertools.pairwise(edges) if (part := finite[a:b])]
    low, high = min(means), max(means)
    scale = (len(BLOCKS) - 1) / (high - low) if high > low else 0.0
    return "".join(BLOCKS[round((mean - low) * scale)] for mean in means)


__all__ = ["Progress", "clock"]
