"""A run in TensorBoard, read back by TensorBoard."""

import os
import signal

import pytest

pytest.importorskip("tensorboard")

from run_toys import language_recipe, toy_recipe
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from test_folder import toys

from guerdon import cli, train
from guerdon.errors import GuerdonError, RunInterrupted
from guerdon.runs.folder import RunFolder
from guerdon.runs.reading import read_run
from guerdon.runs.resume import resume
from guerdon.runs.tensorboard_log import TensorBoard, _code

__all__ = ["toys"]


def events(folder) -> EventAccumulator:
    found = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
    found.Reload()
    return found


def scalars(folder, name: str) -> list[tuple[int, float]]:
    return [(event.step, event.value) for event in events(folder).Scalars(name)]


def text(folder, tag: str) -> str:
    return events(folder).Tensors(f"{tag}/text_summary")[0].tensor_proto.string_val[0].decode()


def expected(run, name: str) -> list[tuple[int, float]]:
    return [(int(line["step"]), pytest.approx(line[name], rel=1e-6)) for line in read_run(run).metrics]


def test_curves_recipe_and_rollouts(tmp_path):
    board = tmp_path / "run" / "tensorboard"
    train(language_recipe(), steps=3, out=tmp_path / "run", observers=[TensorBoard(board, samples_every=2, samples=2)])
    for name in ("reward", "loss", "reward/correct", "entropy"):
        assert scalars(board, name) == expected(tmp_path / "run", name)
    assert '"piece": "Recipe"' in text(board, "recipe") and '"seed": 0' in text(board, "recipe")
    assert "_hparams_/session_start_info" in events(board).PluginTagToContent("hparams")
    assert [event.step for event in events(board).Tensors("rollout/1/text_summary")] == [1, 2]
    assert text(board, "rollout/0").startswith("reward ")


def test_what_a_model_wrote_is_never_markdown():
    assert _code("<b>\n# x\r\n\x0b``` \u2028[y](z)") == "    <b>\n    # x\n    \n    ``` \n    [y](z)"
    assert _code("") == "    "


def test_a_resume_takes_back_what_lies_beyond_its_checkpoint(tmp_path, toys):
    run, board = tmp_path / "run", tmp_path / "run" / "tensorboard"

    def fall(trainer, batch, metrics):
        if trainer.step == 5:
            raise OSError("the machine is gone")

    with pytest.raises(OSError, match="gone"):
        train(toy_recipe(), steps=8, out=RunFolder(run, save_every=3), observers=[TensorBoard(board), fall])
    assert [step for step, _ in scalars(board, "reward")] == [1, 2, 3, 4, 5]
    resume(run, observers=[TensorBoard(board)])
    assert scalars(board, "reward") == expected(run, "reward") and len(list(board.iterdir())) == 2


def test_the_step_that_ctrl_c_came_in_is_logged(tmp_path, toys):
    run, board = tmp_path / "run", tmp_path / "run" / "tensorboard"

    def press(trainer, batch, metrics):
        if trainer.step == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(RunInterrupted):
        train(toy_recipe(), steps=9, out=run, observers=[press, TensorBoard(board)])
    assert scalars(board, "reward") == expected(run, "reward") and read_run(run).metrics[-1]["step"] >= 2
    resume(run, steps=5, observers=[TensorBoard(board)])
    assert [step for step, _ in scalars(board, "reward")] == [1, 2, 3, 4, 5]


def test_the_command_line_logs_and_goes_on_logging(tmp_path, capsys):
    run = tmp_path / "run"
    words = ["train", "grpo", "--task", "tree:depth=2", "--json"]
    assert cli.main([*words, "--steps", "2", "--out", str(run), "--log", "tensorboard"]) == 0
    assert cli.main(["train", "--resume", str(run), "--steps", "4", "--json"]) == 0
    assert [step for step, _ in scalars(run / "tensorboard", "reward")] == [1, 2, 3, 4]
    capsys.readouterr()


def test_a_run_that_is_replaced_takes_its_curves_along_and_no_others(tmp_path, toys):
    run = tmp_path / "run"
    other = run / "tensorboard" / "mine"
    other.mkdir(parents=True)
    train(toy_recipe(), steps=2, out=run, observers=[TensorBoard(run / "tensorboard")])
    assert other.exists()
    train(toy_recipe(), steps=1, out=RunFolder(run, replace=True))
    assert not (run / "tensorboard").exists()


def test_bad_settings(tmp_path):
    with pytest.raises(GuerdonError, match="samples_every >= 0 and samples >= 1, got -1 and 4"):
        TensorBoard(tmp_path, samples_every=-1)
