import pytest
import torch
from hypothesis import given
from strategies import batches

from guerdon import segment
from guerdon.credit.marked_weight import MarkedWeight
from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged


def weights(piece, lengths, columns):
    return piece(ragged([[0.0] * len(lengths)], lengths, columns))["action.marked_weight"].tolist()


def test_marks_by_column_and_by_id():
    expected = [1.5, 0.75, 0.75, 1, 1]
    marks = {"token.marked": [True, False, False, True, True]}
    assert weights(MarkedWeight(), [3, 2], marks) == pytest.approx(expected)
    assert weights(MarkedWeight(ids=(7, 8)), [3, 2], {"token.id": torch.tensor([7, 1, 2, 8, 7])}) == pytest.approx(
        expected
    )
    assert weights(MarkedWeight(1.0), [3, 2], marks) == [1] * 5


def test_masked_actions_do_not_count_and_an_empty_response_is_no_trouble():
    marks = {"token.marked": [True, False, False], "token.mask": [True, True, False]}
    got = weights(MarkedWeight(3.0), [3, 0], marks)
    assert got[:2] == pytest.approx([1.5, 0.5])
    none = {"token.marked": [True, False], "token.mask": [False, False]}
    assert weights(MarkedWeight(3.0), [2], none) == [3, 1]


@given(batches())
def test_weights_of_a_response_have_mean_1(batch):
    batch = batch.with_columns({"action.marked": batch["action.row"] % 3 == 0})
    got = MarkedWeight(4.0)(batch)["action.marked_weight"]
    index, size = batch.index("action", "traj"), batch.size("traj")
    mean = segment.mean(got, index, size)
    assert torch.allclose(mean, (segment.count(index, size) > 0).to(mean))


def test_bad_fields():
    with pytest.raises(GuerdonError, match=r"weight must be positive and finite, got 0\.0"):
        MarkedWeight(0.0)
