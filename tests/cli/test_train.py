"""Training, resuming, evaluating and scoring from the command line."""

import json

import pytest

from guerdon import cli
from guerdon.advantages.standardize import Standardize
from guerdon.objective import Objective
from guerdon.objectives.nll import NLL
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.recipe import Recipe
from guerdon.rollouts.demonstrations import Demonstrations
from guerdon.runs.checkpoint import latest
from guerdon.runs.policy import is_run, load_policy
from guerdon.update import Update

GROUPED = Recipe(Objective(PPOClip()), advantage=(Standardize(),), update=Update(lr=0.1, minibatches=2))
SPELL = "spell_backward:test_size=8,train_size=64,min_word_len=3,max_word_len=3"
SMALL = "tiny_lm:width=16,layers=1,heads=2"


@pytest.fixture
def grouped(tmp_path):
    GROUPED.save(tmp_path / "grouped.json")
    return str(tmp_path / "grouped.json")


def run(capsys, *words: str) -> str:
    code = cli.main(list(words))
    out, error = capsys.readouterr()
    assert code == 0, error
    return out


def fail(capsys, *words: str, code: int = 2) -> str:
    assert cli.main(list(words)) == code
    return capsys.readouterr().err


def test_train_resume_and_refuse(grouped, tmp_path, capsys):
    out = tmp_path / "run"
    words = ["train", grouped, "--task", "tree", "--rollout.prompts", "4", "--steps", "3", "--out", str(out), "--json"]
    printed = json.loads(run(capsys, *words))
    assert printed["steps"] == 3 and printed["metrics"]["groups"] == 4.0
    assert is_run(out)
    printed = json.loads(run(capsys, "train", "--resume", str(out), "--steps", "5", "--json"))
    assert printed["steps"] == 5
    straight = tmp_path / "straight"
    run(capsys, *words[:-5], "--steps", "5", "--out", str(straight), "--json")
    resumed, whole = latest(out / "checkpoints"), latest(straight / "checkpoints")
    assert resumed and whole and resumed[1]["policy"]["logits"].equal(whole[1]["policy"]["logits"])
    assert "must not hold a run yet" in fail(capsys, *words)
    assert "so it takes no --task" in fail(capsys, "train", "--resume", str(out), "--task", "tree")
    assert load_policy(out).logits.equal(resumed[1]["policy"]["logits"])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "leaves its task open; name one with --task"),
        (["--task", "tre"], "a task must be one that guerdon has, got 'tre'; did you mean tree?"),
        (
            ["--task", "tree", "--stpes", "3"],
            "the recipe has no flag --stpes: Recipe has no field 'stpes'; did you mean --steps?",
        ),
        (["--task", "tree", "--steps", "0"], "--steps must be at least 1, got 0"),
        (["--task", "tree", "--steps", "x"], "argument --steps: invalid int value: 'x'"),
        (["--task", "tree", "--device", "abacus"], "--device must be one that this machine has, got 'abacus'"),
        (["--task", "tree", "--advantage", "[]"], "reads 'action.advantage', which nothing upstream writes"),
        (["--variant", "plain"], "a recipe file has no variants"),
    ],
)
def test_a_run_that_cannot_work_is_refused_before_it_begins(grouped, tmp_path, capsys, words, sentence):
    assert sentence in fail(capsys, "train", grouped, *words, "--out", str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_the_recipe_comes_first(grouped, capsys):
    assert "must come first after `guerdon train`, got '--update.lr'" in fail(
        capsys, "train", "--update.lr", "1", grouped
    )
    assert "train needs a paper's id or a recipe file first" in fail(capsys, "train")


def test_a_setting_that_cannot_matter_is_warned_about(grouped, capsys):
    assert cli.main(["train", grouped, "--task", "tree", "--update.minibatches", "1", "--steps", "1", "--json"]) == 0
    assert (
        "warning: objective.surrogate (PPOClip) limits how far the policy is from the old one"
        in capsys.readouterr().err
    )


def test_what_a_run_is_too_short_for_and_what_is_noticed_while_it_goes_is_said(capsys):
    assert cli.main(["train", "recap", "--steps", "1", "--json"]) == 0
    assert "warning: advantage.1 (ProgressWeight) has no effect in this run" in capsys.readouterr().err
    assert cli.main(["train", "forking", "--task", "tree", "--steps", "2", "--json"]) == 0
    assert capsys.readouterr().err.count("warning: step 1: credit.0 (TopQuantile) kept every action") == 1


def test_a_paper_trains_on_a_task_of_another_family_and_says_what_it_exchanged(capsys):
    assert cli.main(["train", "grpo", "--task", "tree:depth=2", "--steps", "2", "--json"]) == 0
    out, said = capsys.readouterr()
    assert json.loads(out)["steps"] == 2
    assert said.startswith("warning: Sample does not sample TokenTree: the rollout is SampleTree\nwarning: Verifier")


def test_the_help_of_a_recipe_lists_its_flags(grouped, capsys):
    out = run(capsys, "train", grouped, "--task", "tree", "--help")
    assert "--advantage.0.eps float\n        Added to the standard deviation. (1e-06)" in out
    assert "--task.depth int" in out and "--policy.init_std float" in out


def test_supervised_then_rewarded_then_evaluated(grouped, tmp_path, capsys):
    Recipe(Objective(NLL()), rollout=Demonstrations(prompts=4), shaping=()).save(tmp_path / "supervised.json")
    first, second = str(tmp_path / "first"), str(tmp_path / "second")
    supervised = ["train", str(tmp_path / "supervised.json"), "--task", SPELL, "--policy", SMALL]
    run(capsys, *supervised, "--steps", "2", "--out", first, "--json")
    how = ["--rollout", "sample:prompts=2,samples_per_prompt=2", "--rollout.sampling.max_tokens", "4"]
    run(capsys, "train", grouped, "--policy", first, *how, "--steps", "2", "--out", second, "--json")
    found = json.loads(run(capsys, "eval", second, "--k", "1", "2", "--problems", "3", "--json"))
    assert set(found["pass_at"]) == {"1", "2"} and found["problems"] == 3 and found["samples"] == 2
    page = run(capsys, "report", first, second, "--out", str(tmp_path / "both.html")).strip()
    assert page.startswith(f"{tmp_path / 'both.html'}: ") and page.endswith(" 16 of 16 rollouts")
    assert "</html>" in (tmp_path / "both.html").read_text()
    assert "pass@1" in run(capsys, "eval", second, "--k", "1", "--problems", "2", "--max-tokens", "3")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nowhere/model"], "nowhere/model is no run, so name a task with --task"),
        (["."], ". must be a run folder or a model folder, but holds no run.json or config.json"),
        (["nowhere/model", "--k", "0"], "--k must be at least 1, got 0"),
        (["nowhere/model", "--problems", "0"], "--problems must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(words, sentence, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert sentence in fail(capsys, "eval", *words)
