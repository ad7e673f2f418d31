import numpy as np
import pytest

from guerdon.errors import GuerdonError
from guerdon.policies.mlp import MLP
from guerdon.rng import Stream
from guerdon.rollouts.episodes import Episodes
from guerdon.tasks.environment import ControlTask
from guerdon.tasks.screens import Screens


def test_an_action_is_a_box():
    task = Screens()
    assert task.box([0.0, 1.0, 0.0, np.log(0.5)]) == pytest.approx((25.0, 62.5, 75.0, 87.5))
    assert isinstance(task, ControlTask)


def test_the_exact_box_earns_everything_and_hit_alone_is_blind_to_size():
    task = Screens(seed=3)
    for number, (left, top, right, bottom) in enumerate(task.boxes()):
        assert 0 <= left < right <= 100 and 8 <= right - left <= 25 and 8 <= bottom - top <= 25
        centre = [((left + right) / 200 - 0.5) * 4, ((top + bottom) / 200 - 0.5) * 4]
        exact = [*centre, np.log((right - left) / 50), np.log((bottom - top) / 50)]
        assert task.scores(number, exact) == pytest.approx((1.0, 1.0, 1.0))
        hit, overlap, near = task.scores(number, [*centre, np.log(4), np.log(4)])
        assert hit == 1.0 and overlap < 0.02 and near < 0.7


def test_episodes_pay_by_the_weights():
    task = Screens(hit=1.0, iou=0.0, edges=0.0)
    policy = MLP(hidden=()).build(task, frozenset(), Stream((0,)))
    batch = Episodes(3, 50)(task, policy, lambda count: list(range(count)), Stream((1,)))
    assert batch.size("step") == 150 and bool(batch["traj.terminated"].all())
    for row in range(150):
        hit = task.scores(row // 50, batch["step.action"][row].tolist())[0]
        assert float(batch["traj.reward/task"][row]) == hit
    assert 0 < float(batch["traj.reward/task"].mean()) < 0.5


def test_bad_fields():
    with pytest.raises(GuerdonError, match="at least 1 target and a positive side"):
        Screens(targets=0)
