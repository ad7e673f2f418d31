"""What ``compare.json`` holds, from runs made up here."""

import json
from dataclasses import replace

import numpy as np
import pytest
from comparison.test_plan import a_plan

from guerdon.commands._show import plain
from guerdon.comparison.result import Reading, complete, compose, read_cells
from guerdon.comparison.runner import Ended
from guerdon.comparison.scores import Measured

READING = Reading(draws=300)


def a_measured(plan, shift=0.5, missing=(), stopped=(), actions=10.0):
    """Runs that end at about 0 for the first method and at ``shift`` for the others; the labels of those left out."""
    generator = np.random.default_rng(0)
    measured, ended = {}, {}
    for cell in plan.cells():
        curve = np.linspace(0, 1, plan.steps) * shift * cell.method + 0.01 * generator.normal(size=plan.steps)
        spent = np.arange(1.0, plan.steps + 1) * (actions if cell.method else 10.0)
        if cell.label in missing:
            ended[cell] = Ended("failed", "it broke")
            continue
        measured[cell] = Measured(curve, spent, 2.0, plan.steps, float(curve[-1]))
        ended[cell] = Ended("stopped" if cell.label in stopped else "finished", "")
    return measured, ended


def composed(plan, reading=READING, **options):
    data = compose(plan, *a_measured(plan, **options), reading)
    # It must be plain JSON, and say so of what is not finite.
    return json.loads(json.dumps(plain(data), allow_nan=False))


def test_two_tasks_are_taken_together_and_one_by_one(tmp_path):
    data = composed(a_plan(tmp_path, seeds=4))
    (found,) = data["final"]["comparisons"]
    assert found["outcome"] == "beats" and found["difference"]["value"] == pytest.approx(0.5, abs=0.05)
    assert np.array(data["final"]["scores"]).shape == (2, 2, 4)
    assert [len(task) for task in data["final"]["tasks"]] == [2, 2]
    # The area under a straight line from 0 to 0.5 is 0.25.
    assert data["area"]["aggregates"][1]["mean"]["value"] == pytest.approx(0.25, abs=0.05)
    assert len(data["curves"]["all"]) == 2 and len(data["curves"]["steps"]) == 2
    assert (
        data["verdict"]["overall"] == "x is ahead of grpo."
        and "4 paired seeds on each of 2 tasks" in data["verdict"]["caption"]
    )


def test_a_range_makes_scores_of_tasks_comparable(tmp_path):
    plan = a_plan(tmp_path, seeds=4)
    data = composed(plan, replace(READING, ranges=((0.0, 0.5), (0.0, 1.0)), gamma=0.5))
    first, second = (task[1]["value"] for task in data["final"]["tasks"])
    assert first == pytest.approx(1.0, abs=0.05) and second == pytest.approx(0.5, abs=0.05)
    assert data["cells"][1]["score"] == pytest.approx(1.0, abs=0.05)


def test_an_evaluation_is_the_score_where_it_was_asked_for(tmp_path):
    plan = a_plan(tmp_path, seeds=4, tasks=("tree",))
    measured, ended = a_measured(plan)
    measured = {cell: replace(run, evaluated=0.1 * cell.seed) for cell, run in measured.items()}
    data = compose(plan, measured, ended, replace(READING, evaluation=True))
    assert data["score"] == "pass@1 on held-out problems after training"
    assert data["final"]["scores"][0][0] == pytest.approx([0.0, 0.1, 0.2, 0.3])


def test_a_seed_that_one_method_lacks_is_left_out_for_all(tmp_path):
    plan = a_plan(tmp_path, seeds=5)
    measured, _ = a_measured(plan, missing=("x tree seed 2",))
    assert complete(plan, measured) == ([0, 1], [0, 1, 3, 4])
    data = composed(plan, missing=("x tree seed 2",))
    assert data["compared"]["seeds"] == [0, 1, 3, 4] and data["notes"][0].startswith("Seed 2: left out for all methods")
    broken = next(cell for cell in data["cells"] if cell["status"] == "failed")
    assert broken["reason"] == "it broke" and "score" not in broken


def test_a_method_that_never_finished_is_left_out_and_the_rest_is_compared(tmp_path):
    plan = a_plan(tmp_path, methods=("grpo", "x=grpo,update.lr=0.5", "y=grpo,update.lr=0.1"), seeds=4, tasks=("tree",))
    data = composed(plan, missing=tuple(f"x seed {n}" for n in range(4)))
    assert data["compared"] == {"methods": ["grpo", "y"], "seeds": [0, 1, 2, 3]}
    assert "x has no seed that finished on every task" in data["notes"][0]
    assert [pair["ours"] for pair in data["final"]["comparisons"]] == ["y"] and data["budget"][1]["tasks"][0][
        "runs"
    ] == 0
    nothing = composed(plan, missing=tuple(f"grpo seed {n}" for n in range(4)))
    assert "final" not in nothing and "too few finished runs" in nothing["verdict"]["overall"]


def test_what_changes_how_the_numbers_read_is_said(tmp_path):
    plan = a_plan(tmp_path, seeds=4, tasks=("tree",), looks=(2, 4))
    notes = composed(plan, stopped=("x seed 1",), actions=25.0)["notes"]
    assert notes[0] == "1 run stopped itself and keeps its last value: x seed 1."
    assert notes[1] == "The same steps are not the same samples: x sampled 2.5 times the actions of grpo."
    assert notes[2].startswith("Seeds were added after a look (2, 4)") and len(notes) == 3
    assert composed(replace(plan, looks=(4,)))["notes"] == []


def test_who_samples_more_is_also_compared_at_the_cost_of_the_others(tmp_path):
    plan = a_plan(tmp_path, seeds=4, tasks=("tree",), steps=20)
    data = composed(plan, actions=25.0)
    # x ends at 0.5 after 500 actions; at the 200 of grpo it has made 8 of 20 steps.
    assert data["equal_actions"]["actions"] == [200.0]
    assert data["equal_actions"]["aggregates"][1]["iqm"]["value"] == pytest.approx(0.5 * 7 / 19, abs=0.02)
    assert data["verdict"]["equal_actions"][0].startswith("x beats grpo")
    even = composed(plan, actions=10.5)
    assert "equal_actions" not in even and even["verdict"]["equal_actions"] == []
    # A run that stopped by itself early does not set the cost for all.
    measured, ended = a_measured(plan, actions=25.0)
    first = next(iter(measured))
    measured[first] = replace(measured[first], made=5, actions=np.minimum(measured[first].actions, 50.0))
    assert compose(plan, measured, ended, READING)["equal_actions"]["actions"] == [200.0]


def test_a_run_without_the_metric_counts_as_failed(tmp_path):
    plan = a_plan(tmp_path, seeds=1, tasks=("tree",))
    measured, ended = read_cells(plan, dict.fromkeys(plan.cells(), Ended("finished")), READING)
    assert not measured and {end.status for end in ended.values()} == {"failed"}
    assert "never logged the metric 'reward'; it logged nothing" in next(iter(ended.values())).reason
