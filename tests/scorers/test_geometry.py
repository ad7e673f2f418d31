import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import GuerdonError
from guerdon.scorers.geometry import Failure, GeometryProgram, solve
from guerdon.tasks.problem import Problem

ASKED = Problem(7, "?", "5", {"given": [3, 4]})


@pytest.mark.parametrize(
    ("program", "answer"),
    [
        ("pyth 3 4 h; answer h", 5),
        ("pyth 3 b 5\nanswer b", 4),
        ("pyth a 12 13\nanswer a", 5),
        ("tri 90 35 x; answer x", 55),
        ("let x = 3 * (2 + 1) / 3 - -1\n\nanswer x", 4),
        ("let x = sqrt(16); pyth x 3 h; answer h + 1", 6),
        ("tri A 60 60; let half = A / 2; answer half", 30),
    ],
)
def test_programs_that_run(program, answer):
    assert solve(program) == pytest.approx(answer)


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("", "no answer"),
        ("pyth 3 4 h", "no answer"),
        ("circle 3 4 h; answer h", "unknown statement"),
        ("pyth 3 a b; answer a", "exactly one unknown"),
        ("pyth a 3 a; answer a", "exactly one unknown"),
        ("pyth 3 4 5; answer 5", "exactly one unknown"),
        ("pyth 5 b 3; answer b", "no such triangle"),
        ("tri 90 90 x; answer x", "no such triangle"),
        ("pyth 0 4 h; answer h", "positive"),
        ("answer 1; let x = 2", "follows the answer"),
        ("answer x", "no such expression"),
        ("answer sqrt(0 - 1)", "domain|nonnegative"),
        ("answer 1 / 0", "division"),
        ("let x = " + "9" * 180 + "; answer x * x", "not finite"),
        ("answer 1e3", "ends in a letter"),
        ("answer 1or 2", "ends in a letter"),
        ("answer " + "(" * 150 + "1" + ")" * 150, "too long"),
        ("answer " + "(" * 90 + "1" + ")" * 89, "never closed|EOF|\\("),
        ("answer " + "1+" * 200 + "1", "too long"),
        ("answer 1" + " " * 10_000 + "\n" * 10, "too long"),
        ("answer __import__('os').getcwd()", "no such expression"),
        ("answer True", "no such expression"),
        ("answer 2 ** 9999999", "no such expression"),
        ("let 3 = 4; answer 3", "unknown statement"),
    ],
)
def test_programs_that_do_not_run(program, why):
    with pytest.raises(Failure, match=why):
        solve(program)


def test_an_answer_has_to_depend_on_what_is_given():
    assert solve("pyth 3 4 h; answer h", [3, 9]) == 5
    for program in ("let x = 5; answer x", "pyth 3 4 h; answer 5"):
        with pytest.raises(Failure, match="depends on nothing"):
            solve(program, [3, 4])


@given(st.text(alphabet="pyth tri let answer = 0123.();\n+-*/x", max_size=60))
def test_whatever_is_written_runs_or_fails(program):
    with contextlib.suppress(Failure):
        assert math.isfinite(solve(program))


def test_pieces_of_code_are_one_program_and_prose_is_none():
    score = GeometryProgram()
    trace = "Two legs: <code>pyth 3 4 h</code> hence <code>\nanswer h\n</code> that is 7."
    assert score(ASKED, trace) == {"geometry_right": 1.0, "geometry_runs": 1.0}
    assert score(ASKED, "the answer is 5")["geometry_runs"] == 0
    assert score(ASKED, "<code>answer 3</code>") == {"geometry_right": 0.0, "geometry_runs": 1.0}
    assert GeometryProgram(tag=None)(ASKED, "pyth 3 4 h; answer h")["geometry_right"] == 1


def test_the_tolerance_is_relative_above_1():
    large, small = (Problem(7, "?", answer, {"given": [1000]}) for answer in ("1000.9", "0.0009"))
    assert GeometryProgram(tag=None)(large, "answer 1000")["geometry_right"] == 1
    assert GeometryProgram(tag=None)(small, "answer 1000 - 1000")["geometry_right"] == 1
    assert GeometryProgram(tag=None, tolerance=0.0)(large, "answer 1000")["geometry_right"] == 0


def test_bad_fields_and_problems():
    with pytest.raises(GuerdonError, match=r"tolerance must be at least 0, got -1\.0"):
        GeometryProgram(tolerance=-1.0)
    with pytest.raises(GuerdonError, match="needs an answer with a number, got 'five'"):
        GeometryProgram().check(Problem(7, "?", "five"))
    with pytest.raises(GuerdonError, match=r"needs a list of numbers as meta\['given'\]"):
        GeometryProgram().check(Problem(7, "?", "5", {"given": ["3"]}))
