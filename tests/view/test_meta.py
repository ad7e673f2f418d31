import json

import pytest
from fake_runs import control_batch, fake_run

from guerdon.errors import GuerdonError
from guerdon.runs.reading import read_run
from guerdon.view.meta import brief, charts, facts, find_runs, fingerprint, metrics, read_evaluation, run_names


def test_runs_are_found_to_a_depth_of_four(tmp_path):
    for name in ("a", "cells/grpo/task/0", "cells/grpo/task/1", "1/2/3/4/5", ".hidden/x"):
        fake_run(tmp_path / name, {})
    names = lambda folders: [str(path.relative_to(tmp_path)) for path in find_runs(folders)]  # noqa: E731
    assert names([tmp_path]) == ["a", "cells/grpo/task/0", "cells/grpo/task/1"]
    assert names([tmp_path / "cells", tmp_path / "a", tmp_path / "a"]) == [
        "cells/grpo/task/0",
        "cells/grpo/task/1",
        "a",
    ]
    with pytest.raises(GuerdonError, match="none must be a run folder or hold run folders"):
        find_runs([tmp_path / "none"])


def test_names_tell_runs_apart(tmp_path):
    assert run_names([tmp_path / "a" / "x", tmp_path / "b" / "x"]) == ["a/x", "b/x"]
    assert run_names([tmp_path / "x", tmp_path / "x"]) == ["x (1)", "x (2)"] and run_names([]) == []


def test_metrics_are_series_and_what_is_not_finite_is_null(tmp_path):
    lines = [{"step": 1, "reward": 0.5, "kl": None}, {"step": 2, "reward": 1.0}]
    runs = [read_run(fake_run(tmp_path / "a", {}, lines)), read_run(fake_run(tmp_path / "b", {}, lines[:1]))]
    found = metrics(runs)
    assert found["names"] == ["kl", "reward"]
    assert {"run": 0, "name": "reward", "step": [1, 2], "value": [0.5, 1.0]} in found["series"]
    assert {"run": 1, "name": "kl", "step": [1], "value": [None]} in found["series"] and len(found["series"]) == 4


def test_every_metric_is_in_one_chart():
    names = ["reward", "reward/a", "reward/b", "loss", "groups", "odd", "time/update_s", "unscored", "signal"]
    found = charts(names)
    shown = [name for chart in found for name in chart["names"]]
    assert sorted(shown) == sorted(set(names) - {"groups"})
    assert {"title": "odd", "unit": "", "names": ["odd"], "more": True} in found
    assert next(chart for chart in found if chart["title"] == "Shares")["names"] == ["unscored", "signal"]
    assert "Reward components" not in [chart["title"] for chart in charts(["reward", "reward/a"])]


def test_facts_in_words(tmp_path):
    found = read_run(fake_run(tmp_path / "a", {}, commit={"hash": "0123456789abcdef", "changed": True})).facts
    found["recipe"]["policy"] = {"piece": "TinyLM", "width": 8, "layers": 1}
    pairs = dict(facts(found))
    assert pairs["policy"] == "TinyLM(width=8, layers=1)" and pairs["commit"] == "0123456789ab with changes"
    assert pairs["started"] == "2026-11-29 12:00:00 UTC" and pairs["machine"] == "cpu: 2 cores, Linux"
    assert "task" not in pairs and brief({"piece": "Gym", "name": "CartPole-v1"}) == "Gym(CartPole-v1)"


def test_an_evaluation_has_to_be_an_object(tmp_path):
    assert read_evaluation(tmp_path) == {}
    (tmp_path / "eval.json").write_text("[1]")
    with pytest.raises(GuerdonError, match="must be a JSON object, got list"):
        read_evaluation(tmp_path)
    (tmp_path / "eval.json").write_text("{")
    with pytest.raises(GuerdonError, match="must be JSON"):
        read_evaluation(tmp_path)


def test_a_fingerprint_changes_with_what_is_read(tmp_path):
    path = fake_run(tmp_path / "a", {1: control_batch(1, 1, 0)})
    seen = [fingerprint(path)]
    with (path / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"step": 2}) + "\n")
    seen.append(fingerprint(path))
    (path / "rollouts" / "step_000002").mkdir()
    seen.append(fingerprint(path))
    (path / "eval.json").write_text("{}")
    seen.append(fingerprint(path))
    assert len(set(seen)) == 4 and fingerprint(path) == seen[-1]
