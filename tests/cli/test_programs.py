import json

import numpy as np
import pytest

from guerdon import cli

GOOD = "def compute_reward(x):\n    return 2 * x, {'twice': 2 * x}\n"


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "spec.json"
    path.write_text(json.dumps({"fields": {"x": {"low": 0, "high": 1}}}))
    return path


def run(capsys, tmp_path, spec, text, *words):
    (tmp_path / "reply.txt").write_text(text)
    code = cli.main(["programs", "check", str(tmp_path / "reply.txt"), "--spec", str(spec), *words])
    out = capsys.readouterr()
    return code, out.out, out.err


def test_a_good_reply_gives_a_table_and_0(capsys, tmp_path, spec):
    code, out, _ = run(capsys, tmp_path, spec, f"Like so:\n```python\n{GOOD}```")
    assert code == 0 and out.splitlines()[0].split() == ["component", "min", "mean", "max"]
    assert "twice" in out and "total" in out and "Verdict: fine." in out


def test_a_refusal_gives_its_stage_and_1(capsys, tmp_path, spec):
    code, out, _ = run(capsys, tmp_path, spec, GOOD.replace("2 * x,", "y,"))
    assert code == 1 and "stage dry_run" in out and "line 2" in out
    code, out, _ = run(capsys, tmp_path, spec, "import os", "--json")
    assert code == 1 and json.loads(out)["stage"] == "parse"


def test_stored_transitions_are_used(capsys, tmp_path, spec):
    np.savez(tmp_path / "data.npz", x=np.full(10, 40.0))
    _, out, _ = run(capsys, tmp_path, spec, GOOD, "--json", "--data", str(tmp_path / "data.npz"))
    assert json.loads(out)["stats"]["total"]["max"] == 80
    code, _, err = run(capsys, tmp_path, spec, GOOD, "--data", str(spec))
    assert code == 2 and "must be an .npz" in err


def test_files_that_are_none_are_bad_input(capsys, tmp_path, spec):
    assert cli.main(["programs", "check", str(tmp_path / "none.py"), "--spec", str(spec)]) == 2
    assert "FILE must be a program" in capsys.readouterr().err
    assert run(capsys, tmp_path, tmp_path / "none.json", GOOD)[0] == 2
