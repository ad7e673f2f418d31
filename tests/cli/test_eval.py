"""Evaluating from the command line: runs, checkpoints, files of responses."""

import io
import json
import re
import sys

import pyarrow.parquet
import pytest

from guerdon import cli
from guerdon.commands._evaluation import Meter, short
from guerdon.loop import train
from guerdon.objective import Objective
from guerdon.objectives.nll import NLL
from guerdon.policies.tiny_lm import TinyLM
from guerdon.recipe import Recipe
from guerdon.rollouts.demonstrations import Demonstrations
from guerdon.runs.folder import RunFolder
from guerdon.runs.report import write_report
from guerdon.tasks.modular_sum import ModularSum
from guerdon.update import Update

RECIPE = Recipe(
    task=ModularSum(),
    policy=TinyLM(width=16, layers=1, heads=2),
    rollout=Demonstrations(prompts=16),
    shaping=(),
    objective=Objective(NLL()),
    update=Update(lr=1e-2),
)
LENGTH = """
def score(response, **others):
    return float(len(response))
"""


def run(capsys, *words: object) -> str:
    assert cli.main(["eval", *map(str, words)]) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def fail(capsys, *words: object) -> str:
    assert cli.main(["eval", *map(str, words)]) == 2
    return capsys.readouterr().err


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "a"
    train(RECIPE, steps=6, out=RunFolder(folder, save_every=3))
    return folder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine_reward.py").write_text(LENGTH)
    lines = [
        {"id": 1, "prompt": "1+1", "answer": "2", "responses": ["2", "2", "3", "no idea"]},
        {"id": 2, "prompt": "2+2", "answer": "4", "response": "4"},
        *({"id": 2, "prompt": "2+2", "answer": "4", "response": text} for text in ("5", "It is 5", "so 4")),
    ]
    (tmp_path / "said.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


def test_checkpoints_are_compared_and_kept_where_the_report_finds_them(trained, folder, capsys):
    words = (trained, "--checkpoints", 0, 6, "--k", 1, 4, "--problems", 8, "--max-tokens", 3)
    out = run(capsys, *words, "--out", "rows.parquet", "--save-responses", "said_by.jsonl")
    for part in ("step 0", "step 6 - step 0", "pass@4", "maj@4", "best of 4 by logprob", "SRR", "kept in"):
        assert part in out
    saved = json.loads((trained / "eval.json").read_text())
    assert list(saved) == ["step 0", "step 6", "step 6 against step 0"]
    assert saved["step 6"]["problems"] == 8 and saved["step 6"]["step"] == 6 and saved["step 6"]["k"] == [1, 4]
    gained = saved["step 6 against step 0"]["change"]["pass_at"]["1"]["value"]
    assert gained == pytest.approx(saved["step 6"]["pass_at"]["1"]["value"] - saved["step 0"]["pass_at"]["1"]["value"])
    assert "step 6" in write_report(trained).read_text()
    rows = pyarrow.parquet.read_table("rows.parquet").to_pylist()
    assert len(rows) == 16 and {row["policy"] for row in rows} == {f"{trained}@0", f"{trained}@6"}
    # The kept responses say the same again, without the model.
    data = json.loads(run(capsys, "--responses", "said_by.jsonl", "--k", 1, 4, "--answer", "text", "--json"))
    for family in ("pass_at", "majority_at", "length", "best_of"):
        assert data[family] == saved["step 6"][family]


def test_a_step_a_name_and_another_run(trained, folder, capsys):
    few = ("--k", 1, "--problems", 4, "--max-tokens", 3)
    run(capsys, f"{trained}@3", *few, "--save", "middle", "--measures", "length")
    assert json.loads((trained / "eval.json").read_text())["middle"]["step"] == 3
    before = (trained / "eval.json").read_text()
    out = run(capsys, trained, "--against", f"{trained}@3", *few, "--no-save", "--json", "--seed", 5)
    assert (trained / "eval.json").read_text() == before
    assert list(json.loads(out)["changes"]) == [f"{trained}@6 against {trained}@3"]
    assert out == run(capsys, trained, "--against", f"{trained}@3", *few, "--no-save", "--json", "--seed", 5)
    small = run(capsys, trained, "--against", f"{trained}@3", *few, "--no-save", "--json", "--seed", 5, "--batch", 1)
    assert (
        json.loads(small)["evaluations"][f"{trained}@3"]["length"]
        == json.loads(out)["evaluations"][f"{trained}@3"]["length"]
    )


def test_a_file_by_hand(folder, capsys):
    data = json.loads(run(capsys, "--responses", "said.jsonl", "--reward", "number", "--json"))
    assert data["pass_at"]["1"]["value"] == 0.5 and data["pass_at"]["4"]["value"] == 1.0
    # 2 has two of three votes; 4 and 5 share theirs.
    assert data["majority_at"]["4"]["value"] == 0.75
    assert data["gold"] == "Scored" and data["answer"] == "the last number" and data["samples"] == 4
    assert data["diversity"]["unreadable"]["value"] == pytest.approx(1 / 8)


def test_any_reward_picks_and_another_tells_the_truth(folder, capsys):
    words = ("--responses", "said.jsonl", "--gold", "number", "--reward", "mine_reward:score", "--k", 4)
    data = json.loads(run(capsys, *words, "--json"))
    # The longest are "no idea" and "It is 5".
    assert data["best_of"] == {"mine_reward:score": {"4": {"value": 0.0, "low": 0.0, "high": 0.0}}}
    assert re.search(r"best of 4 by mine_reward:score +0\.0% \[0\.0, 0\.0\]", run(capsys, *words))


def test_a_file_against_another(folder, capsys):
    (folder / "better.jsonl").write_text(
        '{"id": 1, "answer": "2", "responses": ["2", "2"]}\n{"id": 2, "answer": "4", "responses": ["4", "5"]}\n'
    )
    out = run(capsys, "--responses", "better.jsonl", "--against", "said.jsonl", "--reward", "number")
    assert "better.jsonl - said.jsonl" in out and "+25.0 [0.0, 50.0]" in out
    assert "2 right answers kept, 0 gained, 0 lost" in out


def test_what_cannot_be_scored_is_said(folder, capsys):
    (folder / "odd.jsonl").write_text('{"id": 1, "responses": ["a", "b"], "gold": [1, null]}\n')
    out = run(capsys, "--responses", "odd.jsonl", "--k", 1)
    assert "1 problems, 2 responses each; 1 responses unscored" in out
    (folder / "bad_reward.py").write_text(
        "def score(response, **others):\n    if response == 'a':\n        raise ValueError('\\x1b[2J')\n    return 1.0\n"
    )
    out = run(capsys, "--responses", "odd.jsonl", "--k", 1, "--gold", "bad_reward:score")
    assert "unscored (first: function: " in out and "\x1b" not in out


@pytest.mark.parametrize(
    "words, sentence",
    [
        ((), "needs a run folder or a model, or --responses FILE"),
        (("RUN", "--responses", "said.jsonl"), "needs a run folder or a model, or --responses FILE"),
        (("RUN@4",), "must hold step 4, but it has 0, 3, 6"),
        (("RUN@last",), "a checkpoint must be named by its step"),
        (("RUN@3", "--checkpoints", "0"), "takes a run folder without a step"),
        (("RUN", "--checkpoints", "0", "--against", "RUN"), "goes with no --against"),
        (("RUN", "--save", "x", "--no-save"), "say the opposite"),
        (("RUN", "--out", "x.csv"), "must end in .parquet or .jsonl"),
        (("RUN", "--measures", "speed"), "measures must be among pass_at"),
        (("RUN", "--samples", "2", "--k", "4"), "--samples must be at least the largest k, 4, got 2"),
        (("RUN", "--batch", "0"), "--batch must be at least 1"),
        (("--responses", "said.jsonl"), "says nowhere what is right"),
        (("--responses", "said.jsonl", "--reward", "number", "--k", "9"), "--k must be at most the 4 scored responses"),
        (("--responses", "said.jsonl", "--reward", "number", "--answer", "word"), "read as one of auto, text"),
        (("--responses", "nowhere.jsonl", "--reward", "number"), "cannot be used"),
    ],
)
def test_bad_input_is_one_sentence(words, sentence, trained, folder, capsys):
    assert sentence in fail(capsys, *(word.replace("RUN", str(trained)) for word in words))


def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with Meter("[a]", every=0.0) as meter:
        meter(3, 12)
    assert sys.stderr.getvalue() == "[a]: 3 of 12 responses\n"

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    with Meter("[a]") as meter:
        meter(3, 12)
        meter.live.refresh()
    assert "[a]" in sys.stderr.getvalue() and "3/12" in sys.stderr.getvalue()


def test_labels_are_short_where_that_tells_them_apart():
    assert short(["runs/a@0", "runs/a@60"]) == ["step 0", "step 60"]
    assert short(["runs/a@0", "runs/b@0"]) == ["a@0", "b@0"]
    assert short(["x/a.jsonl", "y/a.jsonl"]) == ["x/a.jsonl", "y/a.jsonl"] and short(["runs/a@3"]) == ["a@3"]
