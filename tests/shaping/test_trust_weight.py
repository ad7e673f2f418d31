import math

import pytest

from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged
from guerdon.shaping.trust_weight import TrustWeight


def bonus(piece, outcome, score, step=0):
    columns = {"traj.reward/correct": outcome, "traj.reward/thinking": score}
    batch = ragged([outcome], columns=columns).with_run(step=step)
    return piece(batch)["traj.reward/thinking"].tolist()


def test_distrust_where_wrong_answers_score_higher():
    got = bonus(TrustWeight(), [1.0, 1, 0, 0], [0.2, 0.4, 0.9, 0.7])
    assert got == pytest.approx([0.3 * math.exp(-0.5) * t for t in (0.2, 0.4, 0.9, 0.7)])
    assert bonus(TrustWeight(), [1.0, 0], [0.9, 0.2]) == pytest.approx([0.27, 0.06])


def test_annealing():
    assert bonus(TrustWeight(), [1.0, 0], [0.9, 0.2], 500) == pytest.approx([0.27 / math.e, 0.06 / math.e])
    assert bonus(TrustWeight(horizon=math.inf), [1.0, 0], [0.9, 0.2], 500) == pytest.approx([0.27, 0.06])


def test_groups_of_one_outcome_get_nothing():
    assert bonus(TrustWeight(), [1.0, 0.9], [0.5, 0.1]) == [0, 0]
    assert bonus(TrustWeight(), [0.0, 0.1], [0.5, 0.1]) == [0, 0]
    assert bonus(TrustWeight(), [0.2, 0.4], [0.5, 0.1]) == pytest.approx([0.15, 0.03])


def test_missing_scores_and_outcomes():
    nan = math.nan
    got = bonus(TrustWeight(), [1.0, 0, 0], [0.2, nan, 0.7])
    assert got == pytest.approx([0.06 * math.exp(-0.5), 0, 0.21 * math.exp(-0.5)])
    assert bonus(TrustWeight(), [1.0, 0, nan], [0.9, 0.2, 0.5])[:2] == pytest.approx([0.27, 0.06])


def test_the_released_zeroing():
    got = bonus(TrustWeight(drop_below=0.2), [1.0, 1, 0, 0], [0.2, 0.4, 0.9, 0.7])
    assert got == pytest.approx([0.06, 0.12, 0, 0])


def test_range():
    with pytest.raises(GuerdonError, match="horizon must be positive, got 0"):
        TrustWeight(horizon=0)
