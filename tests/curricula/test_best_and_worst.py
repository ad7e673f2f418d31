import math

from hypothesis import given
from strategies import batches

from guerdon.curricula.best_and_worst import BestAndWorst
from guerdon.papers._bench import ragged


def test_the_two_ends_of_each_group():
    batch = ragged([[0.2, 0.9, 0.9, 0.1, 0.1], [0.5, 0.5], [math.nan, 0.3], [1.0], []])
    assert BestAndWorst()(batch).tolist() == [False, True, False, True, False] + [False] * 5


@given(batch=batches())
def test_two_or_none_per_group_and_no_reward_outside(batch):
    keep = BestAndWorst()(batch)
    group, reward = batch.index("traj", "group"), batch["traj.reward"]
    for number in range(batch.size("group")):
        inside = reward[(group == number) & reward.isfinite()]
        chosen = reward[(group == number) & keep]
        assert len(chosen) == (2 if len(set(inside.tolist())) > 1 else 0)
        if len(chosen):
            assert (chosen.max(), chosen.min()) == (inside.max(), inside.min())
