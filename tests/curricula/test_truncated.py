import torch
from hypothesis import given
from strategies import batch_of, batches

from guerdon.advantages.standardize import Standardize
from guerdon.curricula.truncated import DropTruncated
from guerdon.objective import Objective
from guerdon.objectives.aggregation import SeqMeanTokenMean, TokenMean
from guerdon.objectives.reinforce import Reinforce
from guerdon.objectives.row_weight import MaskWhere


def two_responses():
    """Two responses of 2 and 3 tokens with rewards 1 and 0; the second one is cut off."""
    columns = {"traj.truncated": torch.tensor([False, True]), "traj.reward": torch.tensor([1.0, 0.0])}
    return batch_of([2], tokens_per_step=[2, 3], columns=columns)


def test_a_dropped_response_is_in_no_statistic():
    batch = two_responses()
    assert DropTruncated()(batch).tolist() == [True, False]
    batch = batch.select("traj", DropTruncated()(batch))
    assert Standardize(scale="none", singleton="zero")(batch)["traj.advantage"].tolist() == [0.0]


def test_a_masked_response_is_in_the_statistics_and_not_in_the_loss():
    batch = two_responses()
    batch = batch.with_columns(MaskWhere("traj.truncated")(batch))
    batch = batch.with_columns(Standardize(scale="none")(batch))
    assert batch["traj.advantage"].tolist() == [0.5, -0.5]
    for aggregation in (TokenMean(), SeqMeanTokenMean()):
        objective = Objective(Reinforce(), aggregation)
        logprob = torch.zeros(5, requires_grad=True)
        loss, _ = objective(objective.prepare(batch.with_columns({"action.logprob": logprob})), {})
        loss.backward()
        # The normaliser counts the two trained tokens alone: -A / 2 each.
        assert logprob.grad is not None
        assert logprob.grad.tolist() == [-0.25, -0.25, 0.0, 0.0, 0.0]


@given(batches())
def test_exactly_the_truncated_trajectories_go(batch):
    truncated = torch.arange(batch.size("traj")) % 2 == 1
    batch = batch.with_columns({"traj.truncated": truncated, "traj.number": torch.arange(batch.size("traj"))})
    kept = batch.select("traj", DropTruncated()(batch))
    assert kept["traj.number"].tolist() == list(range(0, batch.size("traj"), 2))
