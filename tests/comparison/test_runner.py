"""Processes that train, die, are killed and are stopped."""

import os
import signal
import sys
import threading
from pathlib import Path

import pytest
from comparison.test_worker import a_job

from guerdon.comparison.plan import Cell
from guerdon.comparison.runner import run_cells
from guerdon.errors import GuerdonError
from guerdon.runs.reading import read_run


def a_cell(tmp_path: Path, number: int, **options) -> tuple[Cell, object]:
    out = tmp_path / f"run_{number}"
    return Cell(0, 0, number, out, f"cell {number}"), a_job(out, seed=number, **options)


class Seen:
    """Remembers what cells said, and does something once a cell has made a few steps."""

    def __init__(self, action=None, at: int = 3) -> None:
        self.messages, self.action, self.at = [], action, at

    def __call__(self, cell, message):
        self.messages.append((cell.seed, message))
        if self.action and message.get("step", 0) >= self.at:
            action, self.action = self.action, None
            action(cell)


def children() -> list[int]:
    """Processes that this one started."""
    path = Path(f"/proc/{os.getpid()}/task/{threading.get_native_id()}/children")
    if not path.exists():
        pytest.skip("/proc lists no children here")
    own = [int(word) for word in path.read_text().split()]
    return [pid for pid in own if b"guerdon.comparison.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_one_process_trains_many_cells_and_ends(tmp_path):
    seen = Seen()
    ended = run_cells([a_cell(tmp_path, n) for n in range(3)], 1, tmp_path / "logs", None, seen)
    assert {cell.seed: end.status for cell, end in ended.items()} == dict.fromkeys(range(3), "finished")
    assert [seed for seed, message in seen.messages if "begun" in message] == [0, 1, 2]
    assert [path.name for path in (tmp_path / "logs").iterdir()] == ["process_0.log"] and not children()
    assert all(read_run(tmp_path / f"run_{n}").facts["machine"]["threads"] == 1 for n in range(3))


def test_a_process_that_dies_costs_its_cell_only(tmp_path):
    def kill(cell):
        os.kill(children()[0], signal.SIGKILL)

    cells = [a_cell(tmp_path, 0, steps=2000, save_every=2), a_cell(tmp_path, 1)]
    ended = run_cells(cells, 1, tmp_path / "logs", None, Seen(kill))
    dead, alive = (ended[cell] for cell, _ in cells)
    assert dead.status == "failed" and "was ended by SIGKILL; the machine may have run out of memory" in dead.reason
    assert alive.status == "finished"


def test_ctrl_c_saves_the_step_and_ends_the_processes(tmp_path):
    cells = [a_cell(tmp_path, 0, steps=100000, save_every=100000), a_cell(tmp_path, 1)]
    seen = Seen(lambda cell: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        run_cells(cells, 1, tmp_path / "logs", None, seen)
    run = read_run(tmp_path / "run_0")
    assert run.facts["status"] == "interrupted" and run.checkpoint_steps == [len(run.metrics)]
    assert not (tmp_path / "run_1").exists() and not children()


def test_processes_that_cannot_start_are_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "false")
    with pytest.raises(
        GuerdonError, match="processes of a comparison must start, but its process ended with exit code 1"
    ):
        run_cells([a_cell(tmp_path, 0)], 2, tmp_path / "logs", None, Seen())
