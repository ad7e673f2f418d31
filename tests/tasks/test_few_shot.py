import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.policies.linear import Linear
from guerdon.rng import Stream
from guerdon.rollouts.stored import Stored
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.few_shot import FewShot

TASK = FewShot(classes=3, shots=2, tests=200)


def test_splits_and_labels():
    assert TASK.pictures("train").tolist() == list(range(6)) and TASK.contexts == 1206
    assert TASK.labels()[TASK.pictures("shifted")][:4].tolist() == [0, 1, 2, 0]
    train, test, shifted = (TASK.features()[TASK.pictures(split)] for split in ("train", "test", "shifted"))
    assert train.shape == (6, 16)
    # The classes have the same means, moved by one direction of length 2 (features are divided by 4).
    moved = shifted.reshape(200, 3, 16).mean(0) - test.reshape(200, 3, 16).mean(0)
    assert moved.norm(dim=1).tolist() == pytest.approx([0.5] * 3, abs=0.12)
    cosine = torch.nn.functional.cosine_similarity(moved[:1], moved[1:])
    assert float(cosine.min()) > 0.85


def test_rewards_and_stored_labels():
    policy = Linear().build(TASK, frozenset(), Stream((0,)))
    pick = lambda count: list(range(count))  # noqa: E731
    batch = SampleTree(6, 20)(TASK, policy, pick, Stream((1,)))
    right = batch["token.id"] == TASK.labels()[batch["traj.problem_id"]]
    assert torch.equal(batch["traj.reward/task"], right.float())
    stored = Stored(6)(TASK, policy, pick, Stream((1,)))
    assert stored["token.id"].tolist() == [0, 1, 2, 0, 1, 2] and stored["traj.reward/task"].tolist() == [1.0] * 6


def test_bad_fields():
    with pytest.raises(GuerdonError, match="start in"):
        FewShot(start=2.0)
