import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import GuerdonError
from guerdon.scorers.boxes import BoxOverlap, BoxParts, PointInBox, edge_closeness, iou
from guerdon.serial import from_json, to_json
from guerdon.tasks.problem import Problem

SCREEN = Problem(0, "?", "[45, 45, 55, 55]", {"size": [100, 100]})
SIDES = st.floats(0, 100, width=32)
BOXES = st.tuples(SIDES, SIDES, SIDES, SIDES).map(
    lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3]))
)


def paid(parts):
    """As GUI-G1 weighs them."""
    return parts["hit"], 0.25 * parts["iou"], 0.125 * parts["edges"]


def test_the_numbers_of_gui_g1():
    assert paid(BoxParts()(SCREEN, '[{"bbox_2d": [45, 45, 55, 55], "label": "OK"}]')) == (1, 0.25, 0.125)
    hit, overlap, edges = paid(BoxParts()(SCREEN, "[0, 0, 100, 100]"))
    assert (hit, overlap) == (1, pytest.approx(0.0025)) and edges == pytest.approx(0.125 * 0.55) and edges < 0.075
    assert edge_closeness((100, 0, 110, 10), (0, 0, 10, 10), (100, 100)) == 0


def test_edges_are_a_harmonic_mean():
    assert edge_closeness((10, 0, 20, 10), (0, 0, 20, 10), (20, 10)) == pytest.approx(4 / (1 / 0.5 + 3))


def test_overlap_and_its_threshold():
    true = Problem(0, "?", "[0, 0, 3, 1]")
    assert BoxOverlap()(true, "(0, 0, 2, 1)") == pytest.approx(2 / 3)
    assert BoxOverlap(threshold=0.5)(true, "[0,0,2,1]") == 1
    half = Problem(0, "?", "[0, 0, 2, 1]")
    assert iou((0, 0, 1, 1), (0, 0, 2, 1)) == 0.5 and BoxOverlap(threshold=0.5)(half, "[0,0,1,1]") == 0
    assert BoxOverlap()(true, "[5, 0, 6, 1]") == BoxOverlap()(true, "no box") == BoxOverlap()(true, "[2, 0, 0, 1]") == 0


def test_points():
    said = [
        "click (50, 50)",
        "(44, 50)",
        "[40, 40, 58, 58]",
        "[0, 0, 9, 9] or (55.0, 45.0)",
        "50 50",
        "[58, 58, 40, 40]",
    ]
    assert [PointInBox()(SCREEN, text) for text in said] == [1, 0, 1, 1, 0, 0]
    assert PointInBox(tag="a")(SCREEN, "(0, 0) <a>(50, 50)</a> (0, 0)") == 1
    assert BoxParts()(SCREEN, "(50, 50)") == {"hit": 1, "iou": 0, "edges": 0}
    assert BoxParts()(SCREEN, "[58, 58, 40, 40]") == {"hit": 0, "iou": 0, "edges": 0}


@given(BOXES, BOXES)
def test_overlap_is_symmetric_between_0_and_1_and_1_with_itself(box, other):
    assert 0 <= iou(box, other) <= 1 and iou(box, other) == pytest.approx(iou(other, box))
    assert iou(box, box) in (0, 1) and 0 <= edge_closeness(box, other, (100, 100)) <= 1


@pytest.mark.parametrize(
    "text", ["[" + " " * 50_000 + "x", "[" + "1" * 50_000 + "x", "[1" + " " * 50_000 + "x", "[1 " * 20_000]
)
def test_hostile_texts_take_linear_time(text):
    started = time.perf_counter()
    assert BoxParts()(SCREEN, text)["hit"] == 0 and time.perf_counter() - started < 5


def test_saved_and_refused():
    for piece in (BoxParts(tag="a"), BoxOverlap(threshold=0.5), PointInBox()):
        assert from_json(to_json(piece)) == piece
    for answer in ("box", "[1, 2, 3]", "[3, 0, 1, 1]", '["a", 0, 1, 1]', "{}", "5", "[0, 0, NaN, 1]"):
        with pytest.raises(GuerdonError, match="needs a box"):
            PointInBox().check(Problem(3, "?", answer))
    for size in (None, [100], [0, 1], ["a", 1]):
        with pytest.raises(GuerdonError, match=r"needs \[width, height\]"):
            BoxParts().check(Problem(3, "?", "[0, 0, 1, 1]", {"size": size}))
    with pytest.raises(GuerdonError, match="at least 0 and below 1, got 1"):
        BoxOverlap(threshold=1.0)
