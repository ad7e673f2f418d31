import base64
import json
import shutil

import numpy as np
import pytest
from fake_runs import control_batch, fake_run, text_batch
from test_rows import small_batch

from guerdon.errors import GuerdonError
from guerdon.runs.tables import write_batch
from guerdon.view.store import Store, encoded


def decoded(text, kind):
    dtype = {"int": "<i4", "label": "<i4", "float": "<f4", "bool": "u1"}[kind]
    return np.frombuffer(base64.b64decode(text), dtype)


def test_the_columns_say_what_the_facts_promise(tmp_path):
    fake_run(tmp_path / "a", {1: text_batch(2, 1, 0), 5: text_batch(2, 5, 0)})
    fake_run(tmp_path / "b", {1: control_batch(3, 1, 0)})
    store = Store([tmp_path])
    meta, columns = store.meta(), store.columns()
    assert json.loads(json.dumps([meta, columns], allow_nan=False))
    assert meta["rows"] == meta["stored"] == columns["rows"] == 35 and meta["version"] == columns["version"] == "1"
    assert [column["name"] for column in meta["columns"]] == list(columns["data"])
    for column in meta["columns"]:
        values = decoded(columns["data"][column["name"]], column["kind"])
        np.testing.assert_array_equal(values, store.now.rows.column(column["name"]))
    runs = meta["runs"]
    assert [(run["name"], run["domain"], run["rollout_steps"]) for run in runs] == [
        ("a", "text", [1, 5]),
        ("b", "steps", [1]),
    ]
    assert meta["components"] == ["correct", "effort", "format", "progress"] and meta["live"]
    assert list(store.columns(["reward"])["data"]) == ["reward"]


def test_a_run_that_goes_on_is_read_again_and_known_rows_keep_their_numbers(tmp_path):
    one = fake_run(tmp_path / "one", {1: small_batch()})
    fake_run(tmp_path / "two", {1: small_batch()})
    store = Store([tmp_path])
    assert store.refresh() is store.refresh() and store.meta()["version"] == "1"
    before = store.rollout(3)
    folder = one / "rollouts" / "step_000002"
    folder.mkdir()
    write_batch(small_batch(), folder, 2)
    with (one / "metrics.jsonl").open("a") as file:
        file.write('{"step": 2, "reward": 1.0}\n')
    meta = store.meta()
    assert meta["version"] == "2" and meta["rows"] == 9 and meta["runs"][0]["rollout_steps"] == [1, 2]
    assert store.rollout(3) == before and store.rollout(8)["values"]["step"] == 2
    assert store.rollout(8)["values"]["run"] == 0 and meta["runs"][0]["done"] == 2
    fake_run(tmp_path / "zero", {})
    assert [run["name"] for run in store.meta()["runs"]] == ["one", "two", "zero"]


def test_what_a_resume_cut_off_is_gone(tmp_path):
    run = fake_run(tmp_path / "a", {1: small_batch(), 2: small_batch()})
    store = Store([run])
    assert store.heads([5])["response"] == ["a"]
    shutil.rmtree(run / "rollouts" / "step_000001")
    for question in (lambda: store.rollout(0), lambda: Store.search(store, "a"), lambda: store.heads([0])):
        store.texts.forget()
        with pytest.raises(GuerdonError, match="these rollouts must still be there, but they cannot be read"):
            question()
    assert store.meta()["rows"] == 3 and store.rollout(0)["values"]["step"] == 2


def test_a_torn_step_is_said_and_the_rest_is_shown(tmp_path):
    run = fake_run(tmp_path / "a", {1: small_batch(), 2: small_batch()})
    (run / "rollouts" / "step_000002" / "traj.parquet").write_bytes(b"torn")
    meta = Store([run]).meta()
    assert meta["rows"] == 3 and "step_000002 must hold rollouts" in meta["runs"][0]["warnings"][0]


def test_a_run_without_rollouts_has_its_curves(tmp_path):
    meta = Store([fake_run(tmp_path / "a", {}, [{"step": 1, "reward": 0.5}])]).meta()
    assert meta["rows"] == 0 and meta["metrics"]["series"][0]["value"] == [0.5] and meta["notices"] == []


def test_values_that_json_lacks_become_texts_or_nothing(tmp_path):
    run = fake_run(tmp_path / "a", {1: small_batch()}, recipe={"clip": float("inf"), "task": None})
    (run / "eval.json").write_text('{"after": {"value": NaN}}')
    entry = Store([run]).meta()["runs"][0]
    assert entry["recipe"]["clip"] == "inf" and entry["evaluation"] == {"after": {"value": "nan"}}


def test_bad_questions_are_refused(tmp_path):
    store = Store([fake_run(tmp_path / "a", {1: small_batch()})])
    with pytest.raises(GuerdonError, match="at most 500 rows at once, got 501"):
        store.heads([0] * 501)
    with pytest.raises(GuerdonError, match=r"a row must be one of 0\.\.2, got 3"):
        store.rollout(3)
    with pytest.raises(GuerdonError, match="a search must be in response, prompt or both, got 'all'"):
        store.search("a", "all")
    with pytest.raises(GuerdonError, match="a report must hold 0 rollouts or more, got -1"):
        store.embedded(-1)


def test_what_a_report_embeds_is_what_the_server_answers(tmp_path):
    store = Store([fake_run(tmp_path / "a", {1: text_batch(10, 1, 0), 2: text_batch(10, 2, 0)})])
    data = store.embedded(40)
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert data["meta"]["rows"] == len(data["rollouts"]) == 40 and data["meta"]["stored"] == 160
    assert not data["meta"]["live"] and data["columns"]["rows"] == 40
    step, traj = (decoded(data["columns"]["data"][name], "int") for name in ("step", "traj"))
    for number, opened in enumerate(data["rollouts"]):
        row = int((step[number] - 1) * 80 + traj[number])
        assert {**store.rollout(row), "row": number} == opened
        assert data["texts"]["response"][number] == opened["response"][:400]
    assert store.embedded(0)["rollouts"] == [] and store.embedded(0)["columns"]["data"]["run"] == ""


def test_bytes_are_little_endian():
    assert base64.b64decode(encoded(np.array([1, -2], ">i4"))) == b"\x01\0\0\0\xfe\xff\xff\xff"
