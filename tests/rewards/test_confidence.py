import math

import pytest

from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged
from guerdon.rewards.confidence import Confidence


def test_numbers():
    piece = Confidence()
    stated = {"0.8": 0.8, " 80% ": 0.8, "4/5": 0.8, "I am about 0.25 sure": 0.25, "0": 0.0, "1": 1.0}
    for text, number in stated.items():
        assert piece.stated(f"x <confidence>{text}</confidence>") == pytest.approx(number), text
    assert piece.stated("<confidence>0.1</confidence> no: <confidence>0.9</confidence>") == 0.9
    assert Confidence("sure").stated("<sure>.5</sure>") == 0.5


def test_what_is_missing():
    for response in ("0.8", "<confidence>0.8", "<confidence>high</confidence>", "<confidence>7</confidence>", ""):
        assert math.isnan(Confidence().stated(response)), response
    assert Confidence(outside="clip").stated("<confidence>7</confidence>") == 1.0
    assert Confidence(outside="clip").stated("<confidence>-1</confidence>") == 0.0
    assert math.isnan(Confidence(outside="clip").stated("none"))


def test_column():
    batch = ragged([[0.0, 0.0]], columns={"traj.response": ["<confidence>0.5</confidence>", "?"]})
    got = Confidence()(batch)["traj.confidence"].tolist()
    assert got[0] == 0.5 and math.isnan(got[1])


def test_a_tag_is_needed():
    with pytest.raises(GuerdonError, match="tag must be a name"):
        Confidence("")
