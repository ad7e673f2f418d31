"""Cross entropy on leave-one-out scores."""

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.objectives.group_bce import GroupBCE
from guerdon.papers._bench import ragged


def columns(logprob: list[float]) -> dict[str, list[float]]:
    return {"token.logprob": logprob, "token.old_logprob": [0.0] * len(logprob)}


def test_values_by_hand() -> None:
    batch = ragged([[1.0, 0.0, 0.0]], [2, 1, 1], columns([0.2, 0.4, 0.3, -0.1]))
    psi = torch.tensor([0.6 - 0.1, 0.3 - 0.25, -0.1 - 0.45], dtype=torch.float64)
    weight = torch.tensor([1.5, 0.75, 0.75], dtype=torch.float64)
    sign = torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64)
    torch.testing.assert_close(GroupBCE()(batch).values, weight * torch.log1p(torch.exp(-sign * psi)))


def test_equal_outcomes_have_weight_one_and_unscored_rows_none() -> None:
    nan = float("nan")
    values = GroupBCE()(ragged([[1.0, nan, 1.0]], columns=columns([0.0, 9.0, 0.0]))).values
    torch.testing.assert_close(
        values, torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64) * torch.log(torch.tensor(2.0, dtype=torch.float64))
    )


def test_a_group_of_one_is_an_error() -> None:
    with pytest.raises(GuerdonError, match="2 or more scored responses"):
        GroupBCE()(ragged([[1.0]], columns=columns([0.0])))
