import json
import math

import numpy as np
import pytest

from guerdon.errors import GuerdonError
from guerdon.programs import program as module
from guerdon.programs.program import Field, Program, ProgramFailure, RewardSpec, check, signed

SPEC = RewardSpec({"x": Field((2,)), "done": Field(dtype="bool"), "count": Field(dtype="int64", low=0, high=5)})
HEAD = "def compute_reward(x, done):\n    "


@pytest.mark.parametrize(
    ("body", "stage", "word"),
    [
        ("return y", "dry_run", "line 2: return y"),
        ("return np.save('a', x)", "dry_run", "save"),
        ("return np.log(x[:, 0])", "nonfinite", "nan"),
        ("return 1e4 * x[:, 0]", "nonfinite", "1000"),
        ("return x", "shape", "(69, 2)"),
        ("return done", "shape", "bool"),
        ("return x[:, 0], {'a b': x[:, 0]}", "shape", "identifiers"),
        ("return x[:, 0], {'a': 1.0}", "shape", "component a"),
        ("return x[:, 0], [1]", "shape", "list"),
        ("x[0] = 1.0\n    return x[:, 0]", "mutates_input", "x"),
        ("return 0 * x[:, 0] + int(f'{compute_reward}'[-9:-1], 16) % 999", "nondeterministic", "two"),
        ("return compute_reward(x, done)", "dry_run", "RecursionError"),
    ],
)
@pytest.mark.parametrize("isolate", [False])
def test_a_dry_run_refuses_at_the_documented_stage(body, stage, word, isolate):
    verdict = check(HEAD + body, SPEC, isolate=isolate)
    assert not verdict.ok and verdict.stage == stage and word in verdict.message, verdict


HOSTILE = {
    "timeout": "return sum([sum([sum([k for k in range(1000)]) for j in range(1000)]) for i in range(1000)]) + x[:, 0]",
    "memory": "return x[:, 0] + np.zeros((1000, 1000, 1000, 10))[0, 0, 0, 0]",
    "dry_run": "return x[:, 3]",
}


@pytest.mark.parametrize("stage", HOSTILE)
def test_the_sandbox_ends_what_is_too_much(stage):
    verdict = check(HEAD + HOSTILE[stage], SPEC)
    assert not verdict.ok and verdict.stage == stage and len(verdict.message) <= 2000, verdict


def test_the_sandbox_and_this_process_say_the_same():
    source = (
        HEAD
        + "parts = {'far': -np.linalg.norm(x, axis=1), 'end': 2.0 * done}\n    return parts['far'] + parts['end'], parts"
    )
    data = SPEC.examples()
    inside, here = Program(source, SPEC).evaluate(data), Program(source, SPEC).evaluate(data, isolate=False)
    np.testing.assert_array_equal(inside.total, here.total)
    np.testing.assert_allclose(here.total, 2.0 * data["done"] - np.linalg.norm(data["x"], axis=1))
    assert sorted(inside.components) == ["end", "far"]
    verdict = check(source, SPEC)
    assert verdict.ok and verdict.stage == verdict.message == ""
    assert verdict.stats["end"]["min"] == 0 and verdict.stats["end"]["max"] == 2 and "total" in verdict.stats


def test_a_total_that_is_not_the_sum_is_allowed_and_said():
    assert "not the sum" in check(HEAD + "return x[:, 0], {'a': x[:, 1]}", SPEC, isolate=False).message


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"npz": "AAAA"}', "nonsense", '{"npz": 3}'])
def test_an_answer_that_is_none_is_a_crash(monkeypatch, text):
    class Fake:
        def run(self, *arguments, **named):
            return type("Finished", (), {"reason": "", "ok": True, "stdout": text, "stderr": ""})

    monkeypatch.setattr(module, "Sandbox", lambda limits: Fake())
    verdict = check(HEAD + "return x[:, 0]", SPEC)
    assert not verdict.ok and verdict.stage == "crash"


def test_a_process_that_ends_is_a_crash(monkeypatch):
    class Fake:
        def run(self, *arguments, **named):
            return type("Finished", (), {"reason": "", "ok": False, "code": 3, "stdout": "", "stderr": "Boom"})

    monkeypatch.setattr(module, "Sandbox", lambda limits: Fake())
    assert check(HEAD + "return x[:, 0]", SPEC).stage == "crash"


def test_a_sandbox_without_numpy_is_not_the_programs_fault(monkeypatch):
    class Fake:
        interpreter = "/usr/bin/python3"

        def run(self, *arguments, **named):
            error = "ModuleNotFoundError: No module named 'numpy'"
            return type("Finished", (), {"reason": "", "ok": False, "code": 1, "stdout": "", "stderr": error})

    monkeypatch.setattr(module, "Sandbox", lambda limits: Fake())
    with pytest.raises(GuerdonError, match="python3 lacks"):
        check(HEAD + "return x[:, 0]", SPEC)


ROWS = RewardSpec({"robot.place": Field((2,)), "robot.open": Field(dtype="bool"), "action": Field((2,))}, "by_row")
BY_ROW = "def compute_dense_reward(self, action):\n    return "


