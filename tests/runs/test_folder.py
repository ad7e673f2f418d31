import json
import math
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from run_toys import TOYS, ToyTable, toy_recipe
from test_tables import assert_same_batch

import guerdon.serial
from guerdon import train
from guerdon.errors import GuerdonError, RunInterrupted, RunStopped
from guerdon.loop import Trainer
from guerdon.runs.checkpoint import load_checkpoint, steps_in
from guerdon.runs.folder import RunFolder, cut_metrics
from guerdon.runs.reading import read_batch, read_run
from guerdon.runs.resume import resume
from guerdon.update import Update

TIMINGS = ("time/", "actions_per_s")


def untimed(metrics: list[dict[str, float]]) -> list[dict[str, float]]:
    return [{key: value for key, value in line.items() if not key.startswith(TIMINGS)} for line in metrics]


def weights(out: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(list(steps_in(out / "checkpoints").values())[-1])["policy"]


def assert_same_run(left: Path, right: Path) -> None:
    ours, theirs = weights(left), weights(right)
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert untimed(read_run(left).metrics) == untimed(read_run(right).metrics)
    assert read_run(left).rollout_steps == read_run(right).rollout_steps
    for step in read_run(left).rollout_steps:
        assert_same_batch(read_batch(left, step), read_batch(right, step))


@pytest.fixture
def toys(monkeypatch):
    """A catalogue that knows the toy pieces, as installed ones are known."""
    known = {**guerdon.serial.pieces(), **TOYS}
    monkeypatch.setattr(guerdon.serial, "pieces", lambda: known)


def test_a_run_folder_says_what_was_run_and_what_happened(tmp_path, toys):
    out, seen = tmp_path / "run", []
    result = train(
        toy_recipe(),
        steps=4,
        out=RunFolder(out, save_every=2, rollouts_every=3),
        observers=[lambda trainer, batch, metrics: seen.append(batch)],
    )
    run = read_run(out)
    assert run.recipe == toy_recipe() and run.facts["status"] == "finished" and run.facts["seed"] == 0
    assert (
        torch.__version__.startswith(run.facts["versions"]["torch"]) and run.facts["machine"]["cores"] == os.cpu_count()
    )
    assert [line["step"] for line in run.metrics] == [1, 2, 3, 4]
    assert [{k: v for k, v in line.items() if k != "step"} for line in run.metrics] == result.metrics
    assert run.rollout_steps == [1, 3, 4] and run.checkpoint_steps == [2, 4]
    stored = read_batch(out, 3)
    assert set(stored.columns) - set(seen[2].columns) == {"token.new_logprob", "token.new_entropy"}
    assert_same_batch(seen[2], replace(stored, columns={name: stored.columns[name] for name in seen[2].columns}))
    assert {"token.id", "traj.advantage", "action.ref_logprob"} <= {
        name.replace("token.ref", "action.ref") for name in read_batch(out, 3).columns
    }
    with pytest.raises(GuerdonError, match=r"a stored step \(1, 3, 4\), got 2"):
        read_batch(out, 2)


@pytest.mark.parametrize("stop", [1, 3, 6, 7])
def test_resuming_continues_bit_for_bit(tmp_path, toys, stop):
    train(toy_recipe(), steps=9, seed=5, out=tmp_path / "whole", save_every=4)

    def fall(trainer: Trainer, batch, metrics) -> None:
        if trainer.step == stop:
            raise OSError("the disk is full")

    with pytest.raises(OSError):
        train(toy_recipe(), steps=9, seed=5, out=tmp_path / "parts", save_every=2, observers=[fall])
    assert read_run(tmp_path / "parts").facts["status"] == "failed"
    torch.manual_seed(stop)
    resumed = resume(tmp_path / "parts")
    assert_same_run(tmp_path / "whole", tmp_path / "parts")
    assert len(resumed.metrics) == 9
    assert read_run(tmp_path / "parts").facts["status"] == "finished"


def test_a_policy_handed_over_is_rebuilt_with_its_weights_and_reference(tmp_path, toys):
    warm = {name: train(toy_recipe(), steps=3, seed=1).policy for name in ("whole", "parts")}
    assert warm["whole"].origin is not None and warm["whole"].origin.spec == ToyTable()
    recipe = replace(toy_recipe(), policy=None)
    train(recipe, steps=5, policy=warm["whole"], out=tmp_path / "whole")

    def fall(trainer: Trainer, batch, metrics) -> None:
        if trainer.step == 3:
            raise OSError

    start = {name: value.clone() for name, value in warm["parts"].state_dict().items()}
    with pytest.raises(OSError):
        train(recipe, steps=5, policy=warm["parts"], out=tmp_path / "parts", observers=[fall], save_every=2)
    resume(tmp_path / "parts")
    assert_same_run(tmp_path / "whole", tmp_path / "parts")
    kept = load_checkpoint(tmp_path / "parts" / "checkpoints" / "step_000000")
    assert all(torch.equal(kept["policy"][name], start[name]) for name in start)
    assert all(torch.equal(kept["snapshots"]["ref"][name], start[name]) for name in start)
    assert read_run(tmp_path / "parts").recipe.policy == ToyTable()


def test_a_policy_built_by_hand_needs_a_spec_only_for_a_folder(tmp_path):
    recipe = replace(toy_recipe(), policy=None)
    policy = ToyTable().build(recipe.task, frozenset(), Trainer(toy_recipe(), steps=1).stream)
    assert len(train(recipe, steps=1, policy=policy).metrics) == 1
    with pytest.raises(GuerdonError, match=r"set Recipe\.policy to the spec"):
        train(recipe, steps=1, policy=policy, out=tmp_path / "run")
    assert len(train(toy_recipe(), steps=1, policy=policy, out=tmp_path / "run").metrics) == 1


def test_a_run_may_be_made_longer_and_resuming_a_finished_one_does_nothing(tmp_path):
    recipe = toy_recipe(update=Update(lr=0.05))
    train(recipe, steps=6, out=tmp_path / "whole")
    train(recipe, steps=4, out=tmp_path / "parts")
    before = weights(tmp_path / "parts")
    assert len(train(recipe, steps=4, out=tmp_path / "parts", resume=True).metrics) == 4
    assert torch.equal(before["logits"], weights(tmp_path / "parts")["logits"])
    train(recipe, steps=6, out=tmp_path / "parts", resume=True)
    assert torch.equal(weights(tmp_path / "whole")["logits"], weights(tmp_path / "parts")["logits"])


def test_a_folder_is_not_written_over(tmp_path):
    train(toy_recipe(), steps=1, out=tmp_path / "run")
    with pytest.raises(GuerdonError, match="pass resume=True to go on with it"):
        train(toy_recipe(), steps=1, out=tmp_path / "run")
    other = toy_recipe(update=Update(lr=0.5))
    with pytest.raises(GuerdonError, match=r"recipe\.update\.lr was 0\.05 and is 0\.5"):
        train(other, steps=1, out=tmp_path / "run", resume=True)
    with pytest.raises(GuerdonError, match="seed was 0 and is 1"):
        train(toy_recipe(), steps=1, seed=1, out=tmp_path / "run", resume=True)
    mine = tmp_path / "mine"
    (mine / "checkpoints").mkdir(parents=True)
    with pytest.raises(GuerdonError, match="holds checkpoints, which no run wrote"):
        train(toy_recipe(), steps=1, out=mine)


def test_a_run_may_be_thrown_away_for_a_new_one(tmp_path):
    out = tmp_path / "run"
    train(toy_recipe(), steps=3, out=RunFolder(out, save_every=1))
    (out / "report.html").write_text("old")
    train(toy_recipe(), steps=2, seed=1, out=RunFolder(out, replace=True))
    run = read_run(out)
    assert len(run.metrics) == 2 and run.checkpoint_steps == [2] and run.facts["seed"] == 1
    assert run.rollout_steps == [1, 2] and not (out / "report.html").exists()
    resumed = train(toy_recipe(), steps=3, seed=1, out=RunFolder(out, replace=True), resume=True)
    assert len(resumed.metrics) == 3, "a resume goes on all the same"


def test_one_run_at_a_time(tmp_path):
    def second(trainer: Trainer, batch, metrics) -> None:
        with pytest.raises(GuerdonError, match="one run at a time"):
            train(toy_recipe(), steps=2, out=tmp_path / "run", resume=True)

    train(toy_recipe(), steps=2, out=tmp_path / "run", observers=[second])


def test_the_reason_of_a_stop_is_kept(tmp_path):
    with pytest.raises(RunStopped):
        train(toy_recipe(update=Update(lr=1e30, max_grad_norm=None)), steps=50, out=tmp_path / "run")
    facts = read_run(tmp_path / "run").facts
    assert facts["status"] == "stopped" and "finite" in facts["reason"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_finishes_the_step_and_saves(tmp_path, number, capsys):
    def press(trainer: Trainer, batch, metrics) -> None:
        if trainer.step == 3:
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    with pytest.raises(RunInterrupted, match="stopped after step 4 of 9, all of it saved; go on with"):
        train(toy_recipe(), steps=9, seed=5, out=tmp_path / "parts", observers=[press])
    assert signal.getsignal(number) is before
    run = read_run(tmp_path / "parts")
    assert run.facts["status"] == "interrupted" and run.checkpoint_steps == [4] and len(run.metrics) == 4
    assert "finishing this step" in capsys.readouterr().err
    train(toy_recipe(), steps=9, seed=5, out=tmp_path / "parts", resume=True)
    train(toy_recipe(), steps=9, seed=5, out=tmp_path / "whole")
    assert_same_numbers(tmp_path / "whole", tmp_path / "parts")


def assert_same_numbers(left: Path, right: Path) -> None:
    assert torch.equal(weights(left)["logits"], weights(right)["logits"])
    assert untimed(read_run(left).metrics) == untimed(read_run(right).metrics)


def test_a_second_ctrl_c_stops_at_once(tmp_path, capsys):
    def press(trainer: Trainer, batch, metrics) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(toy_recipe(), steps=9, out=tmp_path / "run", observers=[press])
    assert read_run(tmp_path / "run").facts["status"] == "interrupted"


def test_torn_and_surplus_lines_of_the_log_are_cut(tmp_path):
    log = tmp_path / "metrics.jsonl"
    log.write_text('{"step": 1, "a": null}\n{"step": 2, "a": 2.0}\n{"step": 3, "a": 3.0}\n{"step": 4, "a"')
    (first, second) = cut_metrics(log, 2)
    assert math.isnan(first["a"]) and second == {"a": 2.0}
    assert [json.loads(line) for line in log.read_text().splitlines()] == [
        {"step": 1, "a": None},
        {"step": 2, "a": 2.0},
    ]
    with pytest.raises(GuerdonError, match="one line for each of the steps 1 to 3, got 2"):
        cut_metrics(log, 3)


def test_bad_options_are_refused(tmp_path):
    with pytest.raises(GuerdonError, match="save_every must be at least 1, got 0"):
        train(toy_recipe(), steps=1, out=tmp_path, save_every=0)
    with pytest.raises(GuerdonError, match="must be a run folder"):
        resume(tmp_path / "nowhere")


@pytest.mark.parametrize(("kind", "least"), [("table", 5), ("language", 2)])
def test_killed_at_random_moments_a_run_ends_as_if_it_never_was(tmp_path, kind, least):
    if kind == "language":
        pytest.importorskip("reasoning_gym")
    here = Path(__file__).parent
    paths = os.pathsep.join([str(here), str(here.parents[1] / "src")])
    command = [sys.executable, str(here / "kill_target.py"), str(tmp_path), kind]
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    kills = json.loads(done.stdout)
    assert len(kills) >= least and len({kill["step"] for kill in kills}) >= least - 1
    if kind == "table":
        assert 0 < sum(kill["writing"] for kill in kills) < len(kills), "kills inside and outside of a write"
    assert read_run(tmp_path / "killed").facts["status"] == "finished"
    assert_same_run(tmp_path / "whole", tmp_path / "killed")


def test_an_observer_may_end_a_run_early_and_what_it_reached_is_saved(tmp_path):
    def enough(trainer: Trainer, batch, metrics) -> None:
        if trainer.step == 3:
            trainer.steps = 3

    result = train(toy_recipe(), steps=9, out=tmp_path / "run", observers=[enough])
    run = read_run(tmp_path / "run")
    assert len(result.metrics) == 3 and run.checkpoint_steps == [3]
    assert run.facts["steps"] == 3 and run.facts["status"] == "finished"
    assert torch.equal(weights(tmp_path / "run")["logits"], result.policy.state_dict()["logits"])
