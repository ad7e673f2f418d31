import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guerdon.errors import GuerdonError
from guerdon.metrics.support import Support, answer_entropy, detectable, support


def test_answers_are_counted_per_prompt_and_unreadable_ones_are_never_right() -> None:
    base, trained = [["a", "b", "b", None], ["a"]], [["a", "c", None, "x"], ["b"]]
    assert support(base, trained, [{"a", "b", "c", None}, {"a"}]) == Support(kept=1, gained=1, lost=2)
    with pytest.raises(GuerdonError, match="one entry per prompt"):
        support(base, trained, [{"a"}])


@settings(deadline=None)
@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_the_harmonic_mean_is_that_of_counts(kept: int, gained: int, lost: int) -> None:
    got = Support(kept, gained, lost)
    if kept and gained:
        retention, discovery = kept / (kept + lost), gained / (kept + gained)
        assert got.dynamics == pytest.approx(2 / (1 / retention + 1 / discovery))
    else:
        assert got.dynamics == 0.0
    assert -1 <= got.net_change <= 1


def test_a_rare_answer_is_missed_as_often_as_said() -> None:
    assert (1 - detectable(1024)) ** 1024 == pytest.approx(0.05)
    with pytest.raises(GuerdonError, match="draws >= 1"):
        detectable(0)


def test_entropy_of_shares() -> None:
    assert answer_entropy(["a", "a", None, None]) == pytest.approx(math.log(2))
    assert answer_entropy([]) == 0.0 and answer_entropy([1, 1]) == 0.0
