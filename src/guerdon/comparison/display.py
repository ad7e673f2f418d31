"""How a comparison is going: a line per running cell, and a bar for all of it with the time left."""

import sys
import time
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from guerdon.comparison.plan import Cell
from guerdon.runs.progress import clock


@dataclass
class Board:
    """Shows the cells; elsewhere than on a terminal it writes a plain line about every ten seconds."""

    cells: int
    """All of the comparison."""
    done: int
    """Of them finished before."""
    steps: int
    """Of each."""
    quiet: bool = False
    every: float = 10.0
    console: Console = field(default_factory=lambda: Console(file=sys.stderr))

    def __post_init__(self) -> None:
        self._running: dict[Cell, tuple[int, float | None]] = {}
        self._from: dict[Cell, int] = {}
        """The step that a running cell began or went on from."""
        self._failed, self._made = 0, 0
        self._begun = 0.0
        """When the first step came: until then processes start."""
        self._written = time.monotonic()
        self._live: Live | None = None

    def __enter__(self) -> "Board":
        if not self.quiet and self.console.is_terminal and self.done < self.cells:
            self._live = Live(Text("starting ..."), console=self.console, refresh_per_second=4)
            self._live.start()
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if self._live:
            self._live.update(self.picture())
            self._live.stop()
            self._live = None

    def __call__(self, cell: Cell, message: dict[str, Any]) -> None:
        """Take a message of ``runner.py``."""
        if "begun" in message:
            self._running[cell] = (0, None)
        elif "step" in message:
            self._begun = self._begun or time.monotonic()
            self._from.setdefault(cell, message["step"] - 1)
            self._running[cell] = (message["step"], message["reward"])
        elif "end" in message:
            reached, _ = self._running.pop(cell, (0, None))
            self._made += reached - self._from.pop(cell, reached)
            if message["end"] == "failed":
                self._failed += 1
                self.say(f"{cell.label} failed: {message['reason']}", "bold red")
            elif message["end"] == "stopped":
                self.say(f"{cell.label} stopped itself: {message['reason']}", "yellow")
            self.done += message["end"] in ("finished", "stopped")
        if self._live:
            self._live.update(self.picture())
        elif not self.quiet and time.monotonic() - self._written >= self.every:
            self._written = time.monotonic()
            self.say(self.summary())

    def say(self, sentence: str, style: str = "") -> None:
        """A line that stays."""
        if not self.quiet:
            self.console.print(Text(sentence, style=style if self.console.is_terminal else ""), soft_wrap=True)

    def summary(self) -> str:
        """``12 of 30 runs done, 2 running, 1 failed, 1:05 left``."""
        parts = [f"{self.done} of {self.cells} runs done", f"{len(self._running)} running"]
        parts += [f"{self._failed} failed"] * bool(self._failed)
        left = self.seconds_left()
        return ", ".join(parts + ([f"{clock(left)} left"] if left else []))

    def seconds_left(self) -> float | None:
        """By the steps made so far; None before the first."""
        here = sum(step for step, _ in self._running.values())
        made = self._made + here - sum(self._from[cell] if cell in self._from else 0 for cell in self._running)
        left = (self.cells - self.done - self._failed) * self.steps - here
        return None if made < 1 else max(left, 0) * (time.monotonic() - self._begun) / made

    def picture(self) -> Group:
        """What stands on a terminal."""
        rows = Table.grid(padding=(0, 1))
        for cell, (step, reward) in self._running.items():
            shown = "" if reward is None else f"reward {reward:.3f}"
            bar = ProgressBar(total=max(self.steps, 1), completed=step, width=30)
            rows.add_row(Text(cell.label, no_wrap=True, overflow="ellipsis"), bar, Text(f"{step}/{self.steps}"), shown)
        total = Table.grid(padding=(0, 1))
        whole = self.cells * self.steps
        here = self.done * self.steps + sum(step for step, _ in self._running.values())
        total.add_row(
            Text("all", "bold"), ProgressBar(total=max(whole, 1), completed=here, width=30), Text(self.summary())
        )
        return Group(rows, total)


__all__ = ["Board"]
