"""Scoring files of responses."""

import gzip
import io
import json
import os
import random
import re
import subprocess
import sys
import time

import pytest

from guerdon import cli
from guerdon.commands._partial import Partial
from guerdon.commands.score import Meter, Tally, chunks, read_lines
from guerdon.piece import TaskSpec
from guerdon.serial import to_json
from guerdon.specs import resolve, reward

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
    assert re.fullmatch(r"3 lines: function mean 1, 1 unscored\n3 lines, \d+ lines/s\n", summary)


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
    assert summary.startswith("4 lines: correct mean 0.75, 0 unscored\n")


def test_stdin_streams_in_chunks(folder, capsys, monkeypatch):
    monkeypatch.setattr("guerdon.commands.score.CHUNK", 2)
    text = "".join(f'{{"response": "<think>x</think><answer>{n}</answer>"}}\n' for n in range(5))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    code, rows, summary = score(capsys, "-", "--reward", "tags")
    assert code == 0 and [row["line"] for row in rows] == [1, 2, 3, 4, 5]
    assert summary.startswith("5 lines: format mean 1, 0 unscored\n5 lines, ")


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


def lines_of(count: int, start: int = 0) -> str:
    rows = ({"response": f"<think>x</think><answer>{n}</answer>", "answer": str(n)} for n in range(start, count))
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_lines_may_be_text_already():
    text = ['{"response": "a"}\n', "\n", '{"response": "b"}\n']
    assert [*read_lines(text, "x")] == [(1, {"response": "a"}), (3, {"response": "b"})]
    assert [*read_lines(text, "x", after=1)] == [(3, {"response": "b"})]


