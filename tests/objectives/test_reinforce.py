from guerdon.objectives.reinforce import Reinforce
from guerdon.papers._bench import ragged


def test_golden():
    columns = {"action.logprob": [-1.0, -2.0], "action.advantage": [3.0, -0.5]}
    assert Reinforce()(ragged([[0, 0]], columns=columns)).values.tolist() == [3, -1]


def test_a_trajectory_advantage_is_spread():
    columns = {"action.logprob": [-1.0, -2.0, -4.0], "traj.advantage": [3.0, -0.5]}
    assert Reinforce()(ragged([[0, 0]], [2, 1], columns)).values.tolist() == [3, 6, -2]
