import math

import pytest

from guerdon.errors import GuerdonError
from guerdon.metrics.mode_share import ModeShare, dominant, mode_of, shares
from guerdon.papers._bench import ragged

MODES = {"code": r"def\b", "terse": r"\d+$", "words": r"[A-Z]"}


def test_a_response_has_the_first_mode_that_fits():
    assert [mode_of(text, MODES) for text in ("def f", "12", "12 a", "So 12", "")] == [
        "code",
        "terse",
        "other",
        "words",
        "other",
    ]


def test_shares_accuracies_and_the_dominant_one():
    responses = ["12", "7", "def f", "Well", "?", "3", "4", "5"]
    outcome = [1.0, 0.0, 1.0, math.nan, 1.0, 1.0, math.nan, 1.0]
    got = ModeShare(MODES)(ragged([outcome], columns={"traj.response": responses, "traj.reward/correct": outcome}))
    assert got == {
        "mode/code": 1 / 8,
        "mode/terse": 5 / 8,
        "mode/words": 1 / 8,
        "mode/other": 1 / 8,
        "mode_dominant": 5 / 8,
        "mode_accuracy/code": 1.0,
        "mode_accuracy/terse": 3 / 4,
    }
    assert dominant(["?", "?", "1"], MODES) == 1 / 3


def test_no_responses():
    assert set(shares([], MODES).values()) == {0.0} and dominant([], MODES) == 0


@pytest.mark.parametrize(
    ("modes", "message"), [({}, "must name modes"), ({"other": "x"}, "none of them"), ({"a": "("}, "regular expr")]
)
def test_bad_modes(modes, message):
    with pytest.raises(GuerdonError, match=message):
        ModeShare(modes)
