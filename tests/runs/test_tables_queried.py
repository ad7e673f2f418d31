"""The rollouts of a run, queried by pandas and DuckDB with the lines that ``docs/run_folder.md`` shows."""

import re
from pathlib import Path

import pytest
from run_toys import language_recipe

from guerdon import train
from guerdon.runs.folder import RunFolder
from guerdon.runs.reading import read_batch, read_run

PAGE = (Path(__file__).parents[2] / "docs" / "run_folder.md").read_text(encoding="utf-8")
FOLDER = "runs/x"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where ``runs/x`` is: the run of a small language model."""
    pytest.importorskip("reasoning_gym")
    root = tmp_path_factory.mktemp("queried")
    train(language_recipe(), steps=10, out=RunFolder(root / FOLDER, rollouts_every=5))
    return root


def test_pandas_reads_a_table_as_shown(folder, monkeypatch):
    pytest.importorskip("pandas", reason="pandas is not installed")
    monkeypatch.chdir(folder)
    (code,) = re.findall(r"```python\n(import pandas\n.*?)```", PAGE, re.DOTALL)
    names: dict = {}
    exec(code, names)
    batch = read_batch(FOLDER, 10)
    assert names["traj"]["reward"].tolist() == batch["traj.reward"].tolist()
    assert names["traj"]["reward/correct"].tolist() == batch["traj.reward/correct"].tolist()
    assert names["traj"]["response"].tolist() == batch["traj.response"]
    assert set(names["traj"]["run_step"]) == {10}


def test_duckdb_answers_the_queries_as_shown(folder, monkeypatch):
    duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed")
    monkeypatch.chdir(folder)
    (block,) = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    by_step, best = [query for query in block.split(";") if query.strip()]
    logged = {int(line["step"]): line["reward"] for line in read_run(FOLDER).metrics}
    found = duckdb.sql(by_step).fetchall()
    assert [step for step, _ in found] == [1, 5, 10]
    assert [reward for _, reward in found] == pytest.approx([logged[step] for step, _ in found])
    batch = read_batch(FOLDER, 10)
    rewards = batch["traj.reward"]
    count = int((rewards[batch.index("token", "traj")] == rewards.max()).sum())
    rows = duckdb.sql(best).fetchall()
    assert len(rows) == count > 0 and all(isinstance(text, str) and logprob <= 0 for text, logprob in rows)
