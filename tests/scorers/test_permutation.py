import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import GuerdonError
from guerdon.scorers.permutation import Permutation, order_in
from guerdon.serial import from_json, to_json
from guerdon.tasks.problem import Problem


@pytest.mark.parametrize(
    ("wanted", "response", "share"),
    [
        ("0 1 2 3", "(0, 1, 3, 2)", 0.5),
        ("0, 1, 2", "2 1 0", 1 / 3),
        ("[0, 1, 2]", "first (1, 0, 2), no: [0, 1, 2].", 1.0),
        ("a b c", "a -> b -> c", 1.0),
        ("a b c", "c > a > b", 0.0),
        ("0 1 2", "0 1 1", 0.0),
        ("0 1 2", "0 1", 0.0),
        ("0 1 2", "0 1 2 3", 0.0),
        ("0 1 2", "", 0.0),
    ],
)
def test_share_of_right_places(wanted, response, share):
    assert Permutation()(Problem(7, "?", wanted), response) == pytest.approx(share)


def test_all_or_nothing_a_tag_and_a_list():
    problem = Problem(7, "?", meta={"order": [1, 0, 2]})
    assert Permutation()(problem, "1 2 0") == pytest.approx(1 / 3)
    assert [Permutation(exact=True)(problem, text) for text in ("1 2 0", "1 0 2")] == [0.0, 1.0]
    assert [Permutation(tag="a")(problem, text) for text in ("<a>1 0 2</a>", "1 0 2")] == [1.0, 0.0]


@given(st.permutations(range(5)))
def test_one_wrong_place_alone_never_occurs(order):
    share = Permutation()(Problem(7, "?", "0 1 2 3 4"), str(order))
    assert share == sum(a == b for a, b in enumerate(order)) / 5 != 0.8


def test_refused():
    with pytest.raises(GuerdonError, match="problem 7 needs an order of at least one item, got none"):
        Permutation().check(Problem(7, "?", meta={"order": []}))
    assert order_in('["a", "b"]') == ["a", "b"]
    assert from_json(to_json(Permutation(exact=True))) == Permutation(exact=True)