def test_gzip_a_broken_one_and_bytes_that_are_no_text(folder, capsys):
    with gzip.open("a.jsonl.gz", "wt") as file:
        file.write(lines_of(700))
    code, rows, summary = score(capsys, "a.jsonl.gz", "--reward", "tags")
    assert code == 0 and [row["line"] for row in rows] == [*range(1, 701)] and "700 lines: format mean 1" in summary
    data = (folder / "a.jsonl.gz").read_bytes()
    (folder / "b.jsonl.gz").write_bytes(data[: len(data) // 2])
    code, _, error = score(capsys, "b.jsonl.gz", "--reward", "tags")
    assert code == 2 and "b.jsonl.gz must be a whole gzip file, but after line" in error
    (folder / "c.jsonl.gz").write_bytes(b"{}")
    assert "must be a whole gzip file, but after line 0" in score(capsys, "c.jsonl.gz", "--reward", "tags")[2]
    (folder / "d.jsonl").write_bytes(b'{"response": "\xff"}')
    assert "d.jsonl, line 1 must be a JSON object" in score(capsys, "d.jsonl", "--reward", "tags")[2]


def test_a_line_without_an_end_is_refused_before_it_fills_the_memory(folder, capsys, monkeypatch):
    monkeypatch.setattr("guerdon.commands.score.LONGEST", 1000)
    (folder / "a.jsonl").write_text('{"response": "' + "x" * 100_000)
    code, _, error = score(capsys, "a.jsonl", "--reward", "tags")
    assert code == 2 and "line 1 must have at most 1000 bytes" in error


def test_options_reach_the_reward_and_the_cache_spares_calls(folder, capsys):
    (folder / "slow.py").write_text(
        "import time\ndef judge(response):\n"
        "    open('calls', 'a').write('x')\n    time.sleep(9 if response == 'hang' else 0)\n    return len(response)\n"
    )
    rows = [{"response": text} for text in ("a", "hang", "bb")]
    (folder / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for calls in (3, 4):
        words = ["--reward", "slow:judge", "--workers", "2", "--timeout", "0.5", "--cache", "c.sqlite"]
        code, rows, _ = score(capsys, "a.jsonl", *words)
        assert code == 0 and [row["reward"]["function"] for row in rows] == [1.0, None, 2.0]
        assert "no score within 0.5 s" in rows[1]["error"]
        assert (folder / "calls").stat().st_size == calls


def test_it_goes_on_where_it_was_killed_and_writes_every_line_once(folder, capsys, monkeypatch):
    """Killed at random moments, the result is that of an uninterrupted run, and little was scored twice."""
    (folder / "slow.py").write_text(
        "import os, time\ndef judge(response, n):\n"
        "    os.write(os.open('calls', os.O_WRONLY | os.O_APPEND | os.O_CREAT), b'%d\\n' % n)\n"
        "    time.sleep(0.0005)\n    return n * 0.5\n"
    )
    count = 3000
    (folder / "a.jsonl").write_text("".join(json.dumps({"response": "x", "n": n}) + "\n" for n in range(count)))
    spec = json.dumps({"piece": "Function", "path": "slow:judge", "columns": ["traj.n"]})
    command = [sys.executable, "-m", "guerdon", "score", "a.jsonl", "--reward", spec, "--out", "o.jsonl"]
    path = os.pathsep.join([str(folder), *filter(None, sys.path)])
    chance, kills = random.Random(3), 0
    while kills < 4:
        process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, stderr=subprocess.PIPE, text=True)
        with process:
            done = (folder / "o.jsonl.partial").stat().st_size if (folder / "o.jsonl.partial").exists() else 0
            until = time.monotonic() + 60
            # Only kills after something new was written count, so that the test comes to an end.
            while process.poll() is None and time.monotonic() < until:
                if (folder / "o.jsonl.partial").exists() and (folder / "o.jsonl.partial").stat().st_size > done:
                    time.sleep(chance.uniform(0.0, 0.15))
                    process.kill()
                    kills += 1
                    break
                time.sleep(0.002)
            process.wait()
        if (folder / "o.jsonl").exists():
            break
    assert kills >= 2
    if not (folder / "o.jsonl").exists():
        assert (folder / "o.jsonl.partial").stat().st_size
        code, _, summary = score(capsys, "a.jsonl", "--reward", spec, "--out", "o.jsonl")
        assert code == 0 and f"{count} lines: function mean {(count - 1) / 4:.4g}, 0 unscored" in summary
        assert " of them earlier" in summary
    rows = [json.loads(line) for line in (folder / "o.jsonl").read_text().splitlines()]
    assert rows == [{"line": n + 1, "reward": {"function": n * 0.5}} for n in range(count)]
    assert not list(folder.glob("o.jsonl.*"))
    called = (folder / "calls").read_text().split()
    assert {*map(int, called)} == {*range(count)}
    assert len(called) <= count + kills * 256, "at most one chunk for each kill"


@pytest.mark.parametrize(
    "tail", ["", '{"line": 3, "rew', '{"line": 2, "reward": {"format": 1.0}}\n', "\0\0\0", "null\n"]
)
def test_what_a_kill_left_behind_is_cut_to_what_is_whole(folder, capsys, tail):
    (folder / "a.jsonl").write_text(lines_of(5))
    assert score(capsys, "a.jsonl", "--reward", "tags", "--out", "o.jsonl")[0] == 0
    whole = (folder / "o.jsonl").read_text()
    piece = to_json(reward("tags"))
    status = (folder / "a.jsonl").stat()
    same = {"file": [str(folder / "a.jsonl"), status.st_size, status.st_mtime_ns], "reward": piece, "task": None}
    (folder / "p.jsonl.journal").write_text(json.dumps(same))
    (folder / "p.jsonl.partial").write_text("".join(whole.splitlines(keepends=True)[:2]) + tail)
    code, _, summary = score(capsys, "a.jsonl", "--reward", "tags", "--out", "p.jsonl")
    assert code == 0 and "5 lines, 2 of them earlier" in summary
    assert (folder / "p.jsonl").read_text() == whole


def test_scores_of_something_else_are_not_gone_on_with(folder, capsys):
    (folder / "o.jsonl.partial").write_text('{"line": 1, "reward": {"format": 1.0}}\n')
    (folder / "o.jsonl.journal").write_text(json.dumps({"file": None, "reward": to_json(reward("tags")), "task": None}))
    (folder / "a.jsonl").write_text(lines_of(3))
    for spec, what in (("tags", "differs in file"), ("exact", "differs in file, reward")):
        code, _, error = score(capsys, "a.jsonl", "--reward", spec, "--out", "o.jsonl")
        assert code == 2 and what in error and "delete it to begin anew" in error
    assert (folder / "o.jsonl.partial").exists()


def test_two_at_the_same_file_are_refused(folder, capsys):
    (folder / "a.jsonl").write_text(lines_of(3))
    with Partial.open("o.jsonl", None):
        code, _, error = score(capsys, "a.jsonl", "--reward", "tags", "--out", "o.jsonl")
    assert code == 2 and "o.jsonl.partial is being written by another process" in error


def test_bad_input_does_not_take_earlier_scores_away(folder, capsys):
    (folder / "a.jsonl").write_text(lines_of(3) + "{\n")
    (folder / "o.jsonl.partial").write_text('{"line": 1, "reward": {"format": 1.0}}\n')
    status = (folder / "a.jsonl").stat()
    same = {"file": [str(folder / "a.jsonl"), status.st_size, status.st_mtime_ns]}
    (folder / "o.jsonl.journal").write_text(json.dumps({**same, "reward": to_json(reward("tags")), "task": None}))
    assert score(capsys, "a.jsonl", "--reward", "tags", "--out", "o.jsonl")[0] == 2
    assert (folder / "o.jsonl.partial").exists()


def test_slow_rewards_are_scored_a_few_lines_at_a_time():
    class Slow:
        piece = None

        def __init__(self):
            self.sizes = []

        def __call__(self, chunk):
            self.sizes.append(len(chunk))
            CLOCK[0] += 0.3 * len(chunk)
            return [{"reward": {}} for _ in chunk]

    CLOCK, judge = [0.0], Slow()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("guerdon.commands.score.time.monotonic", lambda: CLOCK[0])
        rows = [row for part in chunks(judge, iter([(n, {}) for n in range(1, 41)]), 1) for row in part]
    assert [row["line"] for row in rows] == [*range(1, 41)]
    assert judge.sizes[:3] == [8, 4, 2] and set(judge.sizes[3:]) == {2}


@pytest.mark.parametrize("terminal", [True, False])
def test_where_it_is_is_said_now_and_then(monkeypatch, terminal):
    clock, said = [0.0], io.StringIO()
    said.isatty = lambda: terminal
    monkeypatch.setattr("guerdon.commands.score.time.monotonic", lambda: clock[0])
    monkeypatch.setattr(sys, "stderr", said)
    shares = iter([0.2, 0.4, 0.4, 0.6])
    with Meter(tally := Tally(100, {}), lambda: next(shares)) as meter:
        for now in (1.0, 10.0, 10.1, 20.0):
            clock[0] = now
            tally.add([{"reward": {"a": 1.0}}] * 50)
            meter.show()
        told = said.getvalue()
    lines = ["[########............]  40% 200 lines, 10 lines/s, 30 s left"]
    lines.append("[############........]  60% 300 lines, 10 lines/s, 20 s left")
    assert all(line in told for line in lines)
    assert told.count("\n") == (0 if terminal else 2) and meter.rate == 10
