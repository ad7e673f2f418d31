import pytest
import torch
from hypothesis import given
from strategies import batches

from guerdon.errors import GuerdonError
from guerdon.objective import Objective
from guerdon.objectives.by_origin import ByOrigin, MeanByOrigin
from guerdon.objectives.nll import NLL
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.preference import PairwisePreference
from guerdon.objectives.reinforce import Reinforce
from guerdon.papers._bench import ragged

COLUMNS = {
    "traj.sampled": [True, False, True],
    "traj.advantage": [2.0, 5.0, -1.0],
    "token.logprob": [-1.0, -2.0, -3.0, -4.0],
}


def test_each_row_has_the_loss_of_its_origin():
    batch = ragged([[0.0, 0.0], [0.0]], [1, 2, 1], COLUMNS)
    assert ByOrigin(Reinforce(), NLL())(batch).values.tolist() == [2, 2, 3, -4]


def test_the_mean_of_each_origin_weighs_the_same():
    batch = ragged([[0.0, 0.0], [0.0]], [1, 2, 1], COLUMNS)
    objective = Objective(ByOrigin(Reinforce(), NLL()), MeanByOrigin())
    loss, _ = objective(objective.prepare(batch), {})
    assert float(loss) == pytest.approx((2 - 4) / 2 + (2 + 3) / 2)
    masked = batch.with_columns({"token.mask": torch.tensor([True, False, True, True])})
    loss, _ = objective(objective.prepare(masked), {})
    assert float(loss) == pytest.approx((2 - 4) / 2 + 3)


def test_metrics_are_those_of_the_rows_of_an_origin():
    batch = ragged([[0.0, 0.0], [0.0]], [1, 2, 1], {**COLUMNS, "token.old_logprob": [-1.0, -9.0, -9.0, -4.0]})
    rows = ByOrigin(PPOClip(), NLL())(batch)
    assert rows.metrics["old_kl"].tolist() == [0, 0]


@given(batches())
def test_weights_of_an_origin_add_up_to_one_if_it_has_a_row(batch):
    sampled = torch.arange(batch.size("traj")) % 2 == 0
    batch = batch.with_columns({"traj.sampled": sampled})
    for level in ("action", "traj"):
        weights = MeanByOrigin()(batch, level)
        for side in (batch[f"{level}.sampled"], ~batch[f"{level}.sampled"]):
            assert float(weights[side].sum()) == pytest.approx(1.0 if bool(side.any()) else 0.0, abs=1e-5)


def test_the_coarser_unit_counts_and_a_loss_per_group_is_refused():
    assert ByOrigin().unit == "action" and ByOrigin(PPOClip(ratio="sequence")).unit == "traj"
    columns = {"traj.sampled": [True, False], "traj.rank": torch.tensor([0, 1])}
    batch = ragged([[0.0, 0.0]], columns=columns)
    batch = batch.with_columns({"token.logprob": torch.zeros(2), "token.ref_logprob": torch.zeros(2)})
    with pytest.raises(GuerdonError, match="one loss per action, got PairwisePreference per group"):
        ByOrigin(PairwisePreference(), NLL())(batch)
