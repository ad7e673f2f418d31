"""Scoring files of responses."""

import io
import json
import sys

import pytest

from guerdon import cli
from guerdon.piece import TaskSpec
from guerdon.specs import resolve

MINE = """
def score(response, problem, **others):
    if response == "boom":
        raise ValueError("cannot")
    return float(response == problem.answer) + others.get("bonus", 0)
"""
LINES = '{"response": "3", "answer": "3"}\n\n{"response": "boom"}\n{"response": "4", "answer": 4}\n'
SPELL = "spell_backward:test_size=8,train_size=64"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "my_reward.py").write_text(MINE)
    (tmp_path / "a.jsonl").write_text(LINES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def score(capsys, *words: str) -> tuple[int, list[dict], str]:
    code = cli.main(["score", *words])
    out, error = capsys.readouterr()
    return code, [json.loads(line) for line in out.splitlines()], error


def test_a_function_scores_each_line_and_what_fails_is_unscored_not_zero(folder, capsys):
    code, rows, summary = score(capsys, "a.jsonl", "--reward", "my_reward:score")
    assert code == 0
    assert rows[0] == {"line": 1, "reward": {"function": 1.0}}
    assert rows[1]["line"] == 3 and rows[1]["reward"] == {"function": None} and "ValueError: cannot" in rows[1]["error"]
    assert rows[2] == {"line": 4, "reward": {"function": 1.0}}
    assert summary == "3 lines: function mean 1, 1 unscored\n"


def test_the_tasks_own_scorer_with_its_own_problems(folder, capsys):
    task = resolve(SPELL, TaskSpec, "task")
    problems = [task.problem("test", number) for number in range(3)]
    lines = [{"problem": number, "response": problem.answer} for number, problem in enumerate(problems)]
    lines[2]["response"] = "wrong"
    (folder / "b.jsonl").write_text("\n".join(map(json.dumps, lines)))
    code, rows, _ = score(capsys, "b.jsonl", "--reward", "verifier", "--task", SPELL)
    assert code == 0 and [row["reward"]["correct"] == 1.0 for row in rows] == [True, True, False]


def test_solutions_are_scored_as_mathematics(folder, capsys):
    pytest.importorskip("math_verify")
    said = ["so A: 1,000", "\\boxed{10^3}", "\\boxed{\\sqrt{1000000}}", "#### 999"]
    lines = [{"prompt": "How many?", "answer": "100 each.\n#### 1000", "response": text} for text in said]
    (folder / "c.jsonl").write_text("\n".join(map(json.dumps, lines)))
    code, rows, summary = score(capsys, "c.jsonl", "--reward", "math:every_box=true")
    assert code == 0 and [row["reward"]["correct"] for row in rows] == [1.0, 1.0, 1.0, 0.0]
    assert summary == "4 lines: correct mean 0.75, 0 unscored\n"


def test_stdin_streams_in_chunks(folder, capsys, monkeypatch):
    monkeypatch.setattr("guerdon.commands.score.CHUNK", 2)
    text = "".join(f'{{"response": "<think>x</think><answer>{n}</answer>"}}\n' for n in range(5))
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    code, rows, summary = score(capsys, "-", "--reward", "tags")
    assert code == 0 and [row["line"] for row in rows] == [1, 2, 3, 4, 5]
    assert summary == "5 lines: format mean 1, 0 unscored\n"


def test_a_file_appears_whole_or_not_at_all(folder, capsys):
    assert score(capsys, "a.jsonl", "--reward", "my_reward:score", "--out", "scores.jsonl")[:2] == (0, [])
    assert len((folder / "scores.jsonl").read_text().splitlines()) == 3
    (folder / "bad.jsonl").write_text(LINES + "{\n")
    code, _, error = score(capsys, "bad.jsonl", "--reward", "my_reward:score", "--out", "other.jsonl")
    assert code == 2 and "bad.jsonl, line 5 must be a JSON object" in error
    assert not list(folder.glob("other.jsonl*"))


@pytest.mark.parametrize(
    ("text", "words", "sentence"),
    [
        (
            LINES,
            ["--reward", "tag"],
            "--reward must be a reward piece, a scorer or module:function, got 'tag'; did you mean tags?",
        ),
        (LINES, ["--reward", "my_reward:nothing"], "module 'my_reward' has no 'nothing'"),
        (LINES, ["--reward", "verifier"], "scores by the task's own rule; name a task of problems with --task"),
        ('{"answer": "3"}', ["--reward", "tags"], "a.jsonl, line 1 must be an object with a text under `response`"),
        (
            '{"response": "3", "problem": 1}',
            ["--reward", "tags"],
            "line 1 names a problem by its number; name its task",
        ),
        ('{"response": "3", "problem": 99}', ["--reward", "verifier", "--task", SPELL], "got 99"),
    ],
)
def test_what_cannot_be_scored_is_refused(folder, capsys, text, words, sentence):
    (folder / "a.jsonl").write_text(text)
    code, _, error = score(capsys, "a.jsonl", *words)
    assert code == 2 and sentence in error and error.count("\n") == 1


def test_a_file_that_is_not_there_is_refused(folder, capsys):
    assert score(capsys, "none.jsonl", "--reward", "tags")[::2] == (
        2,
        "guerdon: none.jsonl cannot be used: No such file or directory\n",
    )
