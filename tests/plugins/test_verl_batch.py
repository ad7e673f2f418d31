"""verl's tensors <-> the batch, checked against plain loops over ragged batches; needs no verl."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from guerdon import GuerdonError
from guerdon.plugins import verl_batch


@st.composite
def tensors(draw: Any) -> tuple[torch.Tensor, list[str], torch.Tensor]:
    """A mask with gaps, uids in any order, rewards on any position."""
    rows, width = draw(st.integers(1, 6)), draw(st.integers(1, 7))
    bits = draw(st.lists(st.booleans(), min_size=rows * width, max_size=rows * width))
    uid = draw(st.lists(st.sampled_from("abc"), min_size=rows, max_size=rows))
    numbers = draw(st.lists(st.sampled_from([0.0, 0.0, 1.0, -0.5]), min_size=rows * width, max_size=rows * width))
    return torch.tensor(bits).reshape(rows, width), uid, torch.tensor(numbers).reshape(rows, width)


def turns(row: list[bool]) -> list[list[int]]:
    """Unbroken runs of a mask, as positions."""
    runs: list[list[int]] = []
    for place, on in enumerate(row):
        if on and (place == 0 or not row[place - 1]):
            runs.append([])
        if on:
            runs[-1].append(place)
    return runs


@given(tensors())
def test_rows_turns_and_groups_are_those_of_a_plain_loop(drawn):
    mask, uid, _ = drawn
    batch = verl_batch.pack(mask, uid)
    first = list(dict.fromkeys(uid))
    order = [row for key in first for row in range(len(uid)) if uid[row] == key]
    assert batch[verl_batch.ROW].tolist() == order
    assert batch.index("traj", "group").tolist() == [first.index(uid[row]) for row in order]
    expected = [turns(mask[row].tolist()) for row in order]
    assert batch.size("step") == sum(map(len, expected))
    places = [[place for turn in runs for place in turn] for runs in expected]
    assert batch["token.place"].tolist() == [place for row in places for place in row]
    assert batch.index("token", "step").bincount().tolist() == [len(turn) for runs in expected for turn in runs]


@given(tensors())
def test_the_way_back_gives_what_was_packed(drawn):
    mask, uid, numbers = drawn
    batch = verl_batch.pack(mask, uid, {"token.old_logprob": numbers})
    assert torch.equal(verl_batch.unpack(batch, batch["token.old_logprob"]), numbers * mask)
    assert torch.equal(verl_batch.columns_of(batch)["old_log_probs"], numbers * mask)
    rows = verl_batch.unpack_rows(batch, batch[verl_batch.ROW])
    assert rows.tolist() == list(range(len(uid)))


@given(tensors())
def test_no_reward_is_lost_and_those_on_sampled_tokens_stay_there(drawn):
    mask, uid, numbers = drawn
    batch = verl_batch.with_rewards(verl_batch.pack(mask, uid), numbers)
    assert torch.equal(verl_batch.unpack_rows(batch, batch["traj.reward"]), numbers.sum(1))
    placed = verl_batch.unpack(batch, batch["token.reward"])
    expected = torch.zeros_like(numbers)
    for row, on in enumerate(mask.tolist()):
        sampled = [place for place, kept in enumerate(on) if kept]
        for place, value in enumerate(numbers[row].tolist()):
            if sampled:
                expected[row, max([s for s in sampled if s <= place], default=sampled[0])] += value
    assert torch.equal(placed, expected)


@given(tensors())
def test_nested_tensors_give_the_batch_of_padded_ones(drawn):
    mask, uid, numbers = drawn
    lengths = [max([place + 1 for place, on in enumerate(row) if on], default=1) for row in mask.tolist()]

    def ragged(values: torch.Tensor) -> torch.Tensor:
        rows = [values[row, :length] for row, length in enumerate(lengths)]
        return torch.nested.as_nested_tensor(rows, layout=torch.jagged)

    one = verl_batch.pack(ragged(mask.long()), uid, {"token.old_logprob": ragged(numbers)})
    two = verl_batch.pack(mask, uid, {"token.old_logprob": numbers})
    assert one.parent.keys() == two.parent.keys()
    assert all(torch.equal(one.parent[level], two.parent[level]) for level in one.parent)
    assert torch.equal(one["token.old_logprob"], two["token.old_logprob"])
    assert torch.equal(one["token.place"], two["token.place"])


def test_sequences_leave_the_padding_out():
    class Proto:
        batch = {
            "prompts": torch.tensor([[0, 7, 8], [9, 9, 9]]),
            "responses": torch.tensor([[1, 2, 0], [3, 0, 0]]),
            "attention_mask": torch.tensor([[0, 1, 1, 1, 1, 0], [1, 1, 1, 1, 0, 0]]),
            "response_mask": torch.tensor([[0, 1, 0], [1, 0, 0]]),
            "token_level_rewards": torch.tensor([[0.0, 1.0, 0.0], [0.5, 0.0, 0.0]]),
        }
        non_tensor_batch = {"uid": ["x", "x"]}

    batch = verl_batch.read(Proto())
    assert [ids.tolist() for ids in batch["traj.input_ids"]] == [[7, 8, 1, 2], [9, 9, 9, 3]]
    assert batch["token.position"].tolist() == [3, 3] and batch["token.id"].tolist() == [2, 3]
    assert all(int(ids[p]) == i for ids, p, i in zip(batch["traj.input_ids"], [3, 3], [2, 3], strict=True))
    assert batch["traj.reward"].tolist() == [1.0, 0.5] and batch.size("group") == 1


def test_components_follow_their_rows_and_missing_ones_are_unscored():
    batch = verl_batch.pack(torch.ones(3, 1), ["b", "a", "b"])
    out = verl_batch.with_components(batch, [{"f": 1.0}, {"f": None}, {"f": 3}], ["f"])
    assert out["traj.reward/f"].nan_to_num(-1).tolist() == [1.0, 3.0, -1.0]
    with pytest.raises(GuerdonError, match="must return 'g' beside its score, got f"):
        verl_batch.with_components(batch, [{"f": 1.0}] * 3, ["g"])


def test_bad_input_is_refused():
    with pytest.raises(GuerdonError, match="name the prompt of each of 2 responses, got 1"):
        verl_batch.pack(torch.ones(2, 1), ["a"])
    with pytest.raises(GuerdonError, match="must have a response_mask"):
        verl_batch.read({"responses": torch.ones(1, 1)})
    with pytest.raises(GuerdonError, match="the shape of response_mask"):
        verl_batch.with_rewards(verl_batch.pack(torch.ones(2, 1)), torch.ones(2, 2))
