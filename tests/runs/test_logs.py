"""What logs are made of, and which are chosen."""

import importlib
import subprocess
import sys

import pytest
from run_toys import toy_recipe

from guerdon import cli
from guerdon.errors import GuerdonError
from guerdon.loop import Trainer
from guerdon.papers._bench import ragged
from guerdon.runs import logs
from guerdon.serial import to_json


def test_trees_become_flat_settings():
    tree = {"a": {"b": [1, {"c": True}], "d": None, "e": []}, "f": "x"}
    assert logs.flat(tree) == {"a.b.0": 1, "a.b.1.c": True, "f": "x"}


def test_settings_are_the_recipe_as_it_is_saved(monkeypatch):
    trainer = Trainer(toy_recipe(), steps=3, seed=5)
    assert logs.settings_of(trainer) == {"recipe": to_json(trainer.recipe), "seed": 5, "steps": 3, "device": "cpu"}

    def refuse(recipe):
        raise GuerdonError("no")

    monkeypatch.setattr(logs, "to_json", refuse)
    assert logs.settings_of(trainer)["recipe"].startswith("Recipe(")


def test_samples_are_of_as_many_prompts_as_there_are():
    texts = [f"said {n}" for n in range(5)]
    batch = ragged([[1.0, 2.0, 3.0], [4.0, 5.0]], columns={"traj.response": texts, "group.prompt": ["p", "q" * 3000]})
    found = logs.samples_of(batch, 3)
    assert [sample["response"] for sample in found] == ["said 0", "said 1", "said 3"]
    assert [sample["prompt"][:2] for sample in found] == ["p", "p", "qq"] and len(found[2]["prompt"]) == logs.LONGEST
    assert [sample["reward"] for sample in found] == [1.0, 2.0, 4.0]
    assert len(logs.samples_of(batch, 9)) == 5 and logs.samples_of(ragged([[1.0]]), 3) == []


def without(monkeypatch, package: str) -> None:
    real = importlib.import_module

    def gone(name, *rest):
        if name == package:
            raise ModuleNotFoundError(name=name)
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", gone)


@pytest.mark.parametrize("package", ["tensorboard", "wandb"])
def test_a_missing_package_is_one_sentence(package, monkeypatch, tmp_path):
    without(monkeypatch, package)
    with pytest.raises(GuerdonError, match=rf"needs the package {package}; pip install 'guerdon\[{package}\]'"):
        logs.log_of(package, tmp_path)


def test_specs(monkeypatch, tmp_path):
    monkeypatch.setattr(logs, "need", lambda package, owner: None)
    monkeypatch.setattr("guerdon.runs.tensorboard_log.need", lambda package, owner: None)
    monkeypatch.setattr("guerdon.runs.wandb_log.need", lambda package, owner: None)
    assert logs.log_of("tensorboard", tmp_path).folder == tmp_path / "tensorboard"
    assert logs.log_of("tensorboard:elsewhere", None).folder == "elsewhere"
    assert logs.log_of("wandb:me/sums", tmp_path).project == "me/sums" and logs.log_of("wandb", None).project is None
    with pytest.raises(GuerdonError, match="must be tensorboard or wandb, got 'tensorbord'; did you mean tensorboard"):
        logs.log_of("tensorbord", tmp_path)
    with pytest.raises(GuerdonError, match="name one with --out"):
        logs.log_of("tensorboard", None)
    # A resume goes on with what the folder holds, unless the same is asked for.
    (tmp_path / "tensorboard").mkdir()
    (tmp_path / "wandb.json").write_text("{}")
    chosen = logs.logs_of(["wandb:other"], tmp_path, resumed=True)
    assert [type(log).__name__ for log in chosen] == ["WandB", "TensorBoard"] and chosen[0].project == "other"
    assert logs.logs_of([], tmp_path) == []


def test_a_resume_without_the_package_goes_on_with_a_warning(monkeypatch, tmp_path):
    (tmp_path / "wandb.json").write_text("{}")
    without(monkeypatch, "wandb")
    with pytest.warns(UserWarning, match="goes on without its log: WandB needs the package wandb"):
        assert logs.logs_of([], tmp_path, resumed=True) == []


def test_the_command_line_refuses_a_log_before_it_trains(capsys, tmp_path):
    words = ["train", "grpo", "--task", "tree", "--steps", "1"]
    assert cli.main([*words, "--log", "mlflow"]) == 2
    assert "--log must be tensorboard or wandb, got 'mlflow'" in capsys.readouterr().err


def test_the_tools_are_not_imported_with_the_adapters():
    code = "import guerdon.runs, sys; print({'wandb', 'tensorboard'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"
