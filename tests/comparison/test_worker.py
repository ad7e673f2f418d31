"""One cell in this process; the process around it is tested in test_runner.py."""

import io
import json
from dataclasses import replace

import pytest

from guerdon.comparison.methods import read_method
from guerdon.comparison.worker import Job, Reporter, train_cell
from guerdon.runs.checkpoint import load_checkpoint
from guerdon.runs.policy import load_policy
from guerdon.runs.reading import read_run
from guerdon.serial import to_json

SPELL = "spell_backward:test_size=4,train_size=16,min_word_len=3,max_word_len=3"
LM = "tiny_lm:width=16,layers=1,heads=2"


def a_job(out, task="tree", policy=None, flags=(), **options) -> Job:
    recipe = read_method("grpo", [task], policy, [("update.lr", "0.1"), *flags]).recipes[0]
    known = {"steps": 4, "seed": 1, "device": "cpu", "save_every": 2, "rollouts_every": 0}
    return Job(recipe=to_json(recipe), out=str(out), **{**known, **options})


def train(job: Job) -> tuple[dict, list[dict]]:
    out = io.StringIO()
    end = train_cell(job, Reporter(out))
    return end, [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_cell_is_a_run_folder_and_reports_where_it_is(tmp_path):
    end, said = train(a_job(tmp_path / "run"))
    assert end == {"end": "finished", "reason": ""}
    assert said[0]["step"] == 1 and said[-1]["step"] == 4 and 0 <= said[-1]["reward"] <= 1
    run = read_run(tmp_path / "run")
    assert run.facts["seed"] == 1 and len(run.metrics) == 4 and run.metrics[0]["sampled_actions"] == 64


def test_a_finished_cell_is_not_trained_again(tmp_path):
    train(a_job(tmp_path / "run"))
    before = (tmp_path / "run" / "metrics.jsonl").stat().st_mtime_ns
    end, said = train(a_job(tmp_path / "run"))
    assert end["end"] == "finished" and not said
    assert (tmp_path / "run" / "metrics.jsonl").stat().st_mtime_ns == before


def test_a_run_that_stops_itself_says_why(tmp_path):
    # Nothing pays, so there is no gradient; the loop gives up after a hundred such steps.
    end, _ = train(a_job(tmp_path / "run", task="tree:correct=0", steps=110))
    assert end["end"] == "stopped" and "the gradient was 0 for 100 steps" in end["reason"]
    assert train(a_job(tmp_path / "run", task="tree:correct=0", steps=110))[0] == end


def test_what_goes_wrong_is_a_sentence(tmp_path, capfd):
    (tmp_path / "file").write_text("")
    end, _ = train(a_job(tmp_path / "file"))
    assert end["end"] == "failed" and "FileExistsError" in end["reason"]
    assert "Traceback" in capfd.readouterr().err
    train(a_job(tmp_path / "run"))
    (tmp_path / "run" / "run.json").write_text("{}")
    assert "must be of format" in train(a_job(tmp_path / "run"))[0]["reason"]


def test_an_evaluation_follows_and_is_made_up_for(tmp_path):
    pytest.importorskip("reasoning_gym")
    sampled = [("rollout.sampling.max_tokens", "4"), ("rollout.prompts", "2"), ("rollout.samples_per_prompt", "2")]
    job = a_job(tmp_path / "run", SPELL, LM, sampled, steps=1, evaluation={"problems": 4, "samples": 2})
    assert train(job)[0]["end"] == "finished"
    found = json.loads((tmp_path / "run" / "eval.json").read_text())["end"]
    assert found["problems"] == 4 and found["asked"] == {"problems": 4, "samples": 2} and "1" in found["pass_at"]
    (tmp_path / "run" / "eval.json").unlink()
    assert train(job) == ({"end": "finished", "reason": ""}, [])
    assert json.loads((tmp_path / "run" / "eval.json").read_text())["end"] == found


def test_a_cell_may_begin_from_the_policy_of_a_run(tmp_path):
    train(a_job(tmp_path / "first"))
    job = replace(a_job(tmp_path / "second", seed=2), policy=str(tmp_path / "first"))
    assert train(job)[0]["end"] == "finished"
    begun = load_checkpoint(tmp_path / "second" / "checkpoints" / "step_000000")["policy"]["logits"]
    assert begun.equal(load_policy(tmp_path / "first").logits)


def test_nobody_listening_is_no_reason_to_fail(tmp_path):
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    assert train_cell(a_job(tmp_path / "run"), Reporter(Gone()))["end"] == "finished"
