"""What is kept reads back."""

import json
import math

import pyarrow.parquet
import pytest
from evals.test_contrast import BASE

from guerdon.errors import GuerdonError
from guerdon.evals.keeping import rows_of, save_entries, write_responses, write_rows
from guerdon.evals.reading import read_responses


def test_entries_are_added_beside_others(tmp_path):
    (tmp_path / "eval.json").write_text('{"before": {"pass_at": {}}, "seed": 3}')
    save_entries(tmp_path, {"step 2": {"x": math.nan, ("odd"): (1, 2)}})
    save_entries(tmp_path, {"step 2": {"x": 1.0}})
    assert json.loads((tmp_path / "eval.json").read_text()) == {
        "before": {"pass_at": {}},
        "seed": 3,
        "step 2": {"x": 1.0},
    }
    (tmp_path / "eval.json").write_text("[]")
    with pytest.raises(GuerdonError, match="must be a JSON object"):
        save_entries(tmp_path, {})


def test_rows_have_every_measure_that_a_problem_has_alone(tmp_path):
    rows = rows_of(BASE, (1, 2), ("pass_at", "length", "diversity"), "me")
    assert [row["problem"] for row in rows] == ["p", "q", "only"] and rows[2]["pass_at/1"] == 1.0
    assert rows[0]["length/mean"] == 1.0 and rows[2]["length/wrong"] is None and "length/median" not in rows[0]
    write_rows(rows, tmp_path / "a.jsonl")
    write_rows(rows, tmp_path / "a.parquet")
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert lines == rows == pyarrow.parquet.read_table(tmp_path / "a.parquet").to_pylist()
    with pytest.raises(GuerdonError, match=r"end in \.parquet or \.jsonl"):
        write_rows(rows, tmp_path / "a.csv")


def test_responses_read_back_as_they_were(tmp_path):
    write_responses(BASE, tmp_path / "r.jsonl")
    lines = enumerate(map(json.loads, (tmp_path / "r.jsonl").read_text().splitlines()), 1)
    again = read_responses(lines, "r.jsonl")
    for one, other in zip(BASE.pools, again.pools, strict=True):
        assert (one.key, one.texts, one.gold) == (other.key, other.texts, other.gold)
