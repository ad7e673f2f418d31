import gzip
import json
from pathlib import Path

import pytest

from guerdon.errors import GuerdonError
from guerdon.rewards.guard import Guard
from guerdon.rewards.scored import Scored
from guerdon.scorers.unit_tests import UnitTests, code_in, whole_program
from guerdon.serial import from_json, to_json
from guerdon.tasks.problem import Problem

DATA = Path(__file__).parents[3] / "shared" / "data"
PROMPT = '''import math


def double(x):
    """Twice x."""
'''
CHECK = (
    "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate(0) == 0\n    assert candidate(3) == 6\n"
)
HUMANEVAL = Problem(0, PROMPT, meta={"prefix": PROMPT, "entry_point": "double", "tests": CHECK})
MBPP = Problem(1, "?", meta={"tests": ["assert double(2) == 4", "assert double(3) == 6"]})
LEETCODE = Problem(2, "?", meta={"setup": "inf = 9", "entry_point": "Solution().double", "tests": CHECK})
PAIRS = Problem(3, "?", meta={"pairs": [["2\n", "4\n"], ["3\n", "6"]]})
RIGHT = "def double(x):\n    return 2 * x\n"
SQUARE = "def double(x):\n    return x ** 2\n"


@pytest.mark.parametrize(
    ("problem", "response", "score", "part"),
    [
        (HUMANEVAL, "    return 2 * x\n\nx = (", 0.0, 0.0),
        (HUMANEVAL, "    return 2 * x\n", 1.0, 1.0),
        (HUMANEVAL, f"Sure:\n```python\n{RIGHT}```\nIt doubles.", 1.0, 1.0),
        (HUMANEVAL, f"```\n{SQUARE}```", 0.0, 2 / 3),
        (HUMANEVAL, "", 0.0, 0.0),
        (MBPP, RIGHT, 1.0, 1.0),
        (MBPP, f"```python\n{SQUARE}", 0.0, 0.5),
        (LEETCODE, "class Solution:\n    def double(self, x): return 2 * x + inf - 9", 1.0, 1.0),
        (LEETCODE, RIGHT, 0.0, 0.0),
        (PAIRS, "print(int(input()) * 2)", 1.0, 1.0),
        (PAIRS, "print(4)", 0.0, 0.5),
        (PAIRS, "raise SystemExit(0)", 0.0, 0.0),
    ],
)
def test_all_or_nothing_and_the_part_that_passes(problem, response, score, part):
    assert UnitTests(isolation="limits")(problem, response) == score
    assert UnitTests(fraction=True)(problem, response) == pytest.approx(part)


def test_the_code_in_a_response():
    assert code_in("a\n```py\nx\n```\nb\n```\ny\n```\n") == "y\n"
    assert code_in("~~~\nx\n```\ny\n~~~") == "x\n```\ny\n"
    assert code_in("  ```python\n  x\n  ```") == "  x\n"
    assert code_in("```python\nx = 1") == "x = 1"
    assert code_in("x = 1") == "x = 1"


def test_the_program_that_the_code_becomes():
    head = {"prefix": "def f(x):", "entry_point": "f", "setup": "import re"}
    assert whole_program("    return 1", head) == "import re\ndef f(x):\n    return 1"
    assert whole_program("def f(x): return 1", head) == "import re\ndef f(x): return 1"
    assert whole_program("x", {}) == "x"


def test_helpers_of_the_prompt_are_there_for_the_tests():
    prefix = 'def encode(s):\n    return s[::-1]\n\n\ndef decode(s):\n    """Undo encode."""\n'
    tests = "def check(candidate):\n    assert candidate(encode('ab')) == 'ab'\n"
    problem = Problem(0, prefix, meta={"prefix": prefix, "entry_point": "decode", "tests": tests})
    assert UnitTests()(problem, "    return encode(s)\n") == 1.0
    cheat = "    return 'ab'\n\ndef encode(s):\n    return 'ab'\n"
    wrong = "    return s\n\ndef encode(s):\n    return s\n"
    assert [UnitTests()(problem, text) for text in (cheat, wrong)] == [1.0, 0.0]


def test_bad_problems_and_fields():
    for meta in ({}, {"tests": ""}, {"tests": []}, {"pairs": []}, {"pairs": [["1"]]}):
        with pytest.raises(GuerdonError, match="problem 7 needs meta `tests`"):
            UnitTests().check(Problem(7, "?", meta=meta))
    with pytest.raises(GuerdonError, match="must assert something"):
        UnitTests().check(Problem(7, "?", meta={"tests": "x = 1"}))
    UnitTests().check(PAIRS)
    with pytest.raises(GuerdonError, match=r"Limits\.seconds must be positive"):
        UnitTests(seconds=0)
    with pytest.raises(GuerdonError, match="isolation must be"):
        UnitTests(isolation="jail")
    scorer = UnitTests(fraction=True, seconds=3)
    assert from_json(to_json(scorer)) == scorer


def test_it_scores_inside_a_guard():
    calls = [(HUMANEVAL, text) for text in ("    return 2 * x\n", "    while True: pass\n", "    return x")]
    outcomes = Guard(timeout=30, workers=2)(UnitTests(seconds=1), calls)
    assert [(outcome.value, outcome.reason) for outcome in outcomes] == [(1.0, ""), (0.0, ""), (0.0, "")]
    assert UnitTests().seconds < Guard().timeout
    assert Scored(UnitTests()).writes[0] == "traj.reward/correct" and not UnitTests.trusted


@pytest.mark.parametrize("name", ["humaneval/problems", "humaneval/mbpp_sanitized", "leetcode/problems"])
def test_released_references_pass(name):
    path = DATA / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"needs the released data in {path.parent}")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line, _ in zip(file, range(30), strict=False)]
    for row in rows[4::8]:
        meta = {"entry_point": row["entry_point"], "tests": row["test"]}
        if "completion" in row:
            problem, answer = Problem(row["task_id"], "", meta=meta | {"setup": row["prompt"]}), row["completion"]
        else:
            problem, answer = (
                Problem(row["task_id"], "", meta=meta | {"prefix": row["prompt"]}),
                row["canonical_solution"],
            )
        if name == "humaneval/mbpp_sanitized":  # as released, bodies are not always indented as the prompts are
            head = row["prompt"].partition("'''")[0].rstrip()
            problem = Problem(row["task_id"], "", meta=meta | {"prefix": head})
        assert UnitTests()(problem, answer) == 1.0, problem.id
        assert UnitTests()(problem, "    return None\n") == 0.0, problem.id
