import math

import pytest
import torch
from torch import Tensor

from guerdon.errors import GuerdonError
from guerdon.rollouts.sampler import LocalSampler, Sampling, draw, truncate, uniform

ROWS = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()


class Letters:
    """Ids 0..25 are letters, 26 ends, 27 pads."""

    eos_id, pad_id, vocab_size = 26, 27, 28

    def encode(self, text: str) -> list[int]:
        return [ord(letter) - 97 for letter in text]

    def decode(self, ids: list[int]) -> str:
        return "".join(chr(97 + i) for i in ids if i < 26)


class Alphabet:
    """A language model that always continues the alphabet, and ends after ``z``; logits count the rows decoded."""

    tokenizer, device = Letters(), torch.device("cpu")

    def __init__(self, sharpness: float = 50.0) -> None:
        self.sharpness, self.rows_decoded = sharpness, 0

    def prefill(self, prompts: list[Tensor]) -> "Alphabet":
        self.logits = self._next(torch.stack([prompt[-1] for prompt in prompts]))
        return self

    def _next(self, last: Tensor) -> Tensor:
        return self.sharpness * torch.nn.functional.one_hot((last + 1).clamp(max=26), 28).float()

    def keep(self, rows: Tensor) -> None:
        self.logits = self.logits[rows]

    def advance(self, tokens: Tensor) -> None:
        self.rows_decoded += len(tokens)
        self.logits = self._next(tokens)


def generate(model: Alphabet, prompts: list[str], repeats: int = 1, **how: object) -> list:
    ids = [torch.tensor(Letters().encode(prompt)) for prompt in prompts]
    seeds = torch.arange(len(prompts) * repeats)
    return LocalSampler(model).generate(ids, repeats, seeds, Sampling(**how))  # type: ignore[arg-type]


def test_responses_end_at_eos_and_leave_the_batch() -> None:
    model = Alphabet()
    out = generate(model, ["w", "a"], max_tokens=10)
    assert [c.text for c in out] == ["xyz", "bcdefghijk"]
    assert out[0].ids.tolist() == [23, 24, 25, 26] and not out[0].truncated and out[1].truncated
    assert model.rows_decoded == 3 * 2 + 6 * 1


def test_few_ended_rows_stay_until_it_is_worth_while():
    # 40 rows of which one ends: it goes on, unseen, and its completion ends where it ended.
    model = Alphabet()
    out = generate(model, ["x", *["a"] * 39], max_tokens=6)
    assert out[0].text == "yz" and len(out[0].ids) == 3 and not out[0].truncated
    assert all(c.text == "bcdefg" and c.truncated for c in out[1:])
    assert model.rows_decoded == 40 * 5


def test_rows_that_fill_gaps_keep_their_own_tokens():
    starts = "vawxbcuz"
    out = generate(Alphabet(), list(starts), max_tokens=9)
    alphabet = "abcdefghijklmnopqrstuvwxyz"
    assert [c.text for c in out] == [alphabet[alphabet.index(s) + 1 :][:9] for s in starts]


def test_uniform_numbers_of_a_range_are_those_of_its_positions():
    seeds = torch.tensor([5, -7, 2**61])
    together = uniform(seeds, range(62, 67))
    assert torch.equal(together, torch.stack([uniform(seeds, position) for position in range(62, 67)], dim=1))


def test_stop_strings_cut_the_text_but_not_the_tokens() -> None:
    out = generate(Alphabet(), ["a", "c"], max_tokens=20, stop=("ef", "zz"))
    assert [c.text for c in out] == ["bcd", "d"]
    assert [len(c.ids) for c in out] == [5, 3] and not any(c.truncated for c in out)


def test_a_response_depends_on_its_seed_alone() -> None:
    ids = [torch.tensor([3]), torch.tensor([9])]
    how = Sampling(max_tokens=12)
    seeds = torch.tensor([11, 12, 13, 14])
    together = LocalSampler(Alphabet(1.0)).generate(ids, 2, seeds, how)
    apart = [
        c
        for i in (0, 1)
        for c in LocalSampler(Alphabet(1.0)).generate(ids[i : i + 1], 2, seeds[2 * i : 2 * i + 2], how)
    ]
    assert all(
        torch.equal(a.ids, b.ids) and torch.equal(a.logprobs, b.logprobs) for a, b in zip(together, apart, strict=True)
    )
    assert len({tuple(c.ids.tolist()) for c in together}) == 4


def test_uniform_numbers_are_uniform_and_independent_of_their_neighbours() -> None:
    numbers = torch.stack([uniform(torch.arange(4000), position) for position in range(4)])
    assert bool(((numbers > 0) & (numbers < 1)).all())
    # 16000 numbers: mean within 4 standard errors, and no correlation between seeds or positions.
    assert abs(float(numbers.mean()) - 0.5) < 4 * math.sqrt(1 / 12 / 16000)
    correlation = torch.corrcoef(torch.cat([numbers, numbers.roll(1, 1)])) - torch.eye(8, dtype=torch.float64)
    assert float(correlation.abs().max()) < 4 / math.sqrt(4000)


def test_frequencies_match_the_distribution_and_logprobs_are_its_own() -> None:
    tokens, logprobs = draw(ROWS.expand(20000, 4), uniform(torch.arange(20000), 0), Sampling())
    frequency = torch.bincount(tokens, minlength=4) / 20000
    assert torch.allclose(frequency, ROWS.exp()[0], atol=4 * 0.5 / math.sqrt(20000))
    torch.testing.assert_close(logprobs, ROWS[0][tokens])


def test_truncation_golden_numbers() -> None:
    two = truncate(ROWS, Sampling(top_k=2)).exp()
    torch.testing.assert_close(two, torch.tensor([[0.625, 0.375, 0.0, 0.0]]))
    nucleus = truncate(ROWS, Sampling(top_p=0.79)).exp()
    torch.testing.assert_close(nucleus, torch.tensor([[0.625, 0.375, 0.0, 0.0]]))
    torch.testing.assert_close(truncate(ROWS, Sampling(top_p=0.4)).exp(), torch.tensor([[1.0, 0.0, 0.0, 0.0]]))
    torch.testing.assert_close(truncate(ROWS, Sampling()), ROWS)


def test_temperature_changes_the_distribution_and_zero_is_greedy() -> None:
    tokens, logprobs = draw(ROWS.expand(64, 4), uniform(torch.arange(64), 0), Sampling(temperature=0.5))
    expected = (2 * ROWS).log_softmax(-1)[0]
    torch.testing.assert_close(logprobs, expected[tokens])
    tokens, logprobs = draw(ROWS.expand(64, 4), uniform(torch.arange(64), 0), Sampling(temperature=0.0))
    assert not tokens.any() and not logprobs.any()


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(GuerdonError, match="0 < top_p <= 1"):
        Sampling(top_p=0.0)
