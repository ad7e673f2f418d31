import pytest

from guerdon.errors import GuerdonError
from guerdon.scorers.beats_exemplar import BeatsExemplar
from guerdon.scorers.ngrams import Chrf, RougeL
from guerdon.scorers.sql import SqlExecution
from guerdon.tasks.problem import Problem

ASKED = Problem(7, "?", "one two three four", {"exemplar": "one two three five"})


def test_as_good_as_the_exemplar_or_not():
    piece = BeatsExemplar(RougeL())
    texts = ("one two three four", "one two three five", "one two six five", "")
    assert [piece(ASKED, text) for text in texts] == [1, 1, 0, 0]


def test_grades():
    piece = BeatsExemplar(RougeL(), spread=1.0)
    assert piece(ASKED, "one two three five") == pytest.approx(0.5)
    assert piece(ASKED, "one two three four") == pytest.approx(0.75)
    assert piece(ASKED, "one six seven eight") == pytest.approx(0.0)
    assert BeatsExemplar(RougeL(), spread=0.1)(ASKED, "one two three four") == 1


def test_without_an_exemplar_it_is_the_metric():
    plain = Problem(7, "?", "one two")
    assert BeatsExemplar()(plain, "one too") == Chrf()(plain, "one too")
    assert BeatsExemplar()(plain, " ") == 0


def test_bad_fields_and_problems():
    with pytest.raises(GuerdonError, match=r"spread must be positive or none, got 0\.0"):
        BeatsExemplar(spread=0.0)
    with pytest.raises(GuerdonError, match="must give one score, got SqlExecution"):
        BeatsExemplar(SqlExecution())
    with pytest.raises(GuerdonError, match=r"needs a text as meta\['exemplar'\], got 3"):
        BeatsExemplar().check(Problem(7, "?", "a", {"exemplar": 3}))
    with pytest.raises(GuerdonError, match="problem 7"):
        BeatsExemplar().check(Problem(7, "?"))
