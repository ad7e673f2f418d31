import math
from collections import deque

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from guerdon.advantages.running import RewardBuffers, RunningStandardize
from guerdon.batch import Batch
from guerdon.errors import GuerdonError


def batch_of(rewards: list[list[float]], problems: list[int]) -> Batch:
    sizes = torch.tensor([len(group) for group in rewards])
    return Batch.build(
        {
            "traj.reward": torch.tensor([value for group in rewards for value in group], dtype=torch.float64),
            "group.problem_id": torch.tensor(problems),
        },
        traj_of_step=torch.arange(int(sizes.sum())),
        group_of_traj=torch.arange(len(problems)).repeat_interleave(sizes),
    )


def advantage(piece: RunningStandardize, state: RewardBuffers, rewards: list[list[float]], problems: list[int]) -> list:
    return piece(batch_of(rewards, problems), state)["traj.advantage"].tolist()  # pyright: ignore[reportAttributeAccessIssue]


def test_a_tracked_prompt():
    piece = RunningStandardize(size=4, min_count=2, eps=0.0)
    state = piece.init_state()
    assert advantage(piece, state, [[1.0, 3.0]], [7]) == [-1.0, 1.0]
    # The buffer is now 1, 3, 5, 7: mean 4, population std sqrt 5.
    assert advantage(piece, state, [[5.0, 7.0]], [7]) == pytest.approx([1 / math.sqrt(5), 3 / math.sqrt(5)])
    # 1 and 3 fall out: the buffer is 5, 7, 6, 6.
    assert advantage(piece, state, [[6.0, 6.0]], [7]) == [0.0, 0.0]
    assert state.rewards[7].tolist() == [5.0, 7.0, 6.0, 6.0]


def test_a_first_visit_uses_the_batch():
    piece = RunningStandardize(size=4, min_count=3, eps=0.0)
    got = advantage(piece, piece.init_state(), [[0.0], [4.0]], [0, 1])
    assert got == [-1.0, 1.0]  # batch mean 2, std 2


def test_prompts_in_two_groups_share_a_buffer():
    piece = RunningStandardize(size=4, min_count=2, eps=0.0)
    assert advantage(piece, piece.init_state(), [[1.0], [100.0], [3.0]], [5, 6, 5])[::2] == [-1.0, 1.0]


def test_equal_rewards_give_no_signal():
    piece = RunningStandardize(size=4, min_count=2)
    assert advantage(piece, piece.init_state(), [[0.1, 0.1, 0.1]], [0]) == pytest.approx([0.0] * 3, abs=1e-9)


def test_unscored_rewards_enter_no_buffer():
    piece = RunningStandardize(size=4, min_count=2, eps=0.0)
    state = piece.init_state()
    assert advantage(piece, state, [[1.0, math.nan, 3.0]], [0]) == [-1.0, 0.0, 1.0]
    assert state.rewards[0].tolist() == [1.0, 3.0]


def test_state_survives_a_checkpoint():
    piece = RunningStandardize(size=3, min_count=2)
    state, other = piece.init_state(), piece.init_state()
    advantage(piece, state, [[0.1, 0.2, 0.3, 0.4], [9.0]], [4, 2**31 - 1])
    other.load_state_dict(state.state_dict())
    later = [[1.0, 2.0], [3.0, 4.0]], [4, 2**31 - 1]
    assert advantage(piece, other, *later) == advantage(piece, state, *later)
    empty = piece.init_state()
    other.load_state_dict(empty.state_dict())
    assert other.rewards == {}


@settings(deadline=None, max_examples=30)
@given(
    visits=st.lists(
        st.lists(st.tuples(st.integers(0, 2), st.integers(-5, 5)), min_size=1, max_size=8), min_size=1, max_size=5
    )
)
def test_agrees_with_a_deque_per_prompt(visits: list[list[tuple[int, int]]]):
    piece, buffers = RunningStandardize(size=5, min_count=3), {}
    state = piece.init_state()
    for visit in visits:
        problems, rewards = [p for p, _ in visit], np.array([float(r) for _, r in visit])
        expected = np.zeros(len(visit))
        for problem in sorted(set(problems)):
            mine = np.array(problems) == problem
            buffer = buffers.setdefault(problem, deque(maxlen=5))
            buffer.extend(rewards[mine])
            pool = np.array(buffer) if len(buffer) >= 3 else rewards
            expected[mine] = (rewards[mine] - pool.mean()) / (pool.std() + 1e-6)
        got = advantage(piece, state, [[reward] for reward in rewards], problems)
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-6)


def test_a_count_that_is_never_reached_is_refused():
    with pytest.raises(GuerdonError, match=r"min_count must lie in 1\.\.size, got 17 with size 16"):
        RunningStandardize(min_count=17)
