import json
import math

import numpy as np
import pytest

from guerdon.comparison.scores import Measured, by_actions, by_steps, filled, measure, windows
from guerdon.errors import GuerdonError


def write(path, lines):
    path.mkdir(exist_ok=True)
    text = "".join(json.dumps({"step": number, **line}) + "\n" for number, line in enumerate(lines, 1))
    (path / "metrics.jsonl").write_text(text)
    return path


def a_run(values, actions=None) -> Measured:
    values = np.array(values, dtype=float)
    spent = np.arange(1.0, len(values) + 1) * 10 if actions is None else np.array(actions, dtype=float)
    return Measured(values, spent, 1.0, len(values))


def test_final_score_area_and_cost_by_hand(tmp_path):
    lines = [
        {"reward": n / 10, "sampled_actions": 8.0, "time/collect_s": 0.5, "time/update_s": 0.25} for n in range(20)
    ]
    run = measure(write(tmp_path / "run", lines), "reward", 20, evaluated=False)
    assert run.final == pytest.approx((1.8 + 1.9) / 2) and run.area == pytest.approx(0.95)
    assert run.actions[-1] == 160 and run.seconds == 15 and run.made == 20


def test_a_run_that_stopped_keeps_its_last_value(tmp_path):
    lines = [{"reward": 1.0, "sampled_actions": 5}, {"reward": 0.5, "sampled_actions": 5}]
    run = measure(write(tmp_path / "run", lines), "reward", 5, evaluated=False)
    assert run.curve.tolist() == [1.0, 0.5, 0.5, 0.5, 0.5] and run.made == 2
    assert run.actions.tolist() == [5, 10, 10, 10, 10]


def test_where_groups_are_dropped_the_reward_is_that_of_all(tmp_path):
    lines = [{"reward": 0.5, "sampled_reward": 0.75}, {"reward": 0.5, "sampled_reward": 1.0}]
    run = measure(write(tmp_path / "run", lines), "reward", 2, evaluated=False)
    assert run.curve.tolist() == [0.75, 1.0]


def test_gaps_have_the_value_before(tmp_path):
    assert filled(np.array([math.nan, 2.0, math.nan, math.inf, 3.0])).tolist() == [2, 2, 2, 2, 3]
    lines = [{"reward": None}, {"reward": 1.0}, {}]
    assert measure(write(tmp_path / "run", lines), "reward", 3, evaluated=False).curve.tolist() == [1, 1, 1]


def test_what_was_not_measured_is_said(tmp_path):
    path = write(tmp_path / "run", [{"loss": 1.0}])
    with pytest.raises(GuerdonError, match="never logged the metric 'reward'; it logged loss"):
        measure(path, "reward", 1, evaluated=False)
    with pytest.raises(GuerdonError, match="has no evaluation"):
        measure(path, "loss", 1, evaluated=True)
    (path / "eval.json").write_text(json.dumps({"end": {"pass_at": {"1": {"value": 0.25}}}}))
    assert measure(path, "loss", 1, evaluated=True).evaluated == 0.25


def test_curves_are_cut_into_windows():
    assert windows(5, 2) == [(0, 2), (2, 5)] and len(windows(1000)) == 60 and windows(3) == [(0, 1), (1, 2), (2, 3)]
    at, means = by_steps([a_run(range(120)), a_run([1.0] * 120)])
    assert at[:2].tolist() == [2, 4] and means[0, :2].tolist() == [0.5, 2.5] and (means[1] == 1).all()


def test_against_actions_both_are_read_at_the_same_cost():
    cheap, dear = a_run([0, 1, 2, 3], [10, 20, 30, 40]), a_run([0, 1, 2, 3], [20, 40, 60, 80])
    at, values = by_actions([cheap, dear])
    assert at.tolist() == pytest.approx([20, 20 + 20 / 3, 20 + 40 / 3, 40])
    assert values[0].tolist() == pytest.approx([1, 1 + 2 / 3, 1 + 4 / 3, 3]) and values[1, -1] == 1


def test_the_final_score_at_a_cost_is_of_the_steps_that_were_paid_for():
    run = a_run([0.0] * 10 + [1.0] * 10)
    assert run.final_at(100) == run.final_at(109) == 0.0 and run.final_at(110) == 1.0
    assert run.final_at(200) == run.final_at(10**9) == run.final == 1.0
    assert run.final_at(1) == 0.0, "at least one step"


def test_runs_whose_costs_do_not_meet_have_no_common_curve():
    at, values = by_actions([a_run([0, 1], [1, 2]), a_run([0, 1], [10, 20])])
    assert len(at) == 0 and values.shape == (2, 0)
