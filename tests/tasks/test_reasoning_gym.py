import builtins
import dataclasses
import pickle
import subprocess
import sys

import pytest

from guerdon.errors import GuerdonError
from guerdon.serial import from_json, to_json
from guerdon.tasks.problem import ProblemTask
from guerdon.tasks.reasoning_gym import ReasoningGym, _dataset

pytest.importorskip("reasoning_gym")
SMALL = {"min_terms": 2, "max_terms": 2, "min_digits": 1, "max_digits": 1}


def questions(task, split):
    return [task.problem(split, number).prompt for number in range(task.size(split))]


def test_problems_and_scores_are_the_generators_own():
    task = ReasoningGym("chain_sum", train_size=20, test_size=5)
    problem = task.problem("train", 3)
    assert isinstance(task, ProblemTask)
    assert problem.prompt == problem.meta["entry"]["question"]
    assert problem.meta["entry"]["metadata"]["source_dataset"] == "chain_sum"
    assert task.score(problem, f" {problem.answer}\n") == 1.0
    assert task.score(problem, "no idea") == 0.0


def test_the_same_number_is_the_same_problem_in_another_process():
    task = ReasoningGym("chain_sum", train_size=20, test_size=5, seed=7)
    code = (
        "from guerdon.tasks.reasoning_gym import ReasoningGym as R\n"
        "t = R('chain_sum', train_size=20, test_size=5, seed=7)\n"
        "print([t.problem('train', 4).prompt, t.problem('test', 4).prompt])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == str([task.problem("train", 4).prompt, task.problem("test", 4).prompt])


def test_no_training_question_is_in_the_test_split_even_where_few_questions_exist():
    # Two one-digit terms: at most 162 questions, so 400 training problems would cover the test split many times over.
    task = ReasoningGym("chain_sum", train_size=400, test_size=40, options=SMALL)
    test, train = questions(task, "test"), questions(task, "train")
    assert len(set(test)) == 40
    assert not set(test) & set(train)
    assert len(set(train)) > 60


def test_the_test_split_does_not_depend_on_the_training_size():
    small = ReasoningGym("chain_sum", train_size=5, test_size=10)
    assert questions(small, "test") == questions(dataclasses.replace(small, train_size=None), "test")
    assert questions(small, "test") != questions(dataclasses.replace(small, seed=1), "test")


def test_training_without_end():
    task = ReasoningGym("chain_sum", train_size=None, test_size=2)
    assert task.size("train") is None
    assert task.problem("train", 2**30).prompt


def test_too_few_questions_is_said():
    task = ReasoningGym("chain_sum", train_size=1, test_size=400, options=SMALL)
    with pytest.raises(GuerdonError, match="too few different questions"):
        task.problem("test", 0)


def test_answer_tag():
    task = ReasoningGym("chain_sum", train_size=2, test_size=2, answer_tag="answer")
    problem = task.problem("train", 0)
    assert task.score(problem, f"thinking ... <answer>{problem.answer}</answer>") == 1.0
    assert task.score(problem, str(problem.answer)) == 0.0


def test_saved_loaded_and_pickled_equal():
    task = ReasoningGym("basic_arithmetic", options={"operators": ["+", "-"], "min_digits": 1})
    assert from_json(to_json(task)) == task
    task.problem("train", 0)
    assert pickle.loads(pickle.dumps(task)) == task
    assert len(pickle.dumps(task)) < 1000


def test_bad_input():
    with pytest.raises(GuerdonError, match="got 'chain_sun'; did you mean chain_sum"):
        ReasoningGym("chain_sun").problem("train", 0)
    with pytest.raises(GuerdonError, match=r"must be among .*min_terms.*; got terms"):
        ReasoningGym("chain_sum", options={"terms": 2}).problem("train", 0)
    with pytest.raises(GuerdonError, match=r"refuses these options.*min_terms must be positive"):
        ReasoningGym("chain_sum", options={"min_terms": 0}).problem("train", 0)
    with pytest.raises(GuerdonError, match="must not hold seed"):
        ReasoningGym("chain_sum", options={"seed": 1})
    with pytest.raises(GuerdonError, match="train or test"):
        ReasoningGym("chain_sum").problem("dev", 0)
    with pytest.raises(GuerdonError, match=r"0\.\.9, got 10"):
        ReasoningGym("chain_sum", train_size=10).problem("train", 10)


def test_missing_package(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith("reasoning_gym"):
            raise ImportError(name)
        return real(name, *rest)

    _dataset.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(GuerdonError, match=r"pip install guerdon\[tasks\]"):
        ReasoningGym("chain_sum", seed=99).problem("train", 0)


def test_a_task_is_loaded_without_torch():
    code = (
        "import pickle, sys\nfrom guerdon.tasks.jsonl import JsonlProblems\n"
        "from guerdon.tasks.reasoning_gym import ReasoningGym as R\n"
        "task = pickle.loads(pickle.dumps(R('chain_sum', test_size=1)))\n"
        "problem = pickle.loads(pickle.dumps(task.problem('test', 0)))\n"
        "assert task.score(problem, problem.answer) == 1.0\nassert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
