import torch
from fake_runs import control_batch, fake_run
from test_rows import part_of, small_batch

from guerdon.view.rows import Rows
from guerdon.view.texts import Texts


def rows_of(tmp_path) -> Rows:
    first = small_batch().with_columns(
        {"traj.response": ["Find ME (.*)", "x" * 1000, "find me"], "group.prompt": ["two + two", "p" * 300]}
    )
    return Rows((part_of(tmp_path, first, run=0), part_of(tmp_path, control_batch(2, 1, 0), run=1)))


def test_heads_are_cut_and_missing_texts_are_null(tmp_path):
    found = Texts().heads(rows_of(tmp_path), [2, 1, 4])
    assert found["rows"] == [2, 1, 4] and found["prompt"] == ["p" * 200, "two + two", None]
    assert found["response"] == ["find me", "x" * 400, None]


def test_search_takes_the_text_as_it_is(tmp_path):
    texts, rows = Texts(), rows_of(tmp_path)
    assert texts.search(rows, "find me") == [0, 2] and texts.search(rows, "find me", case=True) == [2]
    assert texts.search(rows, "(.*)") == [0] and texts.search(rows, "two") == []
    assert texts.search(rows, "TWO", "prompt") == [0, 1] and texts.search(rows, "pp", "both") == [2]
    assert texts.search(rows, "") == [0, 1, 2] and texts.search(Rows(), "a") == []


def test_only_so_many_bytes_are_kept(tmp_path):
    rows = Rows(tuple(part_of(tmp_path, small_batch(), run=run) for run in range(4)))
    texts = Texts(budget=1)
    assert texts.search(rows, "a") == list(range(12)) and len(texts._kept) == 1
    texts.forget()
    assert not texts._kept and texts._size == 0


def test_a_column_of_prompts_that_are_no_texts_counts_as_none(tmp_path):
    path = fake_run(tmp_path / "odd", {1: small_batch().with_columns({"group.prompt": torch.tensor([1.0, 2.0])})})
    from guerdon.view.rows import read_part

    rows = Rows((read_part(0, 1, path / "rollouts" / "step_000001"),))
    assert Texts().heads(rows, [0])["prompt"] == [None]
