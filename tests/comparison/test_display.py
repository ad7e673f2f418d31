import io
from pathlib import Path

import pytest
from rich.console import Console

from guerdon.comparison import display
from guerdon.comparison.display import Board
from guerdon.comparison.plan import Cell

A, B = (Cell(0, 0, seed, Path("x"), f"grpo seed {seed}") for seed in (0, 1))


@pytest.fixture
def clock(monkeypatch):
    """The time, to be set by the test."""
    now = [1000.0]
    monkeypatch.setattr(display.time, "monotonic", lambda: now[0])
    return now


def board(terminal=False, **options) -> tuple[Board, io.StringIO]:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=100)
    return Board(cells=4, done=0, steps=10, console=console, **options), out


def test_the_time_left_goes_by_the_steps_made_since_the_first(clock):
    shown, _ = board()
    shown(A, {"begun": True})
    assert shown.seconds_left() is None
    shown(A, {"step": 1, "reward": None})
    clock[0] += 9
    shown(A, {"step": 10, "reward": 0.5})
    shown(A, {"end": "finished", "reason": ""})
    # Ten steps in nine seconds; thirty are left.
    assert shown.seconds_left() == pytest.approx(27)
    # A run that goes on at step 6 has made one step here, and four are left of it.
    shown(B, {"begun": True})
    shown(B, {"step": 6, "reward": 0.5})
    assert shown.seconds_left() == pytest.approx(24 * 9 / 11)
    shown(B, {"end": "failed", "reason": "it broke"})
    assert shown.seconds_left() == pytest.approx(20 * 9 / 11)
    assert shown.summary() == "1 of 4 runs done, 0 running, 1 failed, 0:16 left"


def test_elsewhere_than_on_a_terminal_lines_come_now_and_then(clock):
    shown, out = board()
    with shown:
        shown(A, {"begun": True})
        shown(A, {"step": 1, "reward": 0.25})
        assert out.getvalue() == ""
        clock[0] += 11
        shown(A, {"step": 2, "reward": 0.25})
        shown(B, {"end": "failed", "reason": "it [bold]broke"})
    assert out.getvalue().splitlines()[0].startswith("0 of 4 runs done, 1 running")
    assert "grpo seed 1 failed: it [bold]broke" in out.getvalue()


def test_a_terminal_shows_a_line_per_running_cell_and_one_for_all():
    shown, out = board(terminal=True)
    with shown:
        shown(A, {"begun": True})
        shown(A, {"step": 3, "reward": 0.25})
        shown(B, {"begun": True})
    text = out.getvalue()
    assert "grpo seed 0" in text and "3/10" in text and "reward 0.250" in text and "0 of 4 runs done, 2 running" in text


def test_quiet_is_quiet():
    shown, out = board(quiet=True)
    with shown:
        shown(A, {"begun": True})
        shown(A, {"end": "failed", "reason": "it broke"})
    assert out.getvalue() == ""
