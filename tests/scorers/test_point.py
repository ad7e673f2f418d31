import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import GuerdonError
from guerdon.scorers.boxes import PointInBox, inside
from guerdon.scorers.point import PointHit, gap, pointed
from guerdon.serial import from_json, to_json
from guerdon.tasks.problem import Problem

BOX = Problem(0, "?", "[10, 10, 20, 20]")
SEVERAL = Problem(0, "?", "[[10, 10, 20, 20], [50, 60]]")
SIDES = st.floats(-100, 100, width=32)


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("(3, 4)", (3, 4)), ("at [3.5 4]", (3.5, 4)), ('{"x": 3, "y": -4.25}', (3, -4.25)), ('{"y": 1e2, "x": 3}', (3, 100)),
        ('{"point": [3, 4], "label": "ok"}', (3, 4)), ("[0, 0, 6, 8]", (3, 4)), ('(1, 1) then {"x": 3, "y": 4}', (3, 4)),
        ('{"x": 1, "y": 1} then (3, 4)', (3, 4)), ('```json\n{"x": 3, "y": 4}\n```', (3, 4)), ('[{"x": 3, "y": 4}]', (3, 4)),
        ("3, 4", None), ("", None), ('{"x": 3}', None), ('{"x": "3", "y": 4}', None), ('{"x": NaN, "y": 4}', None),
        ('{"x": 3, "y": 4', None), ('{"x": 1' + "0" * 400 + ', "y": 1}', None), ('{"x": 1e999, "y": 1}', None),
    ],
)  # fmt: skip
def test_the_last_point_of_a_response(text, point):
    assert pointed(text) == point


def test_a_box_or_a_point_nearby_whichever_is_met():
    near = PointHit(distance=5)
    assert [PointHit()(BOX, text) for text in ("(10, 20)", "(15, 15)", "(9.9, 15)", "no")] == [1, 1, 0, 0]
    assert [near(BOX, text) for text in ("(23, 24)", "(24, 24)", "(5, 15)", "(4, 15)")] == [1, 0, 1, 0]
    assert [near(SEVERAL, text) for text in ("(53, 64)", "(54, 64)", "(15, 15)", "(35, 35)")] == [1, 0, 1, 0]


def test_only_the_last_point_and_only_in_the_tag_counts():
    assert PointHit()(BOX, "(15, 15) or (0, 0)") == 0
    tagged = PointHit(tag="answer")
    assert tagged(BOX, "<answer>(15, 15)</answer> (0, 0)") == 1 and tagged(BOX, "(15, 15)") == 0


@given(st.tuples(SIDES, SIDES), st.tuples(SIDES, SIDES, SIDES, SIDES))
def test_the_gap_is_0_inside_alone_and_that_to_the_nearest_point_outside(point, sides):
    box = (min(sides[0], sides[2]), min(sides[1], sides[3]), max(sides[0], sides[2]), max(sides[1], sides[3]))
    nearest = tuple(min(max(point[n], box[n]), box[n + 2]) for n in (0, 1))
    assert gap(point, box) == pytest.approx(math.dist(point, nearest))
    assert (gap(point, box) == 0) == inside(point, box)


@given(SIDES, SIDES)
def test_without_distance_it_is_the_rule_for_one_box(x, y):
    text = f"({x:f}, {y:f})"
    assert PointHit()(BOX, text) == PointInBox()(BOX, text)


def test_problems_that_cannot_be_judged_are_refused():
    for answer in (
        "[1]",
        "[]",
        "[[1, 2], 3]",
        "[1, 2, 3]",
        "[3, 0, 2, 1]",
        '{"x": 1}',
        "x",
        '["a", 2]',
        "[NaN, 1]",
        "3",
        None,
    ):
        with pytest.raises(GuerdonError, match="problem 0 needs"):
            PointHit(distance=1).check(Problem(0, "?", answer))
    with pytest.raises(GuerdonError, match=r"needs PointHit.distance > 0, got 0"):
        PointHit().check(SEVERAL)
    PointHit(distance=1).check(SEVERAL)
    PointHit().check(BOX)
    for distance in (-1.0, math.nan, math.inf):
        with pytest.raises(GuerdonError, match=r"PointHit\.distance must be 0 or more"):
            PointHit(distance)
    assert from_json(to_json(PointHit(2.0, "answer"))) == PointHit(2.0, "answer")


@pytest.mark.parametrize("text", ["{" * 200_000, '{"x": 1, "y": ' * 20_000, '{"x": 1}' * 20_000, "(1, " * 50_000])
def test_long_nonsense_is_quick(text):
    started = time.perf_counter()
    assert pointed(text) is None
    assert time.perf_counter() - started < 2
