"""The chunked head: the same numbers and gradients as the plain one, at any chunk size."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from guerdon.errors import GuerdonError
from guerdon.policies import linear_logprob as module
from guerdon.policies.linear_logprob import capped, linear_logprob, mean_logprob, plain_logprob


def case(rows, vocab=11, width=5, dtype=torch.float64, seed=0, bias=True):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(shape, generator=generator, dtype=dtype).requires_grad_()

    target = torch.randint(vocab, (rows,), generator=generator)
    return draw(rows, width), draw(vocab, width), target, draw(vocab) if bias else None


def test_golden_numbers():
    # h W^T = (0, ln 3) at temperature 1: p = (1/4, 3/4); at temperature ln 3 / ln 2: p = (1/3, 2/3).
    ln2, ln3 = torch.tensor(2.0).log(), torch.tensor(3.0).log()
    hidden, weight = torch.ones(2, 1), torch.stack([torch.zeros(1), ln3[None]])
    temperature = torch.stack([torch.ones(()), ln3 / ln2])
    logprob, entropy = linear_logprob(hidden, weight, torch.tensor([1, 0]), None, temperature, chunk_rows=1)
    torch.testing.assert_close(logprob, torch.tensor([0.75, 1 / 3]).log())
    torch.testing.assert_close(entropy, torch.stack([2 * ln2 - 0.75 * ln3, ln3 - 2 / 3 * ln2]))


@pytest.mark.parametrize("entropy", [True, False])
@pytest.mark.parametrize(("bias", "cap"), [(True, None), (False, None), (True, 1.5)])
def test_gradcheck(entropy, bias, cap):
    hidden, weight, target, offset = case(5, bias=bias)
    temperature = torch.tensor([0.5, 1.0, 2.0, 1.3, 0.9], dtype=torch.float64)

    def call(*tensors):
        hidden, weight, *rest = tensors
        result = linear_logprob(hidden, weight, target, rest[0] if bias else None, temperature, entropy, 2, cap)
        return tuple(value for value in result if value is not None)

    assert torch.autograd.gradcheck(call, (hidden, weight, offset) if bias else (hidden, weight))


@settings(deadline=None, max_examples=40)
@given(
    rows=st.integers(0, 9),
    chunk=st.integers(1, 10),
    seed=st.integers(0, 99),
    entropy=st.booleans(),
    cap=st.sampled_from([None, 2.0]),
)
def test_equals_plain_at_any_chunk_size(rows, chunk, seed, entropy, cap):
    results = []
    for chunked in (True, False):
        hidden, weight, target, bias = case(rows, seed=seed)
        temperature = torch.linspace(0.3, 2.0, rows)
        arguments = (hidden, weight, target, bias, temperature, entropy)
        logprob, row_entropy = linear_logprob(*arguments, chunk, cap) if chunked else plain_logprob(*arguments, cap)
        assert (row_entropy is None) == (not entropy)
        loss = (logprob * torch.arange(rows)).sum()
        if row_entropy is not None:
            loss = loss + (row_entropy * torch.arange(rows, 0, -1)).sum()
        loss.backward()
        results.append([logprob, hidden.grad, weight.grad, bias.grad] + ([row_entropy] if entropy else []))
    for ours, plain in zip(*results, strict=True):
        torch.testing.assert_close(ours, plain, atol=1e-11, rtol=1e-11)


@pytest.mark.parametrize("cap", [None, 2.0])
@pytest.mark.parametrize("chunk", [1, 3, None])
def test_the_mean_over_the_vocabulary_is_that_of_the_full_log_softmax(cap, chunk):
    hidden, weight, _, bias = case(7)
    temperature = torch.linspace(0.3, 2.0, 7, dtype=torch.float64)
    logits = capped(hidden @ weight.T + bias, cap) / temperature[:, None]
    got = mean_logprob(hidden, weight, bias, temperature, chunk, cap)
    torch.testing.assert_close(got, logits.log_softmax(-1).mean(-1).detach(), atol=1e-12, rtol=0)
    assert not got.requires_grad
    assert mean_logprob(hidden[:0], weight, bias).shape == (0,)
    with pytest.raises(GuerdonError, match="temperature must be positive"):
        mean_logprob(hidden, weight, bias, 0.0)


def test_fp32_above_the_plain_limit(monkeypatch):
    # Both automatic paths, and large logits: fp32 agrees with fp64 to 1e-5 relative to a scale of about 30.
    hidden, weight, target, bias = (t.detach() for t in case(300, vocab=997, width=40))
    exact, exact_entropy = plain_logprob(hidden, weight, target, bias)
    for limit in (0, 2**22):
        monkeypatch.setattr(module, "PLAIN_ELEMENTS", limit)
        monkeypatch.setattr(module, "CPU_BUDGET", 997 * 4 * 64)
        logprob, entropy = linear_logprob(hidden.float(), weight.float(), target, bias.float())
        assert logprob.dtype == torch.float32
        torch.testing.assert_close(logprob.double(), exact, atol=1e-5, rtol=1e-6)
        torch.testing.assert_close(entropy.double(), exact_entropy, atol=1e-5, rtol=1e-6)


def test_only_a_chunk_of_logits_exists():
    # The head sees at most chunk_rows rows at a time.
    seen = []
    original = module._Head.scores

    def spy(self, hidden, scale):
        seen.append(len(hidden))
        return original(self, hidden, scale)

    hidden, weight, target, bias = case(10)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module._Head, "scores", spy)
        linear_logprob(hidden, weight, target, bias, chunk_rows=4)[0].sum().backward()
    assert seen == [4, 4, 2] * 2


def test_frozen_weight_gets_no_gradient():
    hidden, weight, target, bias = case(6)
    logprob, _ = linear_logprob(hidden, weight.detach(), target, bias.detach(), entropy=False, chunk_rows=4)
    logprob.sum().backward()
    assert hidden.grad is not None and weight.grad is None and bias.grad is None


@pytest.mark.parametrize("chunk", [None, 3])
def test_bf16_autocast(chunk):
    # Under autocast the products are bf16 and everything else fp32, as autocast does for the plain computation.
    hidden, weight, target, bias = (
        t if t.dtype == torch.int64 else t.detach().float().requires_grad_() for t in case(8, vocab=50, width=32)
    )
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logprob, entropy = linear_logprob(hidden, weight, target, bias, chunk_rows=chunk)
    assert logprob.dtype == entropy.dtype == torch.float32
    (logprob.sum() + entropy.sum()).backward()
    assert hidden.grad.dtype == weight.grad.dtype == bias.grad.dtype == torch.float32
    exact, exact_entropy = plain_logprob(hidden.detach(), weight.detach(), target, bias.detach())
    assert not torch.equal(logprob, exact)
    torch.testing.assert_close(logprob, exact, atol=0.15, rtol=0)
    torch.testing.assert_close(entropy, exact_entropy, atol=0.15, rtol=0)


def test_bf16_weights_accumulate_in_fp32():
    # 4096 equal contributions, one row at a time: a bf16 running sum would stop growing at 256 of them.
    rows = 4096
    hidden = torch.ones(rows, 1, dtype=torch.bfloat16)
    weight = torch.zeros(2, 1, dtype=torch.bfloat16, requires_grad=True)
    logprob, _ = linear_logprob(hidden, weight, torch.zeros(rows, dtype=torch.int64), entropy=False, chunk_rows=1)
    logprob.sum().backward()
    assert weight.grad.dtype == torch.bfloat16
    assert weight.grad.flatten().tolist() == [rows / 2, -rows / 2]


def test_certain_rows_have_zero_entropy_and_finite_gradients():
    hidden = torch.tensor([[500.0], [-500.0]], requires_grad=True)
    weight = torch.tensor([[1.0], [-1.0], [0.0]])
    logprob, entropy = linear_logprob(hidden, weight, torch.tensor([0, 0]), chunk_rows=1)
    assert logprob.tolist() == [0.0, -1000.0] and entropy.tolist() == [0.0, 0.0]
    (logprob + entropy).sum().backward()
    assert hidden.grad.tolist() == [[0.0], [2.0]]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"weight": torch.zeros(4, 2)}, "with one H"),
        ({"target": torch.zeros(3)}, "target must be int64 of shape"),
        ({"target": torch.zeros(2, dtype=torch.int64)}, "target must be int64 of shape"),
        ({"bias": torch.zeros(5)}, "bias must have shape"),
        ({"temperature": 0.0}, "temperature must be positive, got 0.0"),
        ({"temperature": torch.ones(2)}, "temperature must be a number or have shape"),
        ({"chunk_rows": 0}, "chunk_rows must be at least 1"),
        ({"cap": 0.0}, "cap must be positive"),
    ],
)
def test_bad_input(change, sentence):
    good = {"hidden": torch.zeros(3, 5), "weight": torch.zeros(4, 5), "target": torch.zeros(3, dtype=torch.int64)}
    with pytest.raises(GuerdonError, match=sentence):
        linear_logprob(**{**good, **change})


def test_capped_golden_numbers():
    # Raw logits (0, 1e9) under a cap of ln 3 are (0, ln 3); at temperature 1/2 they are (0, ln 9).
    cap = torch.tensor(3.0).log().item()
    hidden, weight = torch.ones(1, 1), torch.tensor([[0.0], [1e9]])
    for chunk in (None, 1):
        logprob, _ = linear_logprob(hidden, weight, torch.tensor([1]), None, 0.5, chunk_rows=chunk, cap=cap)
        torch.testing.assert_close(logprob, torch.tensor([0.9]).log())


def test_agrees_with_cross_entropy():
    hidden, weight, target, bias = case(20, vocab=30)
    expected = -functional.cross_entropy(hidden @ weight.T + bias, target, reduction="none")
    torch.testing.assert_close(linear_logprob(hidden, weight, target, bias, chunk_rows=7)[0], expected)
