"""``guerdon compare`` on a token tree: what it writes and says, resuming after a kill, failed runs, refusals."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from guerdon import cli
from guerdon.runs.reading import read_metrics, read_run

FAST, SLOW = "fast=grpo,update.lr=0.2", "slow=grpo,update.lr=0.01"
COMMON = ["--task", "tree:prompts=4", "--rollout.prompts", "4", "--jobs", "2", "--draws", "1000"]


def compare(capsys, *words: object, code: int = 0) -> SimpleNamespace:
    assert cli.main(["compare", *map(str, words)]) == code, capsys.readouterr().err
    out, error = capsys.readouterr()
    return SimpleNamespace(out=out, err=error)


def result(folder: Path) -> dict:
    return json.loads((folder / "compare.json").read_text())


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Path:
    """A comparison with a real difference and with a method under a second name."""
    out = tmp_path_factory.mktemp("compare") / "c"
    words = [
        FAST,
        SLOW,
        "again=grpo,update.lr=0.2",
        *COMMON,
        "--seeds",
        "5",
        "--steps",
        "20",
        "--out",
        str(out),
        "--json",
    ]
    assert cli.main(["compare", *words]) == 0
    return out


def test_a_real_difference_is_found_and_a_second_name_makes_none(done):
    data = result(done)
    slow, again = data["final"]["comparisons"]
    assert slow["outcome"] == "loses" and slow["sentence"].startswith("slow loses to fast: P(improvement) 0.0")
    assert slow["difference"]["interval"][1] < 0 and slow["improvement"]["interval"][1] < 0.5
    assert again["outcome"] == "not told apart" and again["same"]
    assert data["verdict"]["overall"].startswith(
        "fast has the highest IQM and is told apart from slow, but not from again"
    )


def test_the_result_holds_every_number(done):
    data = result(done)
    assert data["score"] == "reward of all that was sampled, mean over the last 2 of 20 steps" and data["compared"][
        "seeds"
    ] == [0, 1, 2, 3, 4]
    assert len(data["cells"]) == 15 and {cell["status"] for cell in data["cells"]} == {"finished"}
    cell = data["cells"][0]
    run = read_run(done / cell["path"])
    assert (cell["method"], cell["seed"]) == ("fast", 0) and run.facts["seed"] == 0
    assert cell["score"] == pytest.approx(sum(line["reward"] for line in run.metrics[-2:]) / 2)
    assert data["final"]["scores"][0][0][0] == cell["score"] and cell["actions"] == 20 * 4 * 8
    assert data["budget"][0]["tasks"][0]["actions"] == cell["actions"]
    assert (
        len(data["curves"]["steps"][0][0]["at"]) == 20 and data["curves"]["actions"][0][0]["at"][-1] == cell["actions"]
    )
    assert set(data["definitions"]) >= {"iqm", "optimality_gap", "improvement", "percentile", "interval"}


def test_asked_again_it_answers_at_once_and_other_readings_need_no_runs(done, capsys):
    before = {path: path.stat().st_mtime_ns for path in (done / "cells").rglob("metrics.jsonl")}
    words = [FAST, SLOW, "again=grpo,update.lr=0.2", *COMMON, "--seeds", 5, "--steps", 20, "--out", done]
    said = compare(capsys, *words, "--baseline", "slow", "--score", "signal", "--range", "0", "2")
    assert "15 of 15 runs" not in said.err and "score: signal, mean over the last 2 of 20 steps" in said.out
    assert re.search(
        r"^(fast|again) loses to slow: P\(improvement\) 0\.00 \[0\.00, 0\.\d+\]; IQM -", said.out, re.MULTILINE
    )
    assert before == {path: path.stat().st_mtime_ns for path in (done / "cells").rglob("metrics.jsonl")}
    compare(capsys, *words)
    # What was asked of the same seeds is one look.
    assert result(done)["notes"] == []


def test_the_table_and_the_verdict_for_people(done, capsys):
    words = [FAST, SLOW, "again=grpo,update.lr=0.2", *COMMON, "--seeds", 5, "--steps", 20, "--out", done]
    said = compare(capsys, *words)
    lines = said.out.splitlines()
    assert lines[2].split() == ["method", "IQM", "mean", "optimality", "gap", "IQM", "of", "area", "actions", "seconds"]
    assert lines[3].startswith("fast ") and "slow loses to fast" in said.out and "compare.html" in lines[-1]
    assert said.err.count("rollout is SampleTree") == 1, "what is the same for all methods is said once"


def test_seeds_are_added_and_a_failed_run_is_told_and_made_up_for(capsys, tmp_path):
    out = tmp_path / "c"
    words = [FAST, SLOW, *COMMON, "--jobs", 1, "--steps", 2, "--out", out, "--seeds"]
    first = compare(capsys, *words, 2)
    assert "2 seeds cannot tell slow and fast apart, whatever the scores; it takes 4 at least" in first.out
    blocked = out / "cells" / "slow" / "tree_prompts=4" / "seed_2"
    blocked.write_text("in the way")
    said = compare(capsys, *words, 4, code=1)
    assert "4 of 8 runs are finished already" in said.err and "slow seed 2 failed: FileExistsError" in said.err
    data = result(out)
    assert data["compared"]["seeds"] == [0, 1, 3] and "Seed 2: left out for all methods" in data["notes"][0]
    assert "note: Seeds were added after a look (2, 4)" in said.out
    assert [cell["status"] for cell in data["cells"]].count("failed") == 1
    assert "1 run failed" in (out / "compare.html").read_text()
    blocked.unlink()
    assert "7 of 8 runs are finished already" in compare(capsys, *words, 4).err
    assert result(out)["compared"]["seeds"] == [0, 1, 2, 3]


def test_a_metric_that_was_never_logged_is_a_sentence(done, capsys):
    words = [FAST, SLOW, "again=grpo,update.lr=0.2", *COMMON, "--seeds", 5, "--steps", 20, "--out", done]
    said = compare(capsys, *words, "--score", "rewrad", code=1)
    assert re.search(r"never logged the metric 'rewrad'; it logged actions_per_s, .*, reward, ", said.out)
    assert "There are too few finished runs to compare anything." in said.out


LONG = [FAST, SLOW, *COMMON, "--jobs", "1", "--seeds", "2", "--steps", "40", "--save-every", "10"]


def start(out: Path) -> subprocess.Popen:
    source = Path(cli.__file__).parents[1]
    return subprocess.Popen(
        [sys.executable, "-m", "guerdon", "compare", *LONG, "--out", str(out), "--json"],
        env={**os.environ, "PYTHONPATH": str(source)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def until_steps(out: Path, steps: int) -> None:
    """Wait until the runs have made so many steps together."""
    end = time.monotonic() + 300
    while sum(len(list(read_metrics(path))) for path in out.rglob("metrics.jsonl")) < steps:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_killed_and_interrupted_it_goes_on_where_it_was(tmp_path, capsys):
    pytest.importorskip("fcntl")
    out = tmp_path / "killed"
    process = start(out)
    until_steps(out, 15)
    process.kill()
    process.communicate()
    # At once: the process that it left behind ends with its step, and is waited for.
    process = start(out)
    until_steps(out, 60)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 130 and "the same command goes on from here" in said, said
    statuses = {read_run(path.parent).facts["status"] for path in out.rglob("run.json")}
    assert "finished" in statuses and statuses <= {"finished", "interrupted"}
    process = start(out)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    compare(capsys, *LONG, "--out", tmp_path / "whole")
    whole, killed = result(tmp_path / "whole"), result(tmp_path / "killed")
    for key in ("final", "area", "pairs", "verdict", "profiles", "curves"):
        assert whole[key] == killed[key], key


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([FAST], "compare needs at least two methods, got one"),
        ([FAST, "fast=rloo"], "two methods must not both be called 'fast'"),
        ([FAST, SLOW, "--seeds", "0"], "--seeds must be at least 1, got 0"),
        ([FAST, SLOW, "--baseline", "best"], "--baseline must be one of fast, slow, got 'best'"),
        ([FAST, SLOW, "--task", "tree:prompts=4"], "every --task must be another one"),
        ([FAST, SLOW, "--range", "1", "0"], "--range needs LOW below HIGH, got 1 0"),
        ([FAST, SLOW, "--range", "0", "1", "--range", "0", "2"], "once or once per task, got 2 for 1 tasks"),
        ([FAST, SLOW, "--score", "eval"], "needs a task with held-out problems, but tree:prompts=4 has none"),
        ([FAST, SLOW, "--update.lrr", "1"], "fast: the recipe has no flag --update.lrr"),
        ([FAST, SLOW, "--jobs", "0"], "--jobs must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_anything_runs(words, sentence, tmp_path, capsys):
    common = [word for word in COMMON if not (word in ("--jobs", "2") and "--jobs" in words)]
    assert sentence in compare(capsys, *words, *common, "--out", tmp_path / "c", code=2).err
    assert not (tmp_path / "c").exists()


def test_another_comparison_and_another_folder_are_refused(done, tmp_path, capsys):
    words = [FAST, SLOW, "again=grpo,update.lr=0.2", *COMMON, "--seeds", 5, "--out", done]
    assert (
        "must be gone on with as it was begun, but steps was 20 and is 21"
        in compare(capsys, *words, "--steps", 21, code=2).err
    )
    (tmp_path / "mine").write_text("")
    assert "but it holds other things" in compare(capsys, FAST, SLOW, *COMMON, "--out", tmp_path, code=2).err


def test_without_a_task_the_methods_bring_their_own(tmp_path, capsys):
    assert (
        "it leaves its task open; name one with --task"
        in compare(capsys, "grpo", "rloo", "--out", tmp_path / "c", code=2).err
    )
