from dataclasses import replace

import pytest

from guerdon.comparison.methods import read_methods
from guerdon.comparison.plan import Plan, claim, slugs
from guerdon.errors import GuerdonError


def a_plan(
    folder, methods=("grpo", "x=grpo,update.lr=0.5"), tasks=("tree", "tree:depth=2"), seeds=2, **options
) -> Plan:
    read = read_methods(methods, tasks, None, [])
    return Plan(folder, tuple(read), tuple(tasks), tuple(range(seeds)), options.pop("steps", 5), **options)


def begun(plan: Plan) -> Plan:
    plan = plan.begin()
    claim(plan.folder).close()
    plan.write()
    return plan


def test_cells_are_balanced_and_have_folders_of_their_own(tmp_path):
    plan = a_plan(tmp_path / "c")
    cells = plan.cells()
    assert len({cell.path for cell in cells}) == 8 and [cell.seed for cell in cells] == [0] * 4 + [1] * 4
    assert {(cell.method, cell.task) for cell in cells[:4]} == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert cells[1].path == tmp_path / "c" / "cells" / "x" / "tree" / "seed_0"
    assert cells[3].label == "x tree:depth=2 seed 0"


def test_names_become_different_folder_names():
    assert slugs(["a:b", "a/b", "A_b", "../..", ""]) == ["a_b", "a_b_2", "A_b_3", "x", "x_2"]


def test_each_seed_may_have_a_task_of_its_own(tmp_path):
    plan = a_plan(tmp_path, reseed_task=True)
    assert [plan.recipe(cell).task.seed for cell in plan.cells()] == [0] * 4 + [1] * 4
    assert {a_plan(tmp_path).recipe(cell).task.seed for cell in plan.cells()} == {0}


def test_the_same_plan_goes_on_and_seeds_may_be_added(tmp_path):
    begun(a_plan(tmp_path / "c")).looked().write()
    more = begun(a_plan(tmp_path / "c", seeds=6))
    assert more.looks == (2,) and more.looked().looks == (2, 6)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"steps": 6}, "steps was 5 and is 6"),
        ({"methods": ("grpo", "x=grpo,update.lr=0.25")}, "methods.x.spec was"),
        ({"methods": ("grpo", "rloo")}, "methods.x was"),
        ({"tasks": ("tree",)}, "tasks was"),
        ({"reseed_task": True}, "reseed_task was false and is true"),
    ],
)
def test_another_plan_is_refused(tmp_path, changed, sentence):
    begun(a_plan(tmp_path / "c"))
    with pytest.raises(GuerdonError, match="must be gone on with as it was begun") as refusal:
        a_plan(tmp_path / "c", **changed).begin()
    assert sentence in str(refusal.value) and len(str(refusal.value)) < 600


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(GuerdonError, match="it holds other things"):
        a_plan(tmp_path).begin()
    (tmp_path / "plan.json").write_text('{"format": 99}')
    with pytest.raises(GuerdonError, match="must be a plan of format 1"):
        a_plan(tmp_path).begin()
    (tmp_path / "plan.json").write_text("{")
    with pytest.raises(GuerdonError, match="must be the plan of a comparison"):
        a_plan(tmp_path).begin()


def test_two_comparisons_never_share_a_folder(tmp_path):
    pytest.importorskip("fcntl")
    plan = replace(a_plan(tmp_path / "c"))
    with claim(plan.folder), pytest.raises(GuerdonError, match="one comparison at a time"):
        claim(plan.folder)
    claim(plan.folder).close()
