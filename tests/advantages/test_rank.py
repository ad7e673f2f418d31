import math

import pytest
from hypothesis import given
from strategies import batches

from guerdon.advantages.rank import RankByReward
from guerdon.curricula.best_and_worst import BestAndWorst
from guerdon.objectives.links import LogisticLink
from guerdon.objectives.preference import PairwisePreference
from guerdon.papers._bench import ragged


def test_the_best_is_first():
    batch = ragged([[0.2, 0.9, math.nan, 0.2], [1.0]])
    assert RankByReward()(batch)["traj.rank"].tolist() == [1, 0, -1, 2, 0]


@given(batch=batches())
def test_better_responses_have_lower_ranks(batch):
    rank, reward, group = RankByReward()(batch)["traj.rank"], batch["traj.reward"], batch.index("traj", "group")
    for number in range(batch.size("group")):
        rows = (group == number) & reward.isfinite()
        assert sorted(rank[rows].tolist()) == list(range(int(rows.sum())))
        ordered = reward[rows][rank[rows].argsort()]
        assert bool((ordered[:-1] >= ordered[1:]).all())


def test_with_best_and_worst_it_makes_pairs_for_a_preference_loss():
    batch = ragged([[0.1, 0.5, 0.9]], columns={"token.logprob": [-1.0, -2.0, -0.5], "token.ref_logprob": [-1.0] * 3})
    batch = batch.select("traj", BestAndWorst()(batch))
    loss = PairwisePreference(LogisticLink(beta=1.0))(batch.with_columns(RankByReward()(batch))).values
    # The best response moved by +0.5, the worst by 0.
    assert loss.tolist() == pytest.approx([math.log1p(math.exp(-0.5))])
