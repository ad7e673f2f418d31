import math
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import batch_of

from guerdon.errors import GuerdonError
from guerdon.rewards import _pool
from guerdon.rewards.guard import Guard
from guerdon.rewards.scored import Scored
from guerdon.scorers.math_answer import Math, same
from guerdon.serial import from_json, to_json
from guerdon.specs import reward
from guerdon.tasks.problem import Problem

pytest.importorskip("math_verify")

EQUAL = [
    # Figures, separators, currency, units, degrees, percent.
    ("1000", "1,000"), ("1000", "1{,}000"), ("50,\\!625", "50625"), ("18", "\\$18"), ("18", "$18.00"),
    ("-5", "\N{MINUS SIGN}5"),
    ("18", "18 dollars"), ("18", "18 dollars per day"), ("60", "60^\\circ"), ("60", "60°"), ("90", "90 degrees"),
    ("5", "5\\text{ cm}^2"), ("5 cm", "5"), ("100", "100 km/h"), ("\\text{2 hours}", "2"), ("1500000", "1.5 million"),
    ("1234567", "1 234 567"),
    ("50", "50\\%"), ("0.5", "50%"), ("\\frac12", "50\\%"), ("8.7 \\times 10^{8}", "8.7e8"), ("870000000", "8.7e8"),
    # Fractions and mixed numbers.
    ("\\dfrac{3}{4}", "\\tfrac34"), ("\\frac{3}{4}", "3/4"), ("\\frac{3}{4}", ".75"), ("\\frac13", "0.333333"),
    ("\\frac{3}{2}", "1\\frac{1}{2}"), ("1.5", "1 1/2"), ("-\\frac{1}{2}", "\\frac{-1}{2}"), ("-3/2", "-3./2"),
    # Expressions.
    ("3\\sqrt2", "3*sqrt(2)"), ("3\\sqrt2", "\\sqrt{18}"), ("\\frac{\\pi}{3}", "pi/3"), ("\\frac{\\pi}{3}", "π/3"),
    ("(x+1)^2", "x^2+2x+1"), ("2x+3y", "3y+2x"), ("ab", "ba"), ("\\binom{5}{2}", "10"), ("y=2x+3", "y=3+2x"),
    ("5", "x=5"), ("30", "5(6)"), ("\\frac12", "\\frac 1 2"), ("2+3i", "3i+2"), ("x\\leq 3", "3 \\ge x"),
    # Sets, tuples, intervals, matrices, number bases.
    ("2,3", "3 and 2"), ("2,3", "\\{3,2\\}"), ("\\pm 2", "-2,2"), ("(3,-1)", "(3, -1)"), ("[1,2)", "x\\in[1, 2)"),
    ("(-\\infty, 0) \\cup\\{1\\}", "(-\\infty,0)\\cup \\{1\\}"), ("15_8", "15_{8}"), ("\\infty", "infinity"),
    ("\\begin{pmatrix}1\\\\2\\end{pmatrix}", "\\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}"),
    # Words.
    ("\\text{Evelyn}", "Evelyn"), ("\\text{(A)}", "A"), ("yes", "Yes."), ("\\text{4:30 p.m.}", "4:30 \\text{ p.m.}"),
]  # fmt: skip
DIFFERENT = [
    ("5", "6"), ("5", ""), ("5", "x"), ("17", "17x"), ("6", "6t"), ("6t", "6"), ("3x+2", "3x+2t"), ("25", "2 5"),
    ("12", "1,2"),
    ("0.33", "\\frac13"), ("5.89 \\times 10^{-7}", "5.89e-8"), ("0.0000005", "0.0000004"), ("6^{\\circ}", "6\\%"),
    ("(3,-1)", "(-1,3)"), ("(1,2)", "(2,1)"), ("[1,2)", "[1,2]"), ("15_8", "15_6"), ("3:4", "4:3"),
    ("\\text{Evelyn}", "Evenly"), ("yes", "no"), ("A", "B"),
    ("\\begin{pmatrix}1\\\\2\\end{pmatrix}", "\\begin{pmatrix}2\\\\1\\end{pmatrix}"),
    # Hedges.
    ("5", "5 or 6"), ("5", "6 or 5"), ("5", "5, 6"), ("5", "\\{5,6\\}"), ("5", "5 \\text{ or } 6"), ("2", "\\pm 2"),
    ("5", "\\text{5 or 6}"), ("5", "5 \\text{ or 6 or 7}"), ("5", "5 or maybe six"), ("5", "5\\text{ not}"), ("5", "[5,6]"),
    ("11", "5(6)"), ("6", "5 \\vee 6"), ("6", "5 \\to 6"), ("11", "5 6"), ("11", "5{6}"), ("5", "5 hundred"), 
    ("5", "5 xy"), ("5", "5 dozen"),
    ("5", "(-\\infty,\\infty)"), ("5", "\\mathbb{R}"),
]  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def closed():
    yield
    _pool.close_all()


@pytest.mark.parametrize(("wanted", "got", "equal"), [(*p, True) for p in EQUAL] + [(*p, False) for p in DIFFERENT])
def test_equal_or_not_and_what_is_told_at_once_is_what_the_call_says(wanted, got, equal):
    problem, response = Problem(0, "?", wanted), f"So it is $\\boxed{{{got}}}$."
    assert same(wanted, got) is equal
    assert Math()(problem, response) == float(equal)
    assert Math().at_once(problem, response) in (None, float(equal))


@given(st.fractions(max_denominator=50), st.fractions(max_denominator=50))
def test_fractions_are_equal_when_their_values_are(wanted, got):
    text = f"\\frac{{{got.numerator}}}{{{got.denominator}}}"
    assert Math().at_once(Problem(0, "?", str(wanted)), f"\\boxed{{{text}}}") == float(wanted == got)


