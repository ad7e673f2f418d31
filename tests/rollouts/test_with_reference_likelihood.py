"""Log-probs of reference answers after a response's own reasoning, against softmaxes worked out by hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from guerdon import Objective, Recipe, Update
from guerdon.advantages.standardize import Standardize
from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.loop import Trainer, train
from guerdon.objectives.nll import NLL
from guerdon.objectives.reinforce import Reinforce
from guerdon.objectives.row_weight import MaskWhere
from guerdon.piece import Origin, Pick, Rollout, TaskSpec
from guerdon.policies.language_model import LanguageModel
from guerdon.policies.tabular import Tabular
from guerdon.policies.tiny_lm import TinyLM
from guerdon.rewards.reference_likelihood import ReferenceLikelihood
from guerdon.rng import Stream
from guerdon.rollouts.demonstrations import Demonstrations
from guerdon.rollouts.sample import WRITES, Sample, pack
from guerdon.rollouts.sampler import Sampling
from guerdon.rollouts.tabular import SampleTree
from guerdon.rollouts.with_reference_likelihood import WithReferenceLikelihood, answer_logprobs, up_to
from guerdon.serial import from_json, to_json
from guerdon.tasks.problem import Problem
from guerdon.tasks.token_tree import TokenTree

STREAM = Stream((0,))


class Pieces:
    """Tokens are the words of a list; the longest one that fits comes first."""

    eos_id, pad_id = 1, 0

    def __init__(self, words: Sequence[str]) -> None:
        self.words = ["", "", *words]
        self.vocab_size = len(self.words)

    def encode(self, text: str) -> list[int]:
        ids = []
        while text:
            ids.append(max((n for n in range(2, len(self.words)) if text.startswith(self.words[n])), key=self._size))
            text = text[self._size(ids[-1]) :]
        return ids

    def _size(self, number: int) -> int:
        return len(self.words[number])

    def decode(self, ids: Sequence[int]) -> str:
        return "".join(self.words[number] for number in ids)


WORDS = ["a", "b", "c", ">", ">a"]
A, B, C, OPEN, OPEN_A = range(2, 7)


class Bigram(LanguageModel):
    """The next token depends on the last one alone: ``softmax(table[last])``."""

    def __init__(self, table: Tensor) -> None:
        super().__init__(len(table), frozenset())
        self.tokenizer, self.table = Pieces(WORDS), torch.nn.Parameter(table)

    def hidden(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return functional.one_hot(input_ids, len(self.table)).to(self.table.dtype)

    def head(self) -> tuple[Tensor, None]:
        return self.table.T, None

    def prefill(self, prompts: Sequence[Tensor]) -> Any:
        raise NotImplementedError


@dataclass(frozen=True)
class Given(TaskSpec):
    """Problems as they are handed over."""

    problems: tuple[Problem, ...] = (Problem(0, "a", "bc"), Problem(1, "cab", "a"))

    def size(self, split: str) -> int:
        return len(self.problems)

    def problem(self, split: str, number: int) -> Problem:
        return self.problems[number]

    def score(self, problem: Problem, response: str) -> float:
        return 0.0


@dataclass(frozen=True)
class Said(Rollout):
    """Responses that are given as token ids, equally many per problem."""

    responses: tuple[tuple[int, ...], ...] = ()

    writes = WRITES

    def __call__(self, task: Any, policy: Any, pick: Pick, stream: Stream) -> Batch:
        problems = [task.problem("train", number) for number in range(task.size("train"))]
        prompts = [torch.tensor(policy.encode_prompt(problem)) for problem in problems]
        parts = [torch.tensor(ids, dtype=torch.int64) for ids in self.responses]
        texts = [policy.tokenizer.decode(list(ids)) for ids in self.responses]
        return pack(problems, range(len(problems)), prompts, parts).with_columns({"traj.response": texts})


def first(count: int) -> list[int]:
    return list(range(count))


def by_hand() -> Bigram:
    table = torch.full((7, 7), 1 / 7)
    table[OPEN, B], table[OPEN, A], table[B, C], table[C, OPEN] = 3 / 7, 2 / 7, 4 / 7, 5 / 7
    return Bigram(table.log())


def test_the_numbers_of_a_softmax_worked_out_by_hand():
    # p(b | >) = 3/10, p(c | b) = 4/10, p(> | c) = 5/11, p(a | >) = 2/10: rows of weights over their sums.
    said = Said(responses=((A, OPEN, A, A), (C, C), (OPEN, C, 1), ()))
    piece = WithReferenceLikelihood(said, opening=">", bare=True)
    batch = piece(Given(), by_hand(), first, STREAM)
    found = batch["traj.reference_likelihood"]
    assert found[0].exp().tolist() == pytest.approx([0.3, 0.4])
    assert found[2].exp().tolist() == pytest.approx([0.2])
    assert [len(found[row]) for row in (1, 3)] == [0, 0]
    assert [prior.exp().tolist() for prior in batch["group.reference_prior"]] == [
        pytest.approx(x) for x in ([0.3, 0.4], [0.2])
    ]
    assert not found[0].requires_grad
    # What stands behind the opening is the response's own answer; without one nothing is.
    assert batch["token.own_answer"].tolist() == [False, False, True, True, False, False, False, True, True]
    assert set(batch.columns) == set(piece.writes)
    product = ReferenceLikelihood()(batch)["traj.reward/likelihood"]
    assert product.tolist() == pytest.approx([0.12, 0, 0.2, 0])


def test_what_closes_the_answer_is_judged_too():
    said = Said(responses=((OPEN,), (OPEN,)))
    for closing in (">", (OPEN,)):
        batch = WithReferenceLikelihood(said, opening=(OPEN,), closing=closing)(Given(), by_hand(), first, STREAM)
        assert batch["traj.reference_likelihood"][0].exp().tolist() == pytest.approx([0.3, 0.4, 5 / 11])


def test_a_temperature_divides_the_logits():
    batch = WithReferenceLikelihood(Said(responses=((OPEN,), ())), opening=">", temperature=0.5)(
        Given(), by_hand(), first, STREAM
    )
    weights = torch.tensor([3.0, 2, 1, 1, 1, 1, 1]) ** 2
    assert float(batch["traj.reference_likelihood"][0][0].exp()) == pytest.approx(float(weights[0] / weights.sum()))


def test_without_a_reference_there_is_nothing_to_judge():
    task = Given((Problem(0, "a"), Problem(1, "a", "")))
    batch = WithReferenceLikelihood(Said(responses=((OPEN,), (OPEN,))), opening=">", bare=True)(
        task, by_hand(), first, STREAM
    )
    assert batch["traj.reference_likelihood"] == [None, None] and batch["group.reference_prior"] == [None, None]


def test_the_last_opening_counts_and_nothing_of_the_answer_stays():
    tokens = Pieces(WORDS)
    for opening in (">", (OPEN,)):
        assert up_to([A, OPEN, B, OPEN, C], opening, tokens) == (4, [])
    # ">a" is one token: the reference takes the place of its a.
    assert up_to([B, OPEN_A, C], ">", tokens) == (1, [OPEN])
    assert up_to([B, OPEN_A, C], "b>", tokens) == (1, [OPEN])
    for ids, opening in (([B, OPEN_A], (OPEN,)), ([B, OPEN], (OPEN, B)), ([], ">"), ([], (OPEN,))):
        assert up_to(ids, opening, tokens) is None


@given(st.lists(st.integers(A, OPEN_A), max_size=12))
def test_what_is_kept_is_the_text_up_to_the_opening(ids):
    tokens = Pieces(WORDS)
    text, found = tokens.decode(ids), up_to(ids, ">", tokens)
    assert (found is None) == (">" not in text)
    if found is not None:
        count, more = found
        assert tokens.decode([*ids[:count], *more]) == text[: text.rindex(">") + 1]


def test_a_token_that_is_half_answer_is_the_answers_own():
    batch = WithReferenceLikelihood(Said(responses=((B, OPEN_A, C), ())), opening=">")(
        Given(), by_hand(), first, STREAM
    )
    assert batch["token.own_answer"].tolist() == [False, True, True]
    assert batch["traj.reference_likelihood"][0].exp().tolist() == pytest.approx([0.3, 0.4])


def test_a_character_that_two_tokens_share_does_not_shift_the_cut():
    tokenizer = tiny().tokenizer
    # Bytes, the first ones those of half a letter.
    ids = tokenizer.encode("\N{SNOWMAN}")[:2] + tokenizer.encode("<answer>4")
    assert up_to(ids, "<answer>", tokenizer) == (len(ids) - 1, [])


@dataclass(frozen=True)
class Sums(TaskSpec):
    """Prompts and answers of unequal length."""

    def size(self, split: str) -> int:
        return 4

    def problem(self, split: str, number: int) -> Problem:
        return Problem(number, "1+" * number + "1=", str(10**number + 1))

    def score(self, problem: Problem, response: str) -> float:
        return 0.0


def tiny(seed: int = 0):
    return TinyLM(width=16, layers=2, heads=2).build(Sums(), frozenset(), Stream((seed,))).eval().double()


def texts(policy, *responses: str) -> Said:
    return Said(responses=tuple(tuple(policy.tokenizer.encode(text)) for text in responses))


def naive(policy, head: list[int], tail: list[int]) -> list[float]:
    """Log-probs from full softmaxes of one sequence without padding."""
    ids = torch.tensor([[*head, *tail]])
    weight, bias = policy.head()
    logits = functional.linear(policy.hidden(ids, torch.ones_like(ids)), weight, bias)[0].detach()
    rows = logits.log_softmax(-1)
    return [float(rows[len(head) + n - 1, token]) for n, token in enumerate(tail)]


@pytest.mark.parametrize("micro_batch", [None, 1, 3])
def test_padding_and_micro_batches_change_nothing(micro_batch):
    policy, reasons = tiny(), ["", "one and one are two ", "x" * 30, "?"]
    piece = WithReferenceLikelihood(
        texts(policy, *(f"{reason}<answer>7</answer>" for reason in reasons)),
        closing="</answer>", bare=True, micro_batch=micro_batch,
    )  # fmt: skip
    batch, encode = piece(Sums(), policy, first, STREAM), policy.tokenizer.encode
    for number, reason in enumerate(reasons):
        problem = Sums().problem("train", number)
        tail = encode(f"{problem.answer}</answer>")
        after = naive(policy, encode(f"{problem.prompt}{reason}<answer>"), tail)
        before = naive(policy, encode(f"{problem.prompt}<answer>"), tail)
        assert batch["traj.reference_likelihood"][number].tolist() == pytest.approx(after, abs=1e-10)
        assert batch["group.reference_prior"][number].tolist() == pytest.approx(before, abs=1e-10)


def test_left_padding_gives_the_same_numbers():
    # Decoding pads on the left: what it says next after the head is what was judged.
    policy = tiny()
    problems = [Sums().problem("train", number) for number in range(3)]
    heads = [torch.tensor(policy.tokenizer.encode(problem.prompt)) for problem in problems]
    tails = [torch.tensor(policy.tokenizer.encode(problem.answer or "")) for problem in problems]
    judged = answer_logprobs(policy, problems, heads, tails)
    state = policy.prefill(heads)
    for place in range(min(map(len, tails))):
        tokens = torch.tensor([int(tail[place]) for tail in tails])
        said = state.logits.log_softmax(-1).gather(1, tokens[:, None])[:, 0]
        assert said.tolist() == pytest.approx([float(each[place]) for each in judged], abs=1e-10)
        state.advance(tokens)


def recipe(by: Literal["policy", "start"]) -> Recipe:
    inner = Sample(prompts=2, samples_per_prompt=2, sampling=Sampling(max_tokens=4))
    return Recipe(
        task=Sums(),
        policy=TinyLM(width=16, layers=1, heads=2, vocab_size=262),
        rollout=WithReferenceLikelihood(inner, opening=(5,), by=by, bare=True),
        rewards=(ReferenceLikelihood("mean", debias=True),),
        advantage=(Standardize(scale="none"),),
        objective=Objective(Reinforce()),
        update=Update(lr=1e-2),
    )


def test_the_policy_at_the_start_stays_the_judge_also_in_a_resumed_run():
    moved, both = {}, ("start", "policy")
    for by in both:
        trainer = Trainer(recipe(by), steps=3, seed=1)
        before, _ = trainer.train_step()
        with torch.no_grad():
            for parameter in trainer.policy.parameters():
                parameter.mul_(1.5)
        again = Trainer(recipe(by), steps=3, seed=1)
        again.load_state_dict(trainer.state_dict())
        priors = []
        for each in (trainer, again):
            # The prior does not depend on what was sampled.
            after, _ = each.train_step()
            priors.append(
                {p.id: v for p, v in zip(after["group.problem"], after["group.reference_prior"], strict=True)}
            )
        assert priors[0].keys() == priors[1].keys() and all(torch.equal(v, priors[1][k]) for k, v in priors[0].items())
        first_ones = {p.id: v for p, v in zip(before["group.problem"], before["group.reference_prior"], strict=True)}
        common = first_ones.keys() & priors[0].keys()
        moved[by] = [torch.equal(first_ones[key], priors[0][key]) for key in common]
        assert common, "choose another seed"
    assert all(moved["start"]) and not any(moved["policy"])


def test_a_run_that_was_interrupted_goes_on_as_if_it_had_not_been(tmp_path):
    whole = train(recipe("start"), steps=4, seed=2).metrics
    train(recipe("start"), steps=2, seed=2, out=tmp_path / "run", save_every=1)
    again = train(recipe("start"), steps=4, seed=2, out=tmp_path / "run", resume=True).metrics
    assert [step["loss"] for step in again] == [step["loss"] for step in whole]


def test_it_is_saved_and_refuses_what_cannot_work():
    piece = WithReferenceLikelihood(opening=(3, 4), closing="</answer>", bare=True, by="start", micro_batch=2)
    assert from_json(to_json(piece)) == piece and piece.draws_policy and piece.longest == 32
    for wrong in ({"opening": ""}, {"opening": ()}, {"temperature": 0.0}, {"micro_batch": 0}):
        with pytest.raises(GuerdonError, match="WithReferenceLikelihood"):
            WithReferenceLikelihood(**wrong)
    tree = TokenTree()
    with pytest.raises(GuerdonError, match="needs a task made of problems with a verifier, got TokenTree"):
        WithReferenceLikelihood(SampleTree())(tree, Tabular().build(tree, frozenset(), STREAM), first, STREAM)


@dataclass(frozen=True)
class Reasons(TaskSpec):
    """Two prompts, two ways to reason; one leads to 3, the other to 7. Which answer is asked for is known by the prompt."""

    taught: bool = False

    def size(self, split: str) -> int:
        return 4 if self.taught else 2

    def problem(self, split: str, number: int) -> Problem:
        prompt, way = number % 2, number // 2
        return Problem(number, f"{prompt}?", ("l:3", "r:7")[way] if self.taught else ("3", "7")[prompt])

    def score(self, problem: Problem, response: str) -> float:
        return float(response.endswith(problem.answer or "-"))


def test_reasoning_that_leads_to_the_reference_is_learned_without_a_verifier():
    spec = TinyLM(width=24, layers=1, heads=2, vocab_size=262)
    start = Recipe(
        task=Reasons(taught=True), rollout=Demonstrations(16), shaping=(), objective=Objective(NLL()),
        update=Update(lr=1e-2),
    )  # fmt: skip
    built = Origin(spec, Reasons(), frozenset()).build(Stream((0, "policy")))
    policy = train(start, steps=120, seed=0, policy=built).policy
    method = Recipe(
        task=Reasons(),
        rollout=WithReferenceLikelihood(
            Sample(prompts=2, samples_per_prompt=32, sampling=Sampling(max_tokens=4)), opening=":"
        ),
        rewards=(ReferenceLikelihood(),),
        advantage=(Standardize(), MaskWhere("token.own_answer")),
        objective=Objective(Reinforce()),
        update=Update(lr=1e-3),
    )
    right: list[float] = []
    measure = lambda _, batch, __: right.append(  # noqa: E731
        sum(map(Reasons().score, batch["traj.problem"], batch["traj.response"])) / batch.size("traj")
    )
    metrics = train(method, steps=50, seed=0, policy=policy, observers=(measure,)).metrics
    rewards = [each["reward/likelihood"] for each in metrics]
    for values in (rewards, right):
        assert sum(values[:3]) / 3 == pytest.approx(0.5, abs=0.2) and sum(values[-5:]) / 5 > 0.9, values
