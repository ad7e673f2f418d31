import pytest

from guerdon.errors import GuerdonError
from guerdon.scorers.format import Tags
from guerdon.scorers.labels import Label, LabelSet, WholeLabel
from guerdon.serial import from_json, to_json
from guerdon.tasks.problem import Problem

CAT = Problem(0, "?", "cat")


def test_the_rewards_with_and_without_thinking():
    full = "<think>paws</think> <answer>Cat</answer>"
    assert Label()(CAT, full) + Tags()(CAT, full) == 2
    assert Label()(CAT, "cat") + Tags()(CAT, "cat") == 1
    assert [WholeLabel()(CAT, text) for text in ("cat", "Cat", "<answer>cat</answer>", "cat ", "")] == [1, 0, 0, 0, 0]


def test_labels():
    said = ["<answer>dog</answer><answer>cat</answer>", "<answer> CAT\n</answer>", "a cat", "", "<answer>cat"]
    assert [Label()(CAT, text) for text in said] == [0, 1, 0, 0, 0]
    assert Label(require_tag=True)(CAT, "cat") == 0
    accented = Problem(0, "?", "caf\N{LATIN SMALL LETTER E WITH ACUTE}")
    assert (
        Label()(accented, "cafe\N{COMBINING ACUTE ACCENT}")
        == WholeLabel()(accented, "cafe\N{COMBINING ACUTE ACCENT}")
        == 1
    )
    two = Problem(0, "?", "big_cat")
    assert [WholeLabel(underscores=on)(two, "big cat") for on in (False, True)] == [0, 1]


def test_sets_of_labels():
    problem = Problem(0, "?", "cat, dog")
    said = ["cat", "dog,cat", "<answer>Dog, bird</answer>", "", ",", "cat, cat, dog"]
    assert [LabelSet()(problem, text) for text in said] == [0.5, 1, pytest.approx(1 / 3), 0, 0, 1]
    assert LabelSet(require_tag=True)(problem, "cat, dog") == 0
    assert LabelSet(separator="|")(Problem(0, "?", "a|b"), "b|a") == 1


def test_saved_and_refused():
    for piece in (Label(require_tag=True), WholeLabel(underscores=True), LabelSet(separator=";")):
        assert from_json(to_json(piece)) == piece
    with pytest.raises(GuerdonError, match="needs a label without <answer>"):
        Label().check(Problem(3, "?", "<answer>cat"))
    for piece in (Label(), WholeLabel()):
        with pytest.raises(GuerdonError, match="needs a label, got an empty answer"):
            piece.check(Problem(3, "?", " "))
    with pytest.raises(GuerdonError, match="at least one label, got ','"):
        LabelSet().check(Problem(3, "?", ","))
    with pytest.raises(GuerdonError, match="got an empty one"):
        LabelSet(separator="")
