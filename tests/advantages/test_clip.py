import pytest
import torch

from guerdon.advantages.clip import ClipAdvantage
from guerdon.batch import Batch
from guerdon.errors import GuerdonError


def test_clips_both_ends_and_writes_what_it_reads():
    rows = torch.arange(3)
    batch = Batch.build({"step.score": torch.tensor([-9.0, 2.0, 9.0])}, traj_of_step=rows, group_of_traj=rows)
    piece = ClipAdvantage(limit=3.0, column="step.score")
    assert piece.reads == piece.writes == ("step.score",)
    assert piece(batch)["step.score"].tolist() == [-3.0, 2.0, 3.0]  # pyright: ignore[reportAttributeAccessIssue]


def test_limit_must_be_positive():
    with pytest.raises(GuerdonError, match="must be positive, got 0"):
        ClipAdvantage(limit=0.0)