def test_where_the_answer_is_looked_for():
    problem = Problem(0, "?", "so <<2*9=18>>18\n#### 18")
    said = ["\\boxed{18}", "#### 18", "A: 18", "The final answer is $18$. I hope it is correct.", "we get 18"]
    assert [Math()(problem, text) for text in said] == [1.0] * 5
    assert [Math(announced=True)(problem, text) for text in said] == [1.0] * 4 + [0.0]
    tagged = ["18 <answer>18</answer> 7", "<answer>\\boxed{18}</answer>", "<answer>17</answer> 18", "18"]
    assert [Math(tag="answer")(problem, text) for text in tagged] == [1.0, 1.0, 0.0, 0.0]


def test_the_last_box_counts_and_more_than_one_answer_can_be_refused():
    problem = Problem(0, "?", "0.5")
    texts = ["\\boxed{1} \\boxed{0.5}", "\\boxed{0.5} \\boxed{1}", "\\boxed{0.5} \\boxed{\\frac12}", "it is 0.5"]
    assert [Math()(problem, text) for text in texts] == [1.0, 0.0, 1.0, 1.0]
    strict = Math(every_box=True)
    assert [strict(problem, text) for text in texts] == [0.0, 0.0, 1.0, 1.0]
    hedge = " ".join(f"\\boxed{{{n / 10}}}" for n in range(10))
    assert strict.at_once(problem, hedge) == strict(problem, hedge) == 0.0


def test_allowed_errors_and_further_answers():
    problem = Problem(0, "?", "9.8", {"error": "0.1", "also": ["g"]})
    assert [Math(error_key="error")(problem, f"\\boxed{{{got}}}") for got in ("9.9", "9.95", "\\frac{99}{10}")] == [
        1,
        0,
        1,
    ]
    assert [Math(tolerance=0.02)(problem, f"\\boxed{{{got}}}") for got in ("9.9", "10.1")] == [1, 0]
    assert [Math(accepted_key="also")(problem, f"\\boxed{{{got}}}") for got in ("g", "9.8", "h")] == [1, 1, 0]
    assert Math(tolerance=0.02).at_once(problem, "9.9") is None


def batch_for(responses, answer="5"):
    return batch_of([len(responses)], columns={"traj.response": responses, "group.problem": [Problem(0, "?", answer)]})


ENDLESS = ("\\boxed{9^{9^{9^{9}}}}", "\\boxed{\\binom{10^{9}}{5 \\cdot 10^{8}}}")


def test_what_takes_forever_is_unscored_alone_and_from_any_thread():
    piece = Scored(Math(), guard=Guard(timeout=2.0))
    responses = ["\\boxed{x+5-x}", ENDLESS[0], "\\boxed{\\sqrt{25}}", ENDLESS[1], "\\boxed{6}"]
    with ThreadPoolExecutor(1) as pool:
        thread, out = pool.submit(lambda: (threading.current_thread(), piece(batch_for(responses)))).result()
    assert thread is not threading.main_thread()
    assert out["traj.reward/correct"].tolist() == pytest.approx([1.0, math.nan, 1.0, math.nan, 0.0], nan_ok=True)
    assert [bool(reason) for reason in out["traj.reward_error"]] == [False, True, False, True, False]


def test_the_call_itself_works_off_the_main_thread():
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(Math(), Problem(0, "?", "\\sqrt{8}"), f"\\boxed{{{got}}}") for got in ("2\\sqrt2", "3")]
        assert [call.result() for call in calls] == [1.0, 0.0]


def test_plain_answers_need_no_worker(monkeypatch):
    monkeypatch.setattr(_pool.Pool, "worker", lambda self: pytest.fail("a worker was started"))
    out = Scored(Math())(batch_for(["#### 5", "\\boxed{5.0}", "#### 6", "no idea"]))
    assert out["traj.reward/correct"].tolist() == [1.0, 1.0, 0.0, 0.0]


def test_long_and_hostile_texts_are_wrong_quickly():
    for text in (
        "\\boxed{" * 5000,
        "\\boxed{" + "1+" * 5000 + "1}",
        "$" * 9999,
        "\\(" * 5000,
        "answer is " * 900,
        "5 " * 9000 + "x",
    ):
        assert Math()(Problem(0, "?", "7"), text) == 0.0


def test_saved_named_and_refused(monkeypatch):
    piece = Math(tag="answer", every_box=True)
    assert from_json(to_json(piece)) == piece
    assert reward("math:tag=answer,every_box=true") == Scored(piece)
    with pytest.raises(GuerdonError, match="needs a reference answer, got none"):
        Math().check(Problem(3, "?"))
    with pytest.raises(GuerdonError, match="got an empty text"):
        Math().check(Problem(3, "?", " "))
    with pytest.raises(GuerdonError, match="needs a number in meta\\['error'\\], got 'much'"):
        Math(error_key="error").check(Problem(3, "?", "1", {"error": "much"}))
    with pytest.raises(GuerdonError, match="needs a list of texts in meta\\['also'\\], got 3"):
        Math(accepted_key="also").check(Problem(3, "?", "1", {"also": 3}))
    with pytest.raises(GuerdonError, match="at least 0 and below 1, got -1"):
        Math(tolerance=-1.0)
    monkeypatch.setitem(__import__("sys").modules, "math_verify", None)
    with pytest.raises(GuerdonError, match=r"needs the package math-verify; pip install 'guerdon\[math\]'"):
        Math()
