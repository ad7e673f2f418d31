import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import GuerdonError
from guerdon.scorers.box_programs import BoxPrograms, iou, parse, volumes
from guerdon.tasks.problem import Problem

UNIT = Problem(7, "?", "box(1,1,1)")


@pytest.mark.parametrize(
    ("program", "volume"),
    [
        ("box(2,3,4)", 24),
        (" box( 2, 3 ,4 ) .move(-1, 0.5, 0)", 24),
        ("box(2,2,2) + box(2,2,2).move(1,0,0)", 12),
        ("box(2,2,2) - box(1,1,1)", 7),
        ("box(2,2,2) & box(2,2,2).move(1,1,1)", 1),
        ("box(1,1,1) - box(1,1,1) + box(2,1,1)", 2),
        ("box(1,1,1) & box(1,1,1).move(1,0,0)", 0),
    ],
)
def test_volumes(program, volume):
    solid = parse(program)
    assert solid is not None and volumes(solid, solid) == (volume, volume)


@pytest.mark.parametrize(
    "program",
    ["", "sphere(1,1,1)", "box(1,1)", "box(0,1,1)", "box(-1,1,1)", "+ box(1,1,1)", "box(1,1,1) box(1,1,1)",
     "box(1,1,1).move(1,2)", "box(1,1,1) +", "box(1e9,1,1)", "box(nan,1,1)", "+".join(["box(1,1,1)"] * 9), "box(1,1,1).",
     "box(" + "9" * 400 + ",1,1)"],
)  # fmt: skip
def test_what_does_not_run(program):
    assert parse(program) is None
    assert BoxPrograms()(UNIT, program) == {"cad_exec": 0.0, "cad_iou": 0.0}


def test_scores():
    wanted = Problem(7, "?", "box(2,1,1).move(1,0,0)")
    assert BoxPrograms()(wanted, "box(2,1,1)")["cad_iou"] == pytest.approx(1 / 3)
    assert BoxPrograms()(wanted, "box(1,1,1).move(2,0,0)+box(1,1,1).move(1,0,0)") == {"cad_exec": 1.0, "cad_iou": 1.0}
    assert BoxPrograms()(UNIT, "box(1,1,1) - box(1,1,1)") == {"cad_exec": 0.0, "cad_iou": 0.0}
    assert BoxPrograms(tag="answer")(UNIT, "so <answer>box(1,1,1)</answer>")["cad_iou"] == 1
    assert BoxPrograms(tag="answer")(UNIT, "box(1,1,1)")["cad_exec"] == 0


SIZES, PLACES = [st.integers(1, 3)] * 3, [st.integers(0, 3)] * 3
BOXES = st.lists(st.tuples(st.sampled_from("+-&"), *SIZES, *PLACES), min_size=1, max_size=4)


def written(rows):
    terms = [f"{how} box({a},{b},{c}).move({x},{y},{z})" for how, a, b, c, x, y, z in rows]
    return " ".join(terms)[1:]


def cubes(rows):
    """The unit cubes of a solid, one by one."""
    inside = set()
    for how, a, b, c, x, y, z in [("+", *rows[0][1:]), *rows[1:]]:
        box = set(itertools.product(range(x, x + a), range(y, y + b), range(z, z + c)))
        inside = inside | box if how == "+" else inside & box if how == "&" else inside - box
    return inside


@given(BOXES, BOXES)
def test_against_counting_unit_cubes(first, second):
    one, two = parse(written(first)), parse(written(second))
    assert one is not None and two is not None
    a, b = cubes(first), cubes(second)
    assert volumes(one, two) == (len(a & b), len(a | b))
    assert iou(one, two) == iou(two, one) == pytest.approx(len(a & b) / len(a | b) if a | b else 0.0)


def test_the_largest_program_takes_no_time():
    random.seed(0)
    program = "+".join(
        f"box({random.random() + 1:.6f},1.5,2).move({random.random():.6f},{random.random():.6f},{random.random():.6f})"
        for _ in range(8)
    )
    assert BoxPrograms()(Problem(7, "?", program), program)["cad_iou"] == 1


def test_bad_fields_and_problems():
    with pytest.raises(GuerdonError, match=r"most must lie in 1\.\.16, got 33"):
        BoxPrograms(most=33)
    for answer in ("cone(1)", "box(1,1,1) - box(1,1,1)"):
        with pytest.raises(GuerdonError, match="needs a program of a solid as its answer"):
            BoxPrograms().check(Problem(7, "?", answer))
