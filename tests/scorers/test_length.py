import pytest

from guerdon.errors import GuerdonError
from guerdon.scorers.length import LengthExact, LengthMax, LengthRange, length
from guerdon.serial import from_json, to_json
from guerdon.tasks.problem import Problem

ANY = Problem(0, "?")
TEN = Problem(0, "?", meta={"length": 10})


def words(count):
    return " ".join(["word"] * count)


def test_lengths():
    assert length(" two  words\n", "words") == 2 and length(" two  words\n", "characters") == 10
    assert length("", "words") == length(" ", "characters") == 0


def test_exact():
    scorer = LengthExact(target=100, coef=0.01)
    assert [scorer(ANY, words(n)) for n in (100, 90, 110, 1000)] == [0, pytest.approx(-0.1), pytest.approx(-0.1), -1]
    assert scorer(TEN, words(10)) == 0 and scorer(TEN, "") == pytest.approx(-0.1)
    assert LengthExact(target=4, coef=0.5, unit="characters")(ANY, "words") == -0.5


def test_max():
    scorer = LengthMax(target=100, coef=0.01, offset=0.5)
    assert [scorer(ANY, words(n)) for n in (100, 90, 40, 110, 200)] == pytest.approx([0.5, 0.6, 1, 0.4, 0])
    assert scorer(TEN, words(10)) == 0.5


def test_range():
    assert [LengthRange(high=3, low=2)(ANY, words(n)) for n in (1, 2, 3, 4)] == [0, 1, 1, 0]
    assert LengthRange(high=3, unit="characters")(ANY, "abcd") == 0


def test_saved_and_refused():
    for piece in (LengthExact(target=5), LengthMax(unit="characters"), LengthRange(high=3)):
        assert from_json(to_json(piece)) == piece
    for target in (-1, 1.5, "long", True):
        with pytest.raises(GuerdonError, match=r"needs a length of at least 0 in meta\['length'\]"):
            LengthMax().check(Problem(3, "?", meta={"length": target}))
    with pytest.raises(GuerdonError, match=r"LengthExact\.target and coef must be at least 0"):
        LengthExact(coef=-1.0)
    with pytest.raises(GuerdonError, match="between 0 and 1, got 2"):
        LengthMax(offset=2.0)
    with pytest.raises(GuerdonError, match="0 <= low <= high"):
        LengthRange(high=1, low=2)
