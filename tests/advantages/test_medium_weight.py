import math

import pytest
from hypothesis import given
from strategies import batches

from guerdon.advantages.medium_weight import MediumWeight
from guerdon.papers._bench import ragged


def weights(rewards, answers=None):
    columns = None if answers is None else {"traj.answer": answers}
    piece = MediumWeight("traj.answer" if answers is not None else None)
    return piece(ragged(rewards, columns=columns))["group.weight"].tolist()


def test_golden():
    assert weights([[1, 0], [1, 1], [0, 0], [1, 0, 0, 0], [0.5, 0.5], [1.0, 0.5]]) == [1, 0, 0, 0.75, 0, 0.75]


def test_equal_answers_weigh_nothing():
    rewards = [[1, 0], [1, 0], [1, 0, 0], [1]]
    assert weights(rewards, ["a", "a", "a", "b", "a", "b", "b", "a"]) == pytest.approx([0, 1, 8 / 9 / 2, 0])
    assert weights([[1, 0, 0]], ["a", "b", "c"]) == pytest.approx([8 / 9])


def test_unscored_responses_do_not_count():
    assert weights([[1, 0, math.nan], [math.nan, 1]]) == [1, 0]
    assert weights([[1, 0, math.nan]], ["a", "b", "b"]) == [1]


@given(batch=batches())
def test_between_0_and_1_whatever_the_rewards(batch):
    got = MediumWeight("traj.text")(batch)["group.weight"]
    assert bool(((got >= 0) & (got <= 1)).all())
