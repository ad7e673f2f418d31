import math
from dataclasses import replace

import pytest
import torch

from guerdon.advantages.gae import GAE
from guerdon.advantages.whiten import Whiten
from guerdon.batch import Batch
from guerdon.errors import GuerdonError, RunStopped
from guerdon.loop import train
from guerdon.papers.ppo_control import RECIPE
from guerdon.programs.program import ProgramFailure
from guerdon.rewards.program import RewardProgram
from guerdon.rollouts.fixed_steps import FixedSteps
from guerdon.serial import from_json, to_json
from guerdon.update import Update

LEFT = """def compute_reward(push, angle):
    parts = {"left": 1.0 - push}
    return parts["left"] + 0.0 * angle, parts
"""
FIELDS = {"push": "step.action", "angle": "step.next_observation[2]"}
PIECE = RewardProgram(LEFT, FIELDS, components=("left",))


def episodes(**columns):
    """Two episodes, of two steps and of one."""
    values = {
        "step.action": torch.tensor([0, 1, 0]),
        "step.next_observation": torch.arange(12.0).reshape(3, 4),
        "step.reward": torch.ones(3),
        "traj.return": torch.tensor([2.0, 1.0]),
        "traj.reward/task": torch.tensor([2.0, 1.0]),
        **columns,
    }
    return Batch.build(values, traj_of_step=torch.tensor([0, 0, 1]), group_of_traj=torch.tensor([0, 1]))


def test_the_programs_total_is_the_reward_and_the_return_stays():
    batch = episodes()
    batch = batch.with_columns(PIECE(batch))
    assert batch["step.reward"].tolist() == [1, 0, 1] and batch["traj.reward/task"].tolist() == [1, 1]
    assert batch["traj.program/left"].tolist() == [0.5, 1] and batch["traj.return"].tolist() == [2, 1]
    assert batch["traj.reward_error"] == ["", ""]


def test_it_is_saved_and_loads_equal_and_writes_what_it_says():
    assert from_json(to_json(PIECE)) == PIECE
    assert set(PIECE(episodes())) == set(PIECE.writes)
    assert PIECE.reads == ("step.action", "step.next_observation")


def test_memory_begins_anew_in_every_episode():
    source = """def sparse(obs, mem):
    mem['n'] = mem.get('n', 0) + 1
    return mem['n'] > 1.5 and 1.0 or 0.0
def dense(obs, mem):
    return -obs.push
"""
    piece = replace(PIECE, source=source, form="sparse_dense", components=("sparse",), isolate=False)
    torch.testing.assert_close(piece(episodes())["step.reward"], torch.tensor([0.0, 0.9, 0.0]))


def test_failures_are_unscored_and_the_third_in_a_row_stops_the_run():
    piece = replace(PIECE, source=LEFT.replace("0.0 * angle", "angle.missing"), isolate=False)
    state = piece.init_state()
    columns = piece(episodes(), state)
    assert all(math.isnan(value) for value in columns["traj.reward/task"]) and set(columns) == set(piece.writes)
    assert all("task: dry_run" in reason and "missing" in reason for reason in columns["traj.reward_error"])
    piece(episodes(), state)
    PIECE(episodes(), state)
    assert int(state.count) == 0
    piece(episodes(), state)
    piece(episodes(), state)
    with pytest.raises(RunStopped, match="3 batches in a row, last at stage dry_run"):
        piece(episodes(), state)


@pytest.mark.parametrize(
    ("values", "stage"),
    [(float("nan"), "nonfinite"), (1e9, "nonfinite")],
)
def test_what_is_not_finite_or_too_large_is_unscored(values, stage):
    piece = replace(PIECE, source=LEFT.replace("0.0 * angle", "angle"), isolate=False)
    columns = piece(episodes(**{"step.next_observation": torch.full((3, 4), values)}))
    assert all(stage in reason for reason in columns["traj.reward_error"])


def test_a_missing_component_is_a_failure():
    piece = replace(PIECE, components=("right",), isolate=False)
    assert all("component right" in reason for reason in piece(episodes())["traj.reward_error"])


def test_no_steps_give_no_reward():
    empty = episodes().select("group", torch.tensor([False, False]))
    columns = PIECE(empty)
    assert len(columns["step.reward"]) == 0 and columns["traj.reward_error"] == []


def test_bad_fields_and_refused_programs_are_told_at_once():
    with pytest.raises(GuerdonError, match="stage ast"):
        RewardProgram("import os\n" + LEFT, FIELDS)
    with pytest.raises(GuerdonError, match="stage signature"):
        RewardProgram(LEFT)
    for place in ("action", "token.id", "step.action[x]", "run.step"):
        with pytest.raises(GuerdonError, match="must be"):
            RewardProgram(LEFT, {**FIELDS, "push": place})
    with pytest.raises(GuerdonError, match="entry of a row"):
        RewardProgram(LEFT, {**FIELDS, "push": "step.next_observation[4]"})(episodes())


def test_a_policy_learns_what_the_program_pays():
    recipe = replace(
        RECIPE,
        rewards=(PIECE,),
        rollout=FixedSteps(slots=4, horizon=32),
        advantage=(GAE(discount=0.0, lambda_=0.0), Whiten()),
        update=Update(lr=1e-2, epochs=4),
    )
    assert recipe.check() == []
    result = train(recipe, steps=8, seed=0)
    before, after = result.metrics[0], result.metrics[-1]
    assert before["program/left"] < 0.7 and after["program/left"] > 0.95
    assert after["return"] < 15 < before["return"], (
        "who pushes left only falls: the environment's own reward is not learned"
    )


def test_a_failure_has_its_stage_and_message():
    assert str(ProgramFailure("shape", "why")) == "shape: why"
