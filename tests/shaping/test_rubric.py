import pytest
from hypothesis import given
from shaping.components import NAN, combined, lost, rewards, tables

from guerdon.errors import GuerdonError
from guerdon.serial import from_json, to_json
from guerdon.shaping.rubric import Rubric

PLAIN = {"power": 1.0, "slope": 1.0}


def test_all_ones_give_1_and_a_veto_gives_0():
    piece = Rubric({"a": 1.0, "b": 3.0}, critical=("a",))
    batch = rewards(a=[1.0, 0.0, 0.01], b=[1.0, 1.0, 0.0])
    assert combined(piece, batch) == pytest.approx([1.0, 0.0, 0.01 / 0.84 / 4])


def test_even_scores_beat_uneven_ones_of_the_same_mean():
    piece = Rubric({"a": 1.0, "b": 1.0}, power=1.0)
    even, uneven = combined(piece, rewards(a=[0.8, 1.0], b=[0.8, 0.6]))
    assert even - uneven == pytest.approx(0.5 * (0.2 - 0.04) / 0.84)


def test_the_stretch_lowers_what_lies_between_its_beginning_and_1():
    piece = Rubric({"a": 1.0}, slope=1.0)
    out = combined(piece, rewards(a=[0.5, 0.7, 0.85, 1.0]))
    assert out == pytest.approx([0.5, 0.7, 0.7 + 0.3 * 0.25, 1.0])


def test_interactions_add_what_both_together_are_worth():
    piece = Rubric({"a": 1.0, "b": 1.0}, interactions=(("a", "b", -0.5),), **PLAIN)
    assert combined(piece, rewards(a=[0.5, 0.4], b=[0.5, 0.0])) == pytest.approx([0.5 - 0.125, 0.2])


def test_weights_alone_are_the_weighted_mean():
    piece = Rubric({"a": 1.0, "b": 3.0}, **PLAIN)
    assert combined(piece, rewards(a=[1.0], b=[0.0])) == pytest.approx([0.25])


def test_a_missing_criterion():
    batch = rewards(a=[NAN, NAN], b=[0.5, NAN])
    weights = {"a": 1.0, "b": 3.0}
    assert combined(Rubric(weights, **PLAIN), batch) == pytest.approx([NAN, NAN], nan_ok=True)
    assert combined(Rubric(weights, missing="drop", **PLAIN), batch) == pytest.approx([0.5, NAN], nan_ok=True)


@given(tables())
def test_it_lies_in_0_to_1_and_is_unscored_where_a_criterion_is(batch):
    out = combined(Rubric({"a": 1.0, "b": 2.0}, critical=("b",), interactions=(("a", "b", 0.4),)), batch)
    assert [value != value for value in out] == lost(batch)
    assert all(value != value or 0 <= value <= 1 for value in out)


def test_saved_and_refused():
    piece = Rubric({"a": 1.0, "b": 2.0}, critical=("b",), interactions=(("a", "b", 0.4),))
    assert from_json(to_json(piece)) == piece
    with pytest.raises(GuerdonError, match="0 or more and not all 0"):
        Rubric({"a": 0.0})
    with pytest.raises(GuerdonError, match="must name criteria, got c"):
        Rubric({"a": 1.0}, critical=("c",))
    with pytest.raises(GuerdonError, match="needs 0 < knee <= 1"):
        Rubric({"a": 1.0}, knee=0.0)
