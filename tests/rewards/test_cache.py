import math
import os
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import scoring_functions as functions

from guerdon.errors import GuerdonError
from guerdon.rewards.cache import Cache, identity, key_of
from guerdon.rewards.guard import Guard, Outcome
from guerdon.scorers.exact import Exact
from guerdon.scorers.format import Tags
from guerdon.tasks.jsonl import JsonlProblems
from guerdon.tasks.problem import Problem

CALLS = []


def seen(x):
    CALLS.append(x)
    if x == "raise":
        raise ValueError
    return {"nan": math.nan, "none": None}.get(x, len(x))


@pytest.fixture
def path(tmp_path):
    CALLS.clear()
    return str(tmp_path / "scores.sqlite")


def score(path, *texts):
    return [outcome.value for outcome in Guard(isolate=False, cache=path)(seen, [(text,) for text in texts])]


def test_what_is_known_is_not_asked_again_and_equal_calls_are_asked_once(path):
    assert score(path, "a", "bb", "a") == [1.0, 2.0, 1.0]
    assert CALLS == ["a", "bb"]
    assert score(path, "ccc", "bb") == [3.0, 2.0]
    assert CALLS == ["a", "bb", "ccc"]


def test_failures_are_tried_again(path):
    for _ in range(2):
        assert str(score(path, "raise", "nan", "none", "a")) == "[nan, nan, nan, 1.0]"
    assert CALLS == ["raise", "nan", "none", "a", "raise", "nan", "none"]


def test_what_was_scored_before_a_kill_is_kept(path):
    def until(x):
        if x == 150:
            raise KeyboardInterrupt
        return float(x)

    until.__qualname__ = "until"
    with pytest.raises(KeyboardInterrupt):
        Guard(isolate=False, cache=path)(until, [(x,) for x in range(200)])
    keys = [str(key_of(identity(until), (x,))) for x in range(200)]
    assert Cache(path).look_up(keys) == {key: float(x) for x, key in enumerate(keys[:128])}


def test_components_and_workers(path):
    guard = Guard(cache=path)
    calls = [{"prompt": "a", "response": "ab"}]
    first = guard(functions.named, calls)
    assert first == guard(functions.named, calls) == [Outcome({"same": 0.0, "length": 2})]
    assert math.isnan(guard(functions.touchy, [("part",)])[0].value["b"])
    assert Cache(path).look_up([str(key_of(identity(functions.touchy), ("part",)))]) == {}


@pytest.mark.parametrize(
    "damage",
    ["UPDATE scores SET value='9.0'", "UPDATE scores SET checksum='x'", "UPDATE scores SET value=x'00ff'"],
)
def test_a_damaged_entry_is_a_miss_and_is_written_anew(path, damage):
    score(path, "a")
    with sqlite3.connect(path) as database:
        database.execute(damage)
    database.close()
    assert score(path, "a") == score(path, "a") == [1.0]
    assert CALLS == ["a", "a"]


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_database_is_put_aside(path, content):
    Path(path).write_bytes(content)
    assert score(path, "a") == score(path, "a") == [1.0]
    assert CALLS == ["a"] and Path(path + ".damaged").read_bytes() == content


def test_damage_in_the_middle_of_the_file_never_gives_a_wrong_score(path):
    texts = [f"text {number}" * (number % 7 + 1) for number in range(400)]
    true = score(path, *texts)
    data = bytearray(Path(path).read_bytes())
    for place in range(5000, len(data) - 100, 3000):
        data[place : place + 60] = b"\xaa" * 60
    Path(path).write_bytes(data)
    assert score(path, *texts) == score(path, *texts) == true


def test_without_a_usable_file_scoring_goes_on(tmp_path):
    folder = tmp_path / "folder.sqlite"
    folder.mkdir()
    assert score(str(folder), "a") == [1.0]
    with pytest.raises(GuerdonError, match="must lie in a folder that exists, got"):
        score(str(tmp_path / "missing" / "a.sqlite"), "a")


def test_threads_and_killed_processes_share_it(path):
    code = (
        "import sys\nfrom guerdon.rewards.cache import Cache\ncache, n = Cache(sys.argv[1]), 0\n"
        "while True:\n    cache.store({f'{sys.argv[2]}/{n + k}': float(n + k) for k in range(50)}); n += 50\n"
        "    print(flush=True) if n == 50 else None\n"
    )
    options: Any = {"stdout": subprocess.PIPE, "env": {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}}
    writers = [subprocess.Popen([sys.executable, "-c", code, path, name], **options) for name in ("p", "q")]
    for writer in writers:
        assert writer.stdout is not None
        writer.stdout.readline()
    threads = [threading.Thread(target=Cache(path).store, args=({f"t/{n}": float(n)},)) for n in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    for writer in writers:
        writer.kill()
        writer.wait()
        assert writer.stdout is not None
        writer.stdout.close()
    for thread in threads:
        thread.join()
    keys = [f"{name}/{n}" for name in "pq" for n in range(50)] + [f"t/{n}" for n in range(8)]
    assert Cache(path).look_up(keys) == {key: float(key[2:]) for key in keys}
    assert not Path(path + ".damaged").exists()


def test_a_rule_is_told_from_another():
    task = JsonlProblems("a.jsonl")
    rules = [
        identity(rule)
        for rule in (Exact(), Exact(ignore_case=True), Tags(), task.score, seen, "a:b", functions.good, Exact().check)
    ]
    assert len(set(rules)) == len(rules)
    assert identity(Exact()) == identity(Exact()) and identity(seen) == f"{__name__}:seen"
    for bad in (lambda: 0, [].append):
        with pytest.raises(GuerdonError, match="must be a piece or have an import path"):
            identity(bad)


def test_a_key_is_of_everything_that_is_given():
    problem = Problem(1, "?", "2", {"a": [1]})
    others = [Problem(1, "?", "3", {"a": [1]}), Problem(1, "?", "2", {"a": [2]}), Problem(1, "!", "2", {"a": [1]})]
    keys = {key_of("r", (p, "x")) for p in (problem, *others)} | {
        key_of("s", (problem, "x")),
        key_of("r", (problem, "y")),
    }
    assert len(keys) == 6
    assert key_of("r", {"a": 1, "b": 2}) == key_of("r", {"b": 2, "a": 1})
    assert key_of("r", (object(),)) is None
    assert key_of("r", (Problem(1, "?", "2", {"a": [1]}), "x")) in keys
