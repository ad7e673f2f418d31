import pytest

from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged
from guerdon.rewards.phrases import PHRASES, ReasoningPhrases, repeated_ngrams


def test_different_phrases_count_once_each():
    piece = ReasoningPhrases()
    assert piece.credit("Wait, wait! Therefore, FIRST, something") == pytest.approx(3 / 20)
    assert piece.credit("nothing of the kind") == 0.0
    assert piece.credit(" | ".join(PHRASES)) == 1.0
    assert ReasoningPhrases(("wait",), enough=1).credit("WAIT") == 1.0


def test_there_are_forty():
    assert len(set(PHRASES)) == 40


def test_repetition_is_counted_in_different_grams():
    assert repeated_ngrams(["a", "b", "a", "b", "a"], 2) == 2 / 4
    assert repeated_ngrams(["a", "b", "c"], 4) == 0.0
    assert repeated_ngrams([], 1) == 0.0


def test_costs():
    piece = ReasoningPhrases(("wait", "thus"), enough=2, width=2)
    assert piece.credit("wait thus wait thus x") == pytest.approx(1 - 1 / 4)
    assert piece.credit("wait thus User: again") == 0.0


def test_column():
    batch = ragged([[0.0], [0.0]], columns={"traj.response": ["wait", ""]})
    got = ReasoningPhrases(name="style")(batch)
    assert list(got) == ["traj.reward/style"] and got["traj.reward/style"].tolist() == pytest.approx([0.05, 0.0])


def test_bad_fields():
    with pytest.raises(GuerdonError, match="in lower case"):
        ReasoningPhrases(("Wait",))
    with pytest.raises(GuerdonError, match="at least 1, got 0 and 20"):
        ReasoningPhrases(enough=0)
