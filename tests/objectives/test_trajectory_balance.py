import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from guerdon.batch import Batch
from guerdon.objective import Objective
from guerdon.objectives.regression import HalfSquared
from guerdon.objectives.trajectory_balance import LogPartitionVariance, TrajectoryBalance
from guerdon.update import unit_of


def batch_of(
    logprob: list[float],
    backward: list[float],
    log_reward: list[float],
    log_z: list[float],
    steps: list[int],
    groups: list[int],
) -> Batch:
    number = lambda values: torch.tensor(values, dtype=torch.float64)  # noqa: E731
    return Batch.build(
        {
            "step.logprob": number(logprob),
            "step.backward_logprob": number(backward),
            "step.ref_logprob": number(backward) * 2,
            "traj.log_reward": number(log_reward),
            "group.log_z": number(log_z),
        },
        traj_of_step=torch.arange(len(steps)).repeat_interleave(torch.tensor(steps)),
        group_of_traj=torch.tensor(groups),
    )


HAND = batch_of([-1, -2, -3], [-0.5, 0, 0], [1, -1], [2, 3], [2, 1], [0, 1])
# Scores: -1 - 2 + .5 - 1 = -3.5 and -3 - 0 + 1 = -2; with log Z: -1.5 and 1.


def test_trajectory_balance_by_hand():
    rows = TrajectoryBalance()(HAND)
    assert rows.level == "traj" and rows.values.tolist() == [2.25, 1.0]
    assert rows.metrics["imbalance"].tolist() == [1.5, 1.0] and rows.metrics["log_z"].tolist() == [2.0, 3.0]


def test_other_regressions_and_no_backward_policy():
    assert TrajectoryBalance(regression=HalfSquared())(HAND).values.tolist() == [1.125, 0.5]
    assert TrajectoryBalance(backward=None)(HAND).values.tolist() == [4.0, 1.0]


def test_relative_trajectory_balance_takes_the_frozen_sampler_as_the_way_back():
    term = TrajectoryBalance(regression=HalfSquared(), backward="action.ref_logprob")
    assert "action.ref_logprob" in term.reads and "action.backward_logprob" not in term.reads
    assert term(HAND).values.tolist() == [0.5, 0.5]  # -3 + 1 - 1 + 2 = -1;  -3 + 1 + 3 = 1


def test_log_partition_variance_by_hand():
    rows = LogPartitionVariance()(HAND)
    assert rows.values.tolist() == [0.5625, 0.5625]  # scores -3.5 and -2 lie .75 from their mean
    assert rows.metrics["log_z"].tolist() == [2.75, 2.75]  # minus the mean score estimates log Z
    assert LogPartitionVariance(over="group")(HAND).values.tolist() == [0.0, 0.0]  # one path per group


def test_unscored_paths_cost_nothing_and_leak_no_nan():
    batch = HAND.with_columns({"traj.log_reward": torch.tensor([1.0, math.nan], dtype=torch.float64)})
    logprob = batch["step.logprob"].clone().requires_grad_()
    for term, expected in ((TrajectoryBalance(), [2.25, 0.0]), (LogPartitionVariance(), [0.0, 0.0])):
        rows = term(batch.with_columns({"step.logprob": logprob}))
        assert rows.values.tolist() == expected
        (slope,) = torch.autograd.grad(rows.values.sum(), logprob)
        assert bool(slope.isfinite().all()) and float(slope[2]) == 0.0


def test_what_may_not_be_split():
    class Stepwise:
        unit = "action"

    assert unit_of(Objective(TrajectoryBalance()), Stepwise()) == "traj"  # pyright: ignore[reportArgumentType]
    assert Objective(LogPartitionVariance()).unit == "batch"
    assert Objective(LogPartitionVariance(over="group")).unit == "group"


@settings(deadline=None, max_examples=30)
@given(
    steps=st.lists(st.integers(1, 5), min_size=1, max_size=6),
    shift=st.floats(-50, 50),
    seed=st.integers(0, 1000),
    over=st.sampled_from(["batch", "group"]),
)
def test_a_constant_on_every_score_moves_balance_but_not_variance(steps: list[int], shift: float, seed: int, over: str):
    noise = torch.Generator().manual_seed(seed)
    draw = lambda count: torch.randn(count, generator=noise).tolist()  # noqa: E731
    groups = [number // 2 for number in range(len(steps))]
    batch = batch_of(draw(sum(steps)), draw(sum(steps)), draw(len(steps)), draw(groups[-1] + 1), steps, groups)
    moved = batch.with_columns({"traj.log_reward": batch["traj.log_reward"] + shift})
    variance = LogPartitionVariance(over=over)  # pyright: ignore[reportArgumentType]
    torch.testing.assert_close(variance(moved).values, variance(batch).values, atol=1e-9, rtol=1e-9)
    both = moved.with_columns({"group.log_z": batch["group.log_z"] + shift})
    torch.testing.assert_close(
        TrajectoryBalance()(both).values, TrajectoryBalance()(batch).values, atol=1e-9, rtol=1e-9
    )
