"""Reference answers judged by a randomly initialised transformers model, whose tokens do not end where tags end."""

from collections.abc import Sequence

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn import functional

from guerdon.batch import Batch
from guerdon.piece import TaskSpec
from guerdon.policies.hugging_face import HuggingFaceModel
from guerdon.policies.hugging_face_tokenizer import HuggingFaceTokenizer
from guerdon.rewards.reference_likelihood import ReferenceLikelihood
from guerdon.rng import Stream
from guerdon.rollouts.sample import Sample, pack
from guerdon.rollouts.sampler import Sampling
from guerdon.rollouts.with_reference_likelihood import WithReferenceLikelihood, up_to
from guerdon.tasks.problem import Problem

transformers = pytest.importorskip("transformers")

SMALL = {"vocab_size": 300, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 1, "initializer_range": 0.3}
KINDS = {
    "llama": {
        **SMALL, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "max_position_embeddings": 96,
    },
    "gpt2": {**SMALL, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 96, "resid_pdrop": 0.0,
             "embd_pdrop": 0.0, "attn_pdrop": 0.0},
}  # fmt: skip
RESPONSES = ["<answer>9", "I say <answer>42</answer> or <answer>9 9", "no answer", "x" * 20 + "<answer>"]


class Sums(TaskSpec):
    """Prompts and answers of unequal length."""

    def size(self, split: str) -> int:
        return len(RESPONSES)

    def problem(self, split: str, number: int) -> Problem:
        return Problem(number, "What is " + "1+" * number + "1?", "42"[: 1 + number % 2])

    def score(self, problem: Problem, response: str) -> float:
        return 0.0


@pytest.fixture(scope="module", params=KINDS)
def policy(request) -> HuggingFaceModel:
    inner = Tokenizer(models.BPE())
    # No pre-tokenizer that splits: tokens may reach over the end of a tag.
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=290,
        special_tokens=["<pad>", "<eos>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator([">9", ">9", "er>9", "<answer>9"] * 5, trainer)
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="<pad>", eos_token="<eos>")
    with torch.random.fork_rng():
        torch.manual_seed(5)
        config = transformers.AutoConfig.for_model(request.param, **KINDS[request.param])
        model = transformers.AutoModelForCausalLM.from_config(config).double()
    names = HuggingFaceTokenizer(fast, "tiny")
    return HuggingFaceModel(model, names, frozenset({"action.logprob"}), adapter=False, chat=False).eval()


def said(policy: HuggingFaceModel) -> Batch:
    problems = [Sums().problem("train", number) for number in range(len(RESPONSES))]
    prompts = [torch.tensor(policy.encode_prompt(problem)) for problem in problems]
    parts = [torch.tensor(policy.tokenizer.encode(text)) for text in RESPONSES]
    return pack(problems, range(len(problems)), prompts, parts)


def alone(policy: HuggingFaceModel, head: Sequence[int], tail: Sequence[int], left: int = 0) -> list[float]:
    """Log-probs from full softmaxes of one sequence, behind ``left`` tokens of padding."""
    ids = torch.tensor([[0] * left + [*head, *tail]])
    mask = torch.tensor([[0] * left + [1] * (len(head) + len(tail))])
    weight, bias = policy.head()
    logits = functional.linear(policy.hidden(ids, mask), weight, bias)[0].detach()
    rows = logits.log_softmax(-1)[left:]
    return [float(rows[len(head) + n - 1, token]) for n, token in enumerate(tail)]


@pytest.mark.parametrize("micro_batch", [None, 1, 2])
def test_the_reference_takes_the_place_of_the_answer_whatever_the_padding(policy, micro_batch):
    encode = policy.tokenizer.encode
    assert policy.tokenizer.decode(encode("<answer>9")[-1:]) != "9", "a token reaches over the end of the tag"
    piece = WithReferenceLikelihood(bare=True, micro_batch=micro_batch)
    batch = said(policy)
    columns, priors = piece.likelihoods(batch, policy), piece.priors(batch, policy)
    judged = columns["traj.reference_likelihood"]
    assert judged[2] is not None and len(judged[2]) == 0
    for number in (0, 1, 3):
        problem = Sums().problem("train", number)
        ids = encode(RESPONSES[number])
        count, more = up_to(ids, "<answer>", policy.tokenizer) or (0, [])
        kept = [*ids[:count], *more]
        own = columns["token.own_answer"][batch.index("token", "traj") == number]
        assert own.tolist() == [place >= count for place in range(len(ids))]
        assert policy.tokenizer.decode(kept) == RESPONSES[number].rpartition("<answer>")[0] + "<answer>"
        prompt, tail = policy.encode_prompt(problem), encode(problem.answer)
        for left in (0, 7):
            expected = alone(policy, [*prompt, *kept], tail, left)
            assert judged[number].tolist() == pytest.approx(expected, abs=1e-9)
            assert priors[number].tolist() == pytest.approx(
                alone(policy, [*prompt, *encode("<answer>")], tail, left), abs=1e-9
            )


def test_a_batch_that_the_model_sampled(policy):
    rollout = WithReferenceLikelihood(Sample(4, 2, Sampling(max_tokens=8)), bare=True)
    batch = rollout(Sums(), policy, lambda count: list(range(count)), Stream((0,)))
    reward = ReferenceLikelihood("mean", debias=True, missing=None)(batch)
    opened = torch.tensor(["<answer>" in text for text in batch["traj.response"]])
    assert torch.equal(reward["traj.reward/likelihood"].isfinite(), opened)
