import pytest
import torch

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.policies.tiny_lm import TinyLanguageModel, TinyLM
from guerdon.policies.tokenizer import train_tokenizer
from guerdon.rng import Stream
from guerdon.rollouts.sample import pack
from guerdon.tasks.problem import Problem
from guerdon.tasks.token_tree import TokenTree


class Sums:
    """Twenty additions, prompts of three lengths."""

    def size(self, split: str) -> int:
        return 20

    def problem(self, split: str, number: int) -> Problem:
        return Problem(number, f"What is {7 ** (number % 3 + 1) * number} + {number}?", str(8 * number))

    def score(self, problem: Problem, response: str) -> float:
        return float(response == problem.answer)


@pytest.fixture(scope="module")
def policy() -> TinyLanguageModel:
    spec = TinyLM(width=16, layers=2, heads=2)
    return spec.build(Sums(), frozenset({"action.value"}), Stream((0,)))


def responses(policy: TinyLanguageModel) -> Batch:
    problems = [Sums().problem("train", number) for number in range(4)]
    prompts = [torch.tensor(policy.encode_prompt(problem)) for problem in problems]
    parts = [torch.tensor(policy.tokenizer.encode(text), dtype=torch.int64) for text in ("12", "345", "", "9")]
    return pack(problems, range(4), prompts, parts)


def test_logprobs_are_those_of_the_full_logits(policy: TinyLanguageModel) -> None:
    batch = responses(policy).with_columns({"traj.temperature": torch.tensor([1.0, 0.5, 1.0, 2.0])})
    out = policy.evaluate(batch, frozenset({"action.logprob", "action.entropy", "action.mean_logprob"}))
    expected, entropy, average = [], [], []
    for ids, temperature, start in zip(
        batch["traj.input_ids"],
        batch["traj.temperature"],
        [len(i) - n for i, n in zip(batch["traj.input_ids"], (2, 3, 0, 1), strict=True)],
        strict=True,
    ):
        states = policy.hidden(ids[None], torch.ones_like(ids[None], dtype=torch.bool))[0]
        logprobs = (states @ policy.embedding.weight.T / temperature).log_softmax(-1)
        for position in range(int(start), len(ids)):
            expected.append(logprobs[position - 1, ids[position]])
            entropy.append(-(logprobs[position - 1].exp() * logprobs[position - 1]).sum())
            average.append(logprobs[position - 1].mean())
    torch.testing.assert_close(out["action.logprob"], torch.stack(expected), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(out["action.entropy"], torch.stack(entropy), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(out["action.mean_logprob"], torch.stack(average), atol=1e-5, rtol=1e-5)


def test_padding_in_the_batch_does_not_change_a_row(policy: TinyLanguageModel) -> None:
    batch = responses(policy)
    together = policy.evaluate(batch, frozenset({"action.logprob", "action.value"}))
    alone = batch.select("traj", torch.tensor([True, False, False, False]))
    apart = policy.evaluate(alone, frozenset({"action.logprob", "action.value"}))
    torch.testing.assert_close(together["action.logprob"][:2], apart["action.logprob"], atol=1e-6, rtol=1e-5)
    assert apart["action.value"].shape == (2,)


def test_cached_decoding_equals_the_full_forward_pass(policy: TinyLanguageModel) -> None:
    generator = torch.Generator().manual_seed(0)
    prompts = [torch.randint(2, 200, (length,), generator=generator) for length in (3, 11, 7)]
    state = policy.prefill(prompts)
    sequences = list(prompts)
    for step in range(45):
        for row, ids in enumerate(sequences):
            full = (
                policy.hidden(ids[None], torch.ones_like(ids[None], dtype=torch.bool))[0, -1]
                @ policy.embedding.weight.T
            )
            torch.testing.assert_close(state.logits[row], full, atol=1e-4, rtol=1e-4)
        if step == 5:  # rows leave, repeat and change order
            rows = torch.tensor([2, 0, 0])
            state.keep(rows)
            sequences = [sequences[row] for row in rows.tolist()]
        tokens = torch.randint(2, 200, (len(sequences),), generator=generator)
        sequences = [torch.cat([ids, token[None]]) for ids, token in zip(sequences, tokens, strict=True)]
        state.advance(tokens)


def test_value_head_exists_only_when_wanted(policy: TinyLanguageModel) -> None:
    plain = TinyLM(width=16, layers=1, heads=2).build(Sums(), frozenset({"action.logprob"}), Stream((0,)))
    assert policy.value_head is not None and plain.value_head is None
    assert "action.value" not in plain.provides


def test_building_twice_gives_the_same_weights_and_vocabulary() -> None:
    spec = TinyLM(width=16, layers=1, heads=2)
    one, two = (spec.build(Sums(), frozenset(), Stream((3,))) for _ in range(2))
    assert one.tokenizer.tokenizer.to_str() == two.tokenizer.tokenizer.to_str()
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


def test_first_predictions_are_nearly_uniform(policy: TinyLanguageModel) -> None:
    logprob = policy.evaluate(responses(policy), frozenset({"action.logprob"}))["action.logprob"]
    assert (logprob + torch.tensor(float(policy.tokenizer.vocab_size)).log()).abs().max() < 2


def test_tokenizer_round_trips_what_it_never_saw() -> None:
    tokenizer = train_tokenizer([f"State the sum of {n} and {n + 1}." for n in range(50)], 300)
    for text in ("State the sum of 907 and 3.", "ünïcödé\n\t<eos>?", "  spaces  ", ""):
        assert tokenizer.decode(tokenizer.encode(text)) == text
    assert len(tokenizer.encode("1234")) == 4
    assert len(tokenizer.encode(" sum of")) == 2
    assert len(tokenizer.encode("summer")) == 6


def test_bad_sizes_and_tasks_are_refused() -> None:
    with pytest.raises(GuerdonError, match=r"TinyLM.width must be a multiple of 2 \* heads = 8, got 30"):
        TinyLM(width=30, heads=4)
    with pytest.raises(GuerdonError, match="needs a task made of problems"):
        TinyLM().build(TokenTree(), frozenset(), Stream((0,)))
