import math

from guerdon.papers._bench import ragged
from guerdon.shaping.pending import Pending


def test_no_verdict_before_the_end():
    batch = ragged([[1.0, 1.0, math.nan, math.nan]], columns={"traj.finished": [True, False, False, True]})
    got = Pending()(batch)["traj.reward"].tolist()
    assert got[:3] == [1, 0, 0] and math.isnan(got[3])
    assert Pending(value=0.5)(batch)["traj.reward"].tolist()[1:3] == [0.5, 0.5]
