import math

from guerdon.metrics.demo_auc import DemoAUC
from guerdon.papers._bench import ragged


def test_pairs_are_counted_and_ties_are_halves():
    batch = ragged([[0.0, 1.0, 2.0, math.nan]], columns={"traj.demo_reward": [1.0, 1.0, 1.0, 1.0]})
    assert DemoAUC()(batch) == {"demo_auc": 0.5}
    assert DemoAUC()(ragged([[0.0, 0.0]], columns={"traj.demo_reward": [1.0, 0.0]})) == {"demo_auc": 0.75}


def test_nothing_without_scored_responses():
    assert DemoAUC()(ragged([[math.nan]], columns={"traj.demo_reward": [1.0]})) == {}
