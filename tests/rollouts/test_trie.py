import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import GuerdonError
from guerdon.rollouts.trie import Trie


def test_what_may_follow():
    trie = Trie([(1, 3), (4,), (1, 2)])
    assert [trie.allowed(prefix) for prefix in ((), (1,), (1, 2), (9,))] == [(1, 4), (2, 3), (), ()]


@given(st.sets(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)), min_size=1))
def test_walking_the_tree_lists_the_items(items):
    trie, found = Trie(sorted(items)), []
    walk = [()]
    while walk:
        prefix = walk.pop()
        following = trie.allowed(prefix)
        found += [] if following else [prefix]
        walk += [(*prefix, token) for token in following]
    assert sorted(found) == sorted(items)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([], "different items of one token or more, got 0"),
        ([(1,), (1,)], "different items"),
        ([(1,), ()], "different items"),
        ([(1,), (1, 2)], r"no item may be the beginning of another, got \(1,\)"),
    ],
)
def test_catalogues_without_a_way_out_are_refused(items, message):
    with pytest.raises(GuerdonError, match=message):
        Trie(items)
