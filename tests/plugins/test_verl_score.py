"""``compute_score``: guerdon's rewards under verl's signature, guarded, from many threads; needs no verl."""

import json
import math
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from guerdon import GuerdonError, pieces
from guerdon.plugins.verl_score import compute_score, judge_of, sample_of, scorer
from guerdon.serial import to_json


def test_one_line_scores_as_the_reward_does():
    compute = scorer("exact:tag=answer")
    right, wrong = (compute("gsm8k", f"<answer>{said}</answer>", "4", {"index": 3}) for said in ("4", "5"))
    assert (right["score"], right["correct"], right["unscored"], right["error"]) == (1.0, 1.0, 0.0, "")
    assert wrong["score"] == 0.0 and wrong.keys() == right.keys()
    assert compute_score("x", "4", 4, reward="exact")["score"] == 1.0


def test_components_come_apart_and_weights_choose_the_score(tmp_path, monkeypatch):
    (tmp_path / "verl_test_parts.py").write_text(
        "def score(*, response, problem):\n    return {'a': len(response), 'b': None if problem.meta['skip'] else 2.0}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    piece = json.dumps(to_json(pieces.Function("verl_test_parts:score", components=("a", "b"))))
    full = compute_score("", "xyz", "", {"skip": False}, reward=piece, weights={"b": 0.5})
    assert (full["score"], full["a"], full["b"], full["unscored"]) == (4.0, 3.0, 2.0, 0.0)
    part = compute_score("", "xyz", "", {"skip": True}, reward=piece)
    assert (part["score"], part["unscored"]) == (0.0, 1.0) and part.keys() == full.keys()
    assert math.isnan(compute_score("", "xyz", "", {"skip": True}, reward=piece, unscored=math.nan)["score"])
    assert compute_score("", "xyz", "", {"skip": True}, reward=piece, weights={"b": 0.0})["score"] == 3.0
    with pytest.raises(GuerdonError, match=r"must name components of the reward .a, b., got c"):
        compute_score("", "xyz", "", {"skip": True}, reward=piece, weights={"c": 1.0})


def test_a_hanging_function_costs_one_sample(tmp_path, monkeypatch):
    (tmp_path / "verl_test_hangs.py").write_text(
        "def score(*, response):\n    while response == 'hang': pass\n    return 1.0\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    compute = scorer("verl_test_hangs:score", timeout=0.5, workers=2)
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(lambda text: compute("", text, ""), ["ok", "hang", "ok", "ok"]))
    assert [result["score"] for result in results] == [1.0, 0.0, 1.0, 1.0]
    assert results[1]["unscored"] == 1.0 and "no score within 0.5 s" in results[1]["error"]


def test_samples_that_wait_are_judged_together():
    sizes, gate = [], threading.Event()

    def judge(samples):
        sizes.append(len(samples))
        gate.wait(5)
        return [{"reward": {"correct": float(sample["response"])}} for _, sample in samples]

    together = judge_of.__wrapped__("exact", None, None)
    together.judge = judge
    with ThreadPoolExecutor(9) as threads:
        first = threads.submit(together, {"response": "0"})
        while not sizes:
            time.sleep(0.001)
        rest = [threads.submit(together, {"response": str(number)}) for number in range(1, 9)]
        while len(together.waiting) < 8:
            time.sleep(0.001)
        gate.set()
        assert [future.result()["reward"]["correct"] for future in (first, *rest)] == list(range(9))
    assert sizes == [1, 8]


def test_an_error_reaches_every_caller_and_the_next_call_works():
    together = judge_of.__wrapped__("exact", None, None)
    right, together.judge = together.judge, lambda samples: 1 / 0
    with pytest.raises(ZeroDivisionError):
        together({"response": "1"})
    together.judge = right
    assert together({"response": "1", "answer": "1"})["reward"] == {"correct": 1.0}


def test_parquet_rows_become_plain_values():
    extra = {"index": np.int64(3), "tests": np.array(["a", "b"], dtype=object), "question": "why?", "n": np.float32(2)}
    sample = sample_of("r", np.array([1, 2]), extra)
    assert sample == {
        "response": "r",
        "prompt": "why?",
        "answer": "[1, 2]",
        "meta": {"index": 3, "tests": ["a", "b"], "question": "why?", "n": 2.0},
        "id": "3",
    }
    assert sample_of("r", {"target": "5", "numbers": [1]}, None)["meta"] == {"target": "5", "numbers": [1]}
    with pytest.raises(GuerdonError, match="must be the response as a text, got int"):
        sample_of(3, "", None)


def test_an_unknown_reward_is_refused_at_once():
    with pytest.raises(GuerdonError, match="must be a reward piece, a scorer or module:function"):
        scorer("exactt")


def test_verl_finds_it_by_its_path():
    load = pytest.importorskip("verl.utils.import_utils", reason="verl is not installed", exc_type=ImportError)
    found = load.load_extern_object("pkg://guerdon.plugins.verl_score", "compute_score")
    assert found("x", "4", "4", {}, reward="exact")["score"] == 1.0
    assert "guerdon.plugins.verl_score" in sys.modules
