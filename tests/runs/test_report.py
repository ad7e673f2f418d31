import json
import re

import pytest
from run_toys import toy_recipe

from guerdon import train
from guerdon.errors import GuerdonError, RunStopped
from guerdon.runs import RunFolder, write_report
from guerdon.update import Update


def data_of(path):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', path.read_text()).group(1))


def test_the_report_is_one_file_that_needs_nothing_else(tmp_path):
    train(toy_recipe(), steps=20, out=RunFolder(tmp_path / "run", rollouts_every=10))
    path = write_report(tmp_path / "run")
    assert path == tmp_path / "run" / "report.html"
    text = path.read_text()
    assert "connect-src" not in text and "default-src 'none'" in text
    assert not re.search(r"(src|href)=.?(http|//)", text)
    data = data_of(path)
    assert data["meta"]["live"] is False and data["meta"]["rows"] == len(data["rollouts"]) == 48
    assert {"Reward", "Entropy"} <= {chart["title"] for chart in data["meta"]["charts"]}
    assert data["rollouts"][0]["tokens"]["text"]
    assert len(data_of(write_report([tmp_path / "run"], rollouts=16))["rollouts"]) == 16


def test_several_runs_share_a_report_and_are_told_apart(tmp_path):
    for parent in ("a", "b"):
        train(toy_recipe(), steps=1, out=tmp_path / parent / "run")
    path = write_report([tmp_path / "a" / "run", tmp_path / "b" / "run"], tmp_path / "both.html")
    assert [run["name"] for run in data_of(path)["meta"]["runs"]] == ["a/run", "b/run"]
    with pytest.raises(GuerdonError, match="at least one run folder"):
        write_report([])


def test_a_run_that_stopped_and_one_without_steps_have_a_report(tmp_path):
    with pytest.raises(RunStopped) as stopped:
        train(toy_recipe(update=Update(lr=1e30, max_grad_norm=None)), steps=50, out=tmp_path / "stopped")
    run = data_of(write_report(tmp_path / "stopped"))["meta"]["runs"][0]
    assert run["status"] == "stopped" and run["reason"] == str(stopped.value)
    train(toy_recipe(), steps=0, out=tmp_path / "none")
    meta = data_of(write_report(tmp_path / "none"))["meta"]
    assert meta["rows"] == 0 and meta["charts"] == []
