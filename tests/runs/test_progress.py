import io
import math

import pytest
from rich.console import Console
from run_toys import toy_recipe

from guerdon import train
from guerdon.errors import RunStopped
from guerdon.runs.progress import Progress, sparkline, summary, time_left
from guerdon.update import Update


def shown(terminal: bool, every: float = 10.0, **options) -> tuple[Progress, io.StringIO]:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=100, **options)
    return Progress("RL", every=every, console=console), out


def test_the_summary_names_what_the_metrics_hold_and_nothing_else():
    metrics = {"reward": 0.41249, "loss": 3.0, "kl": 0.01, "length": 6.06, "actions_per_s": 12345.0, "truncated": 0.0}
    assert summary(metrics, "tokens/s") == "reward 0.412  length 6.1  kl 0.0100  12.3k tokens/s"
    assert summary({"loss": 0.123456, "unscored": 0.25}, "steps/s") == "loss 0.123  unscored 25%"
    assert summary({}, "steps/s") == ""


def test_time_left_is_the_pace_of_the_last_steps():
    assert time_left([(10, 100.0), (20, 120.0)], 50) == "1:00"
    assert time_left([(1, 0.0), (2, 3600.0)], 4) == "2:00:00"
    assert time_left([(3, 1.0)], 4) == "" and time_left([(3, 1.0), (4, 2.0)], 4) == ""


def test_the_sparkline_spans_lowest_to_highest():
    assert sparkline([0.0, 7.0, 3.5]) == "▁█▅"
    assert sparkline([1.0] * 5) == "▁▁▁▁▁"
    assert len(sparkline([float(number) for number in range(1000)])) == 20
    assert sparkline([1.0, math.nan]) == ""


def test_without_a_terminal_there_are_plain_lines_now_and_then():
    progress, out = shown(terminal=False)
    train(toy_recipe(), steps=5, observers=[progress])
    first, last = out.getvalue().splitlines()
    assert first.startswith("RL step 1/5  reward 0.") and last.startswith("RL step 5/5  reward 0.")
    assert "entropy" in last and "kl" in last and "tokens/s" in last and "\x1b" not in out.getvalue()
    progress, out = shown(terminal=False, every=0.0)
    train(toy_recipe(), steps=5, observers=[progress])
    assert len(out.getvalue().splitlines()) == 5


def test_on_a_terminal_there_is_a_bar():
    progress, out = shown(terminal=True)
    train(toy_recipe(), steps=3, observers=[progress])
    assert "3/3" in out.getvalue() and "━" in out.getvalue() and "tokens/s" in out.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_a_stop_is_one_clear_sentence(terminal):
    progress, out = shown(terminal)
    with pytest.raises(RunStopped) as stopped:
        train(toy_recipe(update=Update(lr=1e30, max_grad_norm=None)), steps=50, observers=[progress])
    assert out.getvalue().count(f"RL stopped: {stopped.value}") == 1


def test_the_caller_may_tell_the_stop_itself():
    progress, out = shown(terminal=False)
    progress.tell_stop = False
    progress.__enter__()
    progress.__exit__(RunStopped, RunStopped("the end"), None)
    assert out.getvalue() == ""


def test_brackets_in_a_message_are_text():
    progress, out = shown(terminal=False)
    progress.__enter__()
    progress.__exit__(RunStopped, RunStopped("metric [bold]x[/bold] is nan"), None)
    assert "[bold]x[/bold]" in out.getvalue()


def test_other_errors_are_left_to_python():
    progress, out = shown(terminal=False)
    progress.__enter__()
    progress.__exit__(OSError, OSError("disk"), None)
    assert out.getvalue() == ""
