import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.policies.tiny_lm import TinyLM
from guerdon.rng import Stream
from guerdon.rollouts.sampler import Completion, Sampling
from guerdon.rollouts.windowed import Unfinished, WindowedSample
from guerdon.tasks.worked_sum import WorkedSum

TASK = WorkedSum()
POLICY = TinyLM(width=16, layers=1, heads=2).build(TASK, frozenset(), Stream((0,)))
PIECE = WindowedSample(slots=6, window=2, sampling=Sampling(max_tokens=6))


class Picker:
    """Hands out problems in order and remembers how many were asked for."""

    def __init__(self):
        self.asked = []

    def __call__(self, count):
        self.asked.append(count)
        start = sum(self.asked[:-1])
        return list(range(start, start + count))


def test_unfinished_responses_go_on_with_new_tokens():
    state, pick = PIECE.init_state(), Picker()
    batches = [PIECE(TASK, POLICY, pick, Stream((step,)), state) for step in range(3)]
    assert {*PIECE.writes} == {*batches[0].columns} and pick.asked[0] == 6
    first, second, third = batches
    assert bool(first["token.fresh"].all())
    going = [row for row, done in enumerate(first["traj.finished"].tolist()) if not done]
    assert going and pick.asked[1] == 6 - len(going)
    for place, row in enumerate(going):
        old, new = first["traj.input_ids"][row], second["traj.input_ids"][place]
        assert new[: len(old)].tolist() == old.tolist() and 1 <= len(new) - len(old) <= 2
        rows = second.index("token", "traj") == place
        assert second["token.fresh"][rows].tolist() == [False] * 2 + [True] * (len(new) - len(old))
        before = first["token.behavior_logprob"][first.index("token", "traj") == row]
        assert torch.equal(second["token.behavior_logprob"][rows][:2], before)
        assert second["group.problem_id"][place] == first["group.problem_id"][row]
    # After three windows of 2 the budget of 6 is used up.
    full = third["traj.truncated"]
    assert bool(full.any()) and bool(third["traj.finished"][full].all())


def test_tokens_keep_the_logprob_of_the_policy_that_sampled_them():
    state = PIECE.init_state()
    for step in range(2):
        batch = PIECE(TASK, POLICY, Picker(), Stream((step,)), state)
    got = POLICY.evaluate(batch, frozenset({"action.logprob"}))["action.logprob"]
    torch.testing.assert_close(got.detach(), batch["token.behavior_logprob"], atol=1e-5, rtol=1e-5)


def test_a_response_that_ends_with_the_window_is_finished():
    policy = TinyLM(width=16, layers=1, heads=2).build(TASK, frozenset(), Stream((0,)))
    eos = policy.tokenizer.eos_id

    class Scripted:
        def generate(self, prompts, repeats, seeds, how):
            texts = ([5, eos], [5, 6], [eos])
            return [Completion(torch.tensor(ids), torch.zeros(len(ids)), "", ids[-1] != eos) for ids in texts]

    piece = WindowedSample(slots=3, window=2, sampling=Sampling(max_tokens=2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("guerdon.rollouts.windowed.make_sampler", lambda engine, policy: Scripted())
        batch = piece(TASK, policy, Picker(), Stream((0,)), piece.init_state())
        assert batch["traj.finished"].tolist() == [True, True, True]
        assert batch["traj.truncated"].tolist() == [False, True, False]
        longer = WindowedSample(slots=3, window=2, sampling=Sampling(max_tokens=4))
        state = longer.init_state()
        batch = longer(TASK, policy, Picker(), Stream((0,)), state)
    assert batch["traj.finished"].tolist() == [True, False, True]
    assert [row.ids.tolist() for row in state.rows] == [[5, 6]]


def test_the_state_survives_a_checkpoint():
    state = PIECE.init_state()
    PIECE(TASK, POLICY, Picker(), Stream((0,)), state)
    assert state.rows
    other = Unfinished()
    other.load_state_dict(state.state_dict())
    for kept, row in zip(other.rows, state.rows, strict=True):
        assert kept.number == row.number and torch.equal(kept.ids, row.ids) and torch.equal(kept.logprobs, row.logprobs)
    other.load_state_dict(Unfinished().state_dict())
    assert other.rows == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"slots": 0}, "slots and window of at least 1"),
        ({"window": 0}, "slots and window of at least 1"),
        ({"window": 5}, "must be a multiple of window, got 32 and 5"),
        ({"sampling": Sampling(stop=("x",))}, "stop must be empty"),
    ],
)
def test_bad_fields(fields, message):
    with pytest.raises(GuerdonError, match=message):
        WindowedSample(**fields)
