import pytest

from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged
from guerdon.shaping.kl_reward import KLReward

COLUMNS = {"action.old_logprob": [1.0, 2.0, 3.0], "action.ref_logprob": [0.0, 0.0, 0.0]}


def batch():
    return ragged([[1, 0]], [2, 1], {**COLUMNS, "token.reward": [0.0, 1.0, 0.0]})


def test_per_trajectory_and_per_action():
    assert KLReward(0.1)(batch())["traj.reward"].tolist() == pytest.approx([0.7, -0.3])
    assert KLReward(0.1, column="action.reward")(batch())["action.reward"].tolist() == pytest.approx([-0.1, 0.8, -0.3])
    assert KLReward(0.1, "k2")(batch())["traj.reward"].tolist() == pytest.approx([0.75, -0.45])


def test_adaptive_coefficient():
    """Mean over trajectories of the mean KL is (1.5 + 3) / 2; error clipped to 0.2, n = 2, horizon 10."""
    piece = KLReward(0.1, target=1.0, horizon=10)
    state = piece.init_state()
    assert piece(batch(), state)["traj.reward"].tolist() == pytest.approx([0.7, -0.3])
    assert float(state.value) == pytest.approx(0.1 * 1.04)
    near = KLReward(0.1, target=2.25 / 1.1, horizon=10)
    state = near.init_state()
    near(batch(), state)
    assert float(state.value) == pytest.approx(0.1 * 1.02)
    assert "value" in state.state_dict()
    assert KLReward().init_state() is None


def test_bad_fields():
    with pytest.raises(GuerdonError, match=r"KLReward.column must be a reward such as traj.reward"):
        KLReward(column="traj.advantage")
    with pytest.raises(GuerdonError, match="needs target > 0 and horizon >= 1, got 0 and 10000"):
        KLReward(target=0)
