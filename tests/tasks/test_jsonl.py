import gzip
import json
import pickle

import pytest

from guerdon.errors import GuerdonError
from guerdon.scorers.exact import Exact
from guerdon.scorers.number import Number
from guerdon.serial import from_json, to_json
from guerdon.tasks.jsonl import JsonlProblems
from guerdon.tasks.problem import ProblemTask


def write(path, rows):
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), encoding="utf-8")
    return str(path)


def sums(count):
    return [{"prompt": f"{n} + 1 =", "answer": n + 1, "source": "sums"} for n in range(count)]


def test_problems_in_file_order(tmp_path):
    task = JsonlProblems(write(tmp_path / "a.jsonl", [*sums(2), "", {"prompt": "q", "answer": "x"}]))
    assert isinstance(task, ProblemTask)
    assert task.size("train") == 3 and task.size("test") == 0
    problem = task.problem("train", 1)
    assert (problem.id, problem.prompt, problem.answer, problem.meta) == (2, "1 + 1 =", "2", {"source": "sums"})
    assert task.problem("train", 2).id == 4
    assert pickle.loads(pickle.dumps(task)) == task == from_json(to_json(task))


def test_chat_prompts(tmp_path):
    chat = [{"role": "user", "content": "hi"}]
    task = JsonlProblems(write(tmp_path / "a.jsonl", [{"prompt": chat, "answer": "hello"}]))
    assert task.problem("train", 0).prompt == tuple(chat)


def test_held_out_prompts_never_occur_in_training(tmp_path):
    path = write(tmp_path / "a.jsonl", sums(20) + sums(20))
    task = JsonlProblems(path, test_size=8)
    prompts = {split: {task.problem(split, n).prompt for n in range(task.size(split))} for split in ("train", "test")}
    assert task.size("test") == 8
    assert not prompts["train"] & prompts["test"]
    assert len(prompts["train"] | prompts["test"]) == 20
    again = JsonlProblems(path, test_size=8, seed=1)
    assert {again.problem("test", n).prompt for n in range(8)} != prompts["test"]


def test_test_path(tmp_path):
    train = write(tmp_path / "train.jsonl", sums(5))
    task = JsonlProblems(train, test_path=write(tmp_path / "test.jsonl", sums(2)))
    assert (task.size("train"), task.size("test")) == (3, 2)


def test_an_edited_file_is_read_again(tmp_path):
    task = JsonlProblems(write(tmp_path / "a.jsonl", sums(2)))
    assert task.size("train") == 2
    write(tmp_path / "a.jsonl", sums(3))
    assert task.size("train") == 3


def test_scorers(tmp_path):
    path = write(tmp_path / "a.jsonl", [{"prompt": "q", "answer": "1,000"}])
    exact, number = JsonlProblems(path), JsonlProblems(path, scorer=Number())
    problem = exact.problem("train", 0)
    assert [exact.score(problem, text) for text in (" 1,000\n", "1000")] == [1.0, 0.0]
    assert [number.score(problem, text) for text in ("so it is 1000.0", "1000 or 999", "?")] == [1.0, 0.0, 0.0]
    tag = JsonlProblems(path, scorer=Exact(tag="a"))
    assert [tag.score(problem, text) for text in ("<a>1,000</a>", "1,000")] == [1.0, 0.0]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "must be one JSON object"),
        ("[1]", "must be a JSON object, got list"),
        ({"prompt": "q"}, "no field 'answer'; the line has 'prompt'"),
        ({"prompt": 3, "answer": "x"}, "a prompt must be a text or chat messages"),
        ({"prompt": [], "answer": "x"}, "a prompt must be a text or chat messages"),
        ({"prompt": [{"role": "user"}], "answer": "x"}, "a prompt must be a text or chat messages"),
        ({"prompt": "q", "answer": None}, "an answer must be a text or a number, got None"),
        ({"prompt": "q", "answer": True}, "an answer must be a text or a number, got True"),
    ],
)
def test_a_bad_line_is_refused_with_its_place(tmp_path, line, says):
    path = write(tmp_path / "a.jsonl", [*sums(1), line])
    with pytest.raises(GuerdonError, match=says) as error:
        JsonlProblems(path).size("train")
    assert str(error.value).startswith(f"{path}:2: ")


def test_a_compressed_file_is_read_and_a_cut_one_refused(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in sums(300)).encode()))
    task = JsonlProblems(str(path), test_size=1)
    assert task.size("train") == 299 and task.problem("train", 0).prompt == "0 + 1 ="
    for broken in (path.read_bytes()[:-20], b"no gzip", path.read_bytes()[:30] + b"\xff" * 300):
        path.write_bytes(broken)
        with pytest.raises(GuerdonError, match=r"a\.jsonl\.gz must be a whole gzip file"):
            task.size("train")


def test_bad_files(tmp_path):
    with pytest.raises(GuerdonError, match=r"readable file, got .*none\.jsonl"):
        JsonlProblems(str(tmp_path / "none.jsonl")).size("train")
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(GuerdonError, match="at least one problem"):
        JsonlProblems(str(tmp_path / "empty.jsonl")).size("train")
    (tmp_path / "latin.jsonl").write_bytes(b'{"prompt": "\xe9", "answer": "x"}')
    with pytest.raises(GuerdonError, match=r"latin\.jsonl:1: "):
        JsonlProblems(str(tmp_path / "latin.jsonl")).size("train")
    path = write(tmp_path / "a.jsonl", [{"prompt": "q", "answer": "x"}])
    with pytest.raises(GuerdonError, match="needs an answer with a number, got 'x'"):
        JsonlProblems(path, scorer=Number()).size("train")
    with pytest.raises(GuerdonError, match="must leave training problems, got 1 of 1"):
        JsonlProblems(path, test_size=1).size("train")
    with pytest.raises(GuerdonError, match="held out"):
        JsonlProblems(path, test_path=path).size("train")
    with pytest.raises(GuerdonError, match="test_size must be 0 with a test_path"):
        JsonlProblems(path, test_path=path, test_size=1)
