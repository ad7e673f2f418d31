import json
import math

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.runs.checkpoint import latest, load_checkpoint, prune, save_checkpoint, step_name, steps_in


def same(left, right) -> bool:
    if isinstance(left, torch.Tensor):
        return isinstance(right, torch.Tensor) and left.dtype == right.dtype and torch.equal(left, right)
    if isinstance(left, dict):
        return (
            isinstance(right, dict) and list(left) == list(right) and all(same(left[key], right[key]) for key in left)
        )
    if isinstance(left, (list, tuple)):
        return type(left) is type(right) and len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and (left == right or (left != left and right != right))


def test_a_tree_comes_back_as_it_was(tmp_path):
    weight = torch.randn(3, 2, dtype=torch.float64)
    state = {
        "policy": {"w": weight, "half": weight.bfloat16(), "none": torch.zeros(0, 4), "flag": torch.tensor(True)},
        "optimizer": {
            "state": {0: {"step": torch.tensor(3.0)}, 1: {}},
            "groups": [{"betas": (0.9, 0.999), "lr": 1e-3}],
        },
        "counters": {"step": 7, "best": -math.inf, "bad": math.nan, "name": "x", "$odd": None, "on": False},
    }
    path = save_checkpoint(tmp_path, 7, state)
    assert path.name == "step_000007"
    assert same(load_checkpoint(path), state)
    assert not [*tmp_path.glob(".partial*")]


def test_shared_and_overlapping_memory(tmp_path):
    tied = torch.arange(6.0).reshape(2, 3)
    state = {
        "a": tied,
        "b": tied,
        "t": tied.t(),
        "row": tied[1],
        "flat": tied.view(-1),
        "a/b": tied + 1,
        "x": {"y": tied * 2},
        "x/y": tied * 3,
    }
    loaded = load_checkpoint(save_checkpoint(tmp_path, 1, state))
    assert same(loaded, {name: value.contiguous() if name == "t" else value for name, value in state.items()})
    assert loaded["a"] is loaded["b"]


def test_the_newest_good_one_is_found_and_bad_ones_are_named(tmp_path):
    for step in (1, 2, 3, 4, 5):
        save_checkpoint(tmp_path, step, {"w": torch.full((100,), float(step))})
    flipped = tmp_path / step_name(5) / "tensors.safetensors"
    data = bytearray(flipped.read_bytes())
    data[-1] ^= 1
    flipped.write_bytes(data)
    (tmp_path / step_name(4) / "manifest.json").unlink()
    cut = tmp_path / step_name(3) / "state.json"
    cut.write_bytes(cut.read_bytes()[:-3])
    (tmp_path / ".partial-step_000006").mkdir()
    with pytest.warns(UserWarning) as caught:
        step, state = latest(tmp_path)
    assert step == 2 and state["w"][0] == 2
    assert len(caught) == 3
    assert "tensors.safetensors must be what its manifest says" in str(caught[0].message)


def test_no_checkpoint_at_all(tmp_path):
    assert latest(tmp_path / "nowhere") is None


def test_prune_keeps_the_newest_and_step_zero(tmp_path):
    for step in (0, 10, 20, 1_000_000, 30):
        save_checkpoint(tmp_path, step, {"w": torch.zeros(1)})
    prune(tmp_path, 2)
    assert list(steps_in(tmp_path)) == [0, 30, 1_000_000]


def test_saving_a_step_again_replaces_it(tmp_path):
    for value in (1.0, 2.0):
        save_checkpoint(tmp_path, 3, {"w": torch.tensor(value)})
    assert load_checkpoint(tmp_path / step_name(3))["w"] == 2
    assert [path.name for path in tmp_path.iterdir()] == [step_name(3)]


def test_what_cannot_be_saved_is_named(tmp_path):
    with pytest.raises(GuerdonError, match="got set at 'policy/names'"):
        save_checkpoint(tmp_path, 1, {"policy": {"names": {1}}})
    assert latest(tmp_path) is None


def test_another_format_is_refused(tmp_path):
    path = save_checkpoint(tmp_path, 1, {"w": torch.zeros(1)})
    manifest = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps({**manifest, "format": 2}))
    with pytest.raises(GuerdonError, match="of format 1, got 2"):
        load_checkpoint(path)
