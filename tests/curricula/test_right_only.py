import math

from hypothesis import given
from strategies import batches

from guerdon.curricula.right_only import RightOnly
from guerdon.papers._bench import ragged


def test_one_of_equal_right_responses_per_prompt():
    rewards = [[1.0, 1.0, 0.0, math.nan], [1.0, 0.4, 1.0]]
    responses = ["a", "a", "b", "c", "a", "d", "e"]
    batch = ragged(rewards, columns={"traj.response": responses})
    assert RightOnly()(batch).tolist() == [True, False, False, False, True, False, True]
    assert RightOnly(distinct=False)(batch).tolist() == [True, True, False, False, True, False, True]
    assert RightOnly(threshold=0.3)(batch).tolist()[5]


@given(batch=batches())
def test_every_right_response_is_kept_once(batch):
    batch = batch.with_columns({"traj.response": [str(row % 2) for row in range(batch.size("traj"))]})
    right, kept = batch["traj.reward"] > 0.5, RightOnly()(batch)
    assert not bool((kept & ~right).any())
    keys = list(zip(batch.index("traj", "group").tolist(), batch["traj.response"], strict=True))
    chosen = [key for key, keep in zip(keys, kept.tolist(), strict=True) if keep]
    assert len(chosen) == len(set(chosen)) == len({key for key, r in zip(keys, right.tolist(), strict=True) if r})