def test_a_program_by_row_sees_a_read_only_facade():
    body = BY_ROW + "(-abs(self.robot.place[0]) - (action**2).sum(), {'open': 1.0 if self.robot.open else 0.0})"
    data = ROWS.examples()
    found = Program(body, ROWS).evaluate(data)
    np.testing.assert_allclose(found.total, -np.abs(data["robot.place"][:, 0]) - (data["action"] ** 2).sum(1))
    np.testing.assert_array_equal(found.components["open"], data["robot.open"])
    for source, stage, word in (
        (BY_ROW + "self.robot.lamp", "dry_run", "robot.lamp"),
        (BY_ROW + "self.lamp", "dry_run", "lamp"),
        (BY_ROW.replace("return ", "self.x = 1\n    return 0.0"), "dry_run", "read-only"),
        (BY_ROW + "self.robot.open", "shape", "boolean"),
        (BY_ROW + "action", "shape", "(2,)"),
        (BY_ROW.replace("return ", "action[0] = 1.0\n    return 0.0"), "mutates_input", "action"),
    ):
        verdict = check(source, ROWS, isolate=False)
        assert verdict.stage == stage and word in verdict.message, verdict


PAIR = RewardSpec({"ore": Field(), "dead": Field(dtype="bool")}, "sparse_dense")
NEARER = """def sparse(obs, mem):
    return -1 if obs.dead else 0
def dense(obs, mem):
    nearer = mem.get('ore', obs.ore) - obs.ore
    mem['ore'] = obs['ore']
    return 5 * nearer
"""


def test_sparse_and_dense_are_signed_and_their_memory_ends_with_the_episode():
    data = {"ore": np.array([3.0, 2.0, 2.0, 9.0, 10.0]), "dead": np.array([0, 0, 1, 0, 0], bool)}
    found = Program(NEARER, PAIR).evaluate(data, np.array([0, 0, 0, 1, 1]), isolate=False)
    np.testing.assert_allclose(found.total, [0, 0.1, -1, 0, -0.1])
    sparse, dense = np.meshgrid([-3.0, 0, 7], [-9.0, 0, 2])
    values = sorted({round(float(value), 3) for value in signed(sparse, dense, PAIR).ravel()})
    assert values == [-1.1, -1.0, -0.9, -0.1, 0.0, 0.1, 0.9, 1.0, 1.1]


@pytest.mark.parametrize(
    ("kept", "stage"),
    [("np.zeros(2)", "dry_run"), ("{'a': 1}", "dry_run"), ("'x' * 70000", "memory"), ("[1, ('a', 2.0)]", "")],
)
def test_a_memory_holds_plain_values_only(kept, stage):
    assert (
        check(NEARER.replace("obs['ore']", kept).replace("mem.get('ore', obs.ore)", "1"), PAIR, isolate=False).stage
        == stage
    )


def test_a_sparse_reward_that_is_nan_is_refused():
    assert check(NEARER.replace("5 * nearer", "float('nan')"), PAIR, isolate=False).stage == "nonfinite"


def test_stored_transitions_are_what_a_dry_run_sees():
    stored = {"x": np.full((100, 2), 7.0), "done": np.zeros(100, bool), "count": np.ones(100, int)}
    rows = SPEC.examples(stored)
    assert len(rows["x"]) == 69 and (rows["x"][:64] == 7).all() and rows["done"].dtype == bool
    assert check(HEAD + "return x[:, 0]", SPEC, stored, isolate=False).stats["total"]["max"] == 10


def test_a_program_cannot_change_what_others_compute_with():
    for change in ("math.pi = 3", "np.sum = 3", "np.linalg.norm = 3"):
        check(HEAD + f"{change}\n    return x[:, 0]", SPEC, isolate=False)
    assert math.pi > 3.1 and np.sum(np.ones(2)) == 2 and np.linalg.norm(np.ones(4)) == 2


def test_data_must_be_the_fields():
    with pytest.raises(GuerdonError, match="equal numbers of rows"):
        Program(HEAD + "return x[:, 0]", SPEC).evaluate({"x": np.zeros((2, 2))}, isolate=False)
    with pytest.raises(ProgramFailure, match="nonfinite"):
        data = {name: values[:1] * 0 + 2000 if name == "x" else values[:1] for name, values in SPEC.examples().items()}
        Program(HEAD + "return x[:, 0]", SPEC).evaluate(data, isolate=False)


def test_a_spec_is_read_from_json(tmp_path):
    path = tmp_path / "spec.json"
    path.write_text(json.dumps({"fields": {"x": {"shape": [2], "unit": "m"}}, "max_abs": 5}))
    spec = RewardSpec.load(path)
    assert spec == RewardSpec({"x": Field((2,), unit="m")}, max_abs=5) and spec.described() == "x: float64[2] (m)"
    for text in ("{", "[]", '{"fields": {"x": {"form": 1}}}', '{"fields": {}}'):
        path.write_text(text)
        with pytest.raises(GuerdonError, match="RewardSpec"):
            RewardSpec.load(path)
