import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged
from guerdon.shaping.success_progress import SuccessProgress, centers, dbscan

HIGH, LOW = 0.6 / (1 + math.exp(-5)), 0.6 / (1 + math.exp(5))


def rewards(outcomes, points, piece=None, **columns):
    flat = [value for group in outcomes for value in group]
    more = {
        "traj.reward/correct": flat,
        "traj.embedding": torch.tensor(points).double().reshape(len(flat), len(points[0]) if points else 1),
    }
    return (piece or SuccessProgress())(ragged(outcomes, columns={**more, **columns}))["traj.reward"].tolist()


def test_failures_earn_by_their_distance():
    got = rewards([[1, 0, 0, 0]], [[1, 1], [1, 2], [1, 4], [1, 3]])
    assert got == pytest.approx([1, HIGH, LOW, 0.3])


def test_groups_are_tasks_unless_a_column_says_otherwise():
    outcomes, points = [[1, 0, 0], [0, 0]], [[1.0], [2.0], [3.0], [1.0], [2.0]]
    assert rewards(outcomes, points) == pytest.approx([1, HIGH, LOW, 0, 0])
    one = torch.zeros(2, dtype=torch.int64)
    shared = rewards(outcomes, points, SuccessProgress(task="group.task"), **{"group.task": one})
    assert shared == pytest.approx([1, 0.3, LOW, HIGH, 0.3])


def test_a_failure_looks_at_the_nearest_of_several_centers():
    points = [[0.0, 1.0], [0.0, 1.0], [9.0, 1.0], [9.0, 1.0], [9.0, 2.0], [0.0, 3.0], [4.0, 1.0]]
    got = rewards([[1, 1, 1, 1, 0, 0, 0]], points)
    assert got[4] == pytest.approx(HIGH) and got[6] == pytest.approx(LOW)
    n = (2.0 - 1.0) / (4.0 - 1.0)
    assert got[5] == pytest.approx(0.6 / (1 + math.exp(-10 * (0.5 - n))))


def test_what_is_no_trajectory_and_what_is_not_scored():
    got = rewards([[1, 0, 0, math.nan, 1]], [[1.0], [2.0], [0.0], [3.0], [0.0]])
    assert got[:3] == pytest.approx([1, 0.3, 0]) and math.isnan(got[3]) and got[4] == 0
    assert rewards([[], [0.0], [1.0]], [[1.0], [1.0]]) == [0, 1]
    assert rewards([[]], []) == []


@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.floats(0.5, 4), st.floats(-4, 4)), max_size=12))
def test_successes_beat_every_failure(rows):
    got = rewards([[row[0] for row in rows]], [row[1:] for row in rows])
    for (outcome, *_), reward in zip(rows, got, strict=True):
        assert reward == 1 if outcome else 0 <= reward < 0.6


def test_clusters():
    points = torch.tensor([[0.0], [0.4], [0.8], [3.0], [3.1], [9.0], [1.2]]).double()
    assert dbscan(points, 0.45, 2).tolist() == [0, 0, 0, 1, 1, -1, 0]
    assert dbscan(points, 0.45, 3).tolist() == [0, 0, 0, -1, -1, -1, 0]
    assert dbscan(points[:0], 0.5, 2).tolist() == []
    apart = torch.tensor([[0.0, 1.0], [4.0, 1.0]]).double()
    assert centers(apart, 0.5, 2).tolist() == [[2.0, 1.0]]


@given(st.lists(st.integers(0, 20), max_size=10), st.integers(1, 4))
def test_cores_that_are_near_share_a_cluster_and_noise_is_near_no_core(numbers, least):
    points = torch.tensor(numbers, dtype=torch.float64).view(-1, 1)
    label = dbscan(points, 1.5, least).tolist()
    near = [[abs(a - b) <= 1.5 for b in numbers] for a in numbers]
    core = [sum(row) >= least for row in near]
    for a in range(len(numbers)):
        reach = [b for b in range(len(numbers)) if near[a][b] and core[b]]
        assert (label[a] == -1) == (not reach)
        assert not reach or label[a] in {label[b] for b in reach}
        assert not core[a] or {label[b] for b in reach} == {label[a]}


def test_bad_fields():
    with pytest.raises(GuerdonError, match=r"needs 0 < cap < 1, .*got cap=1\.0"):
        SuccessProgress(cap=1.0)
