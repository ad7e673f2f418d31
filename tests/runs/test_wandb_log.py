"""A run in Weights & Biases: against a module that keeps what it is given, and against the package where it is."""

import json
import sys
from types import ModuleType

import pytest
from run_toys import language_recipe, toy_recipe
from test_folder import toys

from guerdon import train
from guerdon.errors import GuerdonError
from guerdon.runs.folder import RunFolder
from guerdon.runs.reading import read_run
from guerdon.runs.resume import resume
from guerdon.runs.wandb_log import WandB

__all__ = ["toys"]


class StandIn(ModuleType):
    """Keeps runs by id, as ``wandb.init``, ``Run.log``, ``Run.finish`` and ``Table`` are used; later steps only grow."""

    def __init__(self) -> None:
        super().__init__("wandb")
        self.inits: list[dict] = []
        self.history: dict[str, dict[int, dict]] = {}
        self.exits: list[int] = []

    def Table(self, columns, data):
        return {"columns": columns, "data": data}

    def init(self, **options):
        self.inits.append(options)
        return StandInRun(self, options["id"] or f"id{len(self.inits)}")


class StandInRun:
    def __init__(self, module: StandIn, name: str) -> None:
        self.id, self.module, self.rows = name, module, module.history.setdefault(name, {})

    def log(self, data, step):
        # A step that is not beyond the last one is dropped.
        if not self.rows or step > max(self.rows):
            self.rows[step] = data

    def finish(self, exit_code):
        self.module.exits.append(exit_code)


@pytest.fixture
def wandb(monkeypatch):
    module = StandIn()
    monkeypatch.setitem(sys.modules, "wandb", module)
    return module


def test_curves_config_and_rollouts(wandb, tmp_path):
    run = tmp_path / "run"
    train(
        language_recipe(), steps=3, out=run, observers=[WandB("me/sums", run, samples_every=2, options={"tags": ["x"]})]
    )
    (options,) = wandb.inits
    assert (options["entity"], options["project"], options["name"], options["tags"]) == ("me", "sums", "run", ["x"])
    assert options["config"]["recipe"] == read_run(run).facts["recipe"] and options["dir"] == str(run)
    assert options["resume"] == "allow" and wandb.exits == [0]
    rows = wandb.history["id1"]
    assert [rows[line["step"]]["reward"] for line in read_run(run).metrics] == [
        line["reward"] for line in read_run(run).metrics
    ]
    assert [step for step, row in rows.items() if "rollouts" in row] == [1, 2]
    assert rows[1]["rollouts"]["columns"] == ["prompt", "response", "reward"] and len(rows[1]["rollouts"]["data"]) == 4
    assert json.loads((run / "wandb.json").read_text()) == {"id": "id1", "project": "me/sums"}


def test_a_resume_goes_on_with_the_same_run(wandb, tmp_path, toys):
    run = tmp_path / "run"

    def fall(trainer, batch, metrics):
        if trainer.step == 5:
            raise OSError("the machine is gone")

    with pytest.raises(OSError, match="gone"):
        train(toy_recipe(), steps=8, out=RunFolder(run, save_every=3), observers=[WandB(folder=run), fall])
    resume(run, observers=[WandB(folder=run)])
    assert [options["id"] for options in wandb.inits] == [None, "id1"] and wandb.exits == [1, 0]
    assert wandb.inits[1]["project"] == "guerdon" and list(wandb.history) == ["id1"]
    rows = wandb.history["id1"]
    assert list(rows) == list(range(1, 9))
    assert [row["reward"] for row in rows.values()] == [line["reward"] for line in read_run(run).metrics]


def test_a_replaced_run_is_another_one(wandb, tmp_path, toys):
    run = tmp_path / "run"
    for _ in range(2):
        train(toy_recipe(), steps=1, out=RunFolder(run, replace=True), observers=[WandB(folder=run)])
    assert [options["id"] for options in wandb.inits] == [None, None]


def test_without_a_folder_nothing_is_kept(wandb, tmp_path, toys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train(toy_recipe(), steps=1, observers=[WandB()])
    assert list(tmp_path.iterdir()) == [] and wandb.inits[0]["dir"] is None


def test_bad_settings_and_a_bad_file(wandb, tmp_path, toys):
    with pytest.raises(GuerdonError, match="samples >= 1, got 10 and 0"):
        WandB(samples=0)
    run = tmp_path / "run"
    run.mkdir()
    (run / "wandb.json").write_text("[]")
    with pytest.raises(GuerdonError, match="must hold the id and project of a W&B run"):
        train(toy_recipe(), steps=1, observers=[WandB(folder=run)])
