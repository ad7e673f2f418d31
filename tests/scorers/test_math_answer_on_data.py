"""Released answers and labels, where the data is there; ``benchmarks/answer_labels.py`` runs over all of it."""

import gzip
import json
from pathlib import Path

import pytest

from guerdon import cli
from guerdon.rewards import _pool
from guerdon.scorers._notation import latex
from guerdon.scorers.math_answer import Math, stated, verified
from guerdon.tasks.final_answer import final_answer
from guerdon.tasks.jsonl import JsonlProblems
from guerdon.tasks.problem import Problem

pytest.importorskip("math_verify")
ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
pytestmark = pytest.mark.skipif(not (DATA / "gsm8k").is_dir(), reason="the data sets are not here")

ROWS = 25


@pytest.fixture(autouse=True, scope="module")
def closed():
    yield
    _pool.close_all()


def test_golds_are_right_and_labels_are_reproduced_except_one_wrong_label(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import answer_labels

    sizes, differ = {}, []
    for name, cases in answer_labels.tables(DATA, ROWS):
        sizes[name] = len(cases)
        differ += [(name, row) for row in answer_labels.disagreements(cases, answer_labels.judged(cases, Math(), 1))]
    assert sizes["gsm8k 175b_verification"] == sizes["math math500, solutions"] == ROWS
    assert sizes["math_samples"] == 8 * ROWS and len(sizes) == 19
    # The label says that 4:30 p.m. is not 4:30 p.m.
    assert [(name, row["answer"], row["label"]) for name, row in differ] == [
        ("math_samples", "4:30 \\text{ p.m.}", False)
    ] * 8


def test_what_is_told_at_once_is_what_math_verify_says(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import answer_labels

    pairs = {
        (stated(case.problem.answer or ""), final_answer(case.response) or "")
        for name, cases in answer_labels.tables(DATA, 4 * ROWS)
        for case in cases
        if name == "math_samples" or (name.startswith("gsm8k") and "b_" in name)
    }
    told = {pair: Math().at_once(Problem(0, "", pair[0]), f"\\boxed{{{pair[1]}}}") for pair in pairs}
    known = {pair: bool(score) for pair, score in told.items() if score is not None}
    assert len(known) > 0.95 * len(pairs) > 200
    assert known == {(wanted, got): verified(latex(wanted), latex(got)) for wanted, got in known}


def test_gsm8k_is_a_task(capsys, tmp_path):
    task = JsonlProblems(str(DATA / "gsm8k/test.jsonl.gz"), prompt_field="question", test_size=100, scorer=Math())
    assert (task.size("train"), task.size("test")) == (542, 100)
    for number in range(100):
        problem = task.problem("test", number)
        assert task.score(problem, problem.answer or "") == 1.0 and task.score(problem, "#### -1") == 0.0


def test_model_solutions_are_scored_from_the_command_line(capsys, tmp_path):
    with gzip.open(DATA / "gsm8k/model_solutions.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file]
    path = tmp_path / "solutions.jsonl"
    path.write_text(
        "\n".join(
            json.dumps({"response": r["175b_verification"]["solution"], "answer": r["ground_truth"]}) for r in rows
        )
    )
    assert cli.main(["score", str(path), "--reward", "math"]) == 0
    out, error = capsys.readouterr()
    scores = [json.loads(line)["reward"]["correct"] for line in out.splitlines()]
    assert scores == [float(r["175b_verification"]["is_correct"]) for r in rows]
    assert error.startswith(f"642 lines: correct mean {sum(scores) / 642:.4g}, 0 unscored\n")
