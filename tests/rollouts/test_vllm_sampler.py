"""Requests to vLLM and its answers, with a stand-in for the package that answers from a script."""

import sys
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.piece import TaskSpec
from guerdon.policies.hugging_face import HuggingFaceLM
from guerdon.policies.tiny_lm import TinyLM
from guerdon.rng import Stream
from guerdon.rollouts.sample import Sample, make_sampler
from guerdon.rollouts.sampler import Sampling
from guerdon.rollouts.vllm_sampler import completion, parameters
from guerdon.tasks.problem import Problem

transformers = pytest.importorskip("transformers")


@dataclass(frozen=True)
class Letters(TaskSpec):
    def size(self, split):
        return 2

    def problem(self, split, number):
        return Problem(number, "ab"[number] * (number + 1))

    def score(self, problem, response):
        return 0.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from guerdon.policies.tokenizer import EOS, PAD, train_tokenizer

    folder = tmp_path_factory.mktemp("llama")
    inner = train_tokenizer(["abcd"], 300).tokenizer
    transformers.PreTrainedTokenizerFast(tokenizer_object=inner, pad_token=PAD, eos_token=EOS).save_pretrained(folder)
    config = transformers.LlamaConfig(
        vocab_size=300,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=1,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return str(folder)


@pytest.fixture
def policy(folder):
    wants = frozenset({"action.logprob"})
    return HuggingFaceLM(folder).build(Letters(), wants, Stream((0,)))


class Engine:
    """Stands in for ``vllm.LLM``: answers with the request's seed as digits; remembers what it was given."""

    built: list["Engine"] = []

    def __init__(self, **options):
        self.options, self.requests, self.weights, self.resets = options, [], [], 0
        Engine.built.append(self)

    def apply_model(self, function):
        function(SimpleNamespace(load_weights=self.load))

    def load(self, weights):
        self.weights.append({name: weight.clone() for name, weight in weights})

    def reset_prefix_cache(self):
        self.resets += 1

    def generate(self, prompts, settings, use_tqdm):
        self.requests.append((prompts, settings))
        return [SimpleNamespace(outputs=[answer(p, s)]) for p, s in zip(prompts, settings, strict=True)]


def answer(prompt, settings, finish="stop"):
    # The prompt's last token, so often as the prompt has tokens, then the end; the sampled token is not the first key.
    ids = (*prompt["prompt_token_ids"], 1)
    rows = [{299: row(-0.01), token: row(-0.5 * (i + 1))} for i, token in enumerate(ids)]
    return SimpleNamespace(token_ids=ids, logprobs=rows, finish_reason=finish, text="not read")


def row(logprob):
    return SimpleNamespace(logprob=logprob)


@pytest.fixture
def fake(monkeypatch):
    module = ModuleType("vllm")
    module.LLM, module.SamplingParams = Engine, SimpleNamespace
    monkeypatch.setitem(sys.modules, "vllm", module)
    monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    monkeypatch.setattr(Engine, "built", [])
    return module


def test_requests_and_answers(fake, policy):
    how = Sampling(max_tokens=7, temperature=0.5, top_p=0.9, top_k=3, stop=("d",))
    prompts = [torch.tensor([5]), torch.tensor([6, 7])]
    out = make_sampler("vllm", policy).generate(prompts, 2, torch.tensor([40, 41, 42, 2**61]), how)
    ((requests, settings),) = Engine.built[0].requests
    assert [request["prompt_token_ids"] for request in requests] == [[5], [5], [6, 7], [6, 7]]
    assert [one.seed for one in settings] == [40, 41, 42, 2**61]
    one = vars(settings[0])
    assert one == {
        "n": 1,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 3,
        "max_tokens": 7,
        "seed": 40,
        "stop": ["d"],
        "stop_token_ids": [1],
        "logprobs": 0,
    }
    assert [c.ids.tolist() for c in out] == [[5, 1], [5, 1], [6, 7, 1], [6, 7, 1]]
    assert out[2].logprobs.tolist() == [-0.5, -1.0, -1.5] and out[2].ids.dtype == torch.int64
    assert not any(c.truncated for c in out)


def test_no_truncation_and_greedy(policy):
    greedy = Sampling(temperature=0)
    assert parameters(greedy, 3, 1)["top_k"] == -1 and parameters(greedy, 3, 1)["temperature"] == 0
    reply = answer({"prompt_token_ids": [5]}, None, finish="length")
    got = completion(reply, greedy, policy)
    assert got.logprobs.tolist() == [0.0, 0.0] and got.truncated


def test_text_ends_before_a_stop_string(policy):
    ids = policy.tokenizer.encode("abcd")
    reply = SimpleNamespace(token_ids=ids, logprobs=[{i: row(-1.0)} for i in ids], finish_reason="stop")
    got = completion(reply, Sampling(stop=("c",)), policy)
    assert got.text == "ab" and got.ids.tolist() == ids


def test_weights_are_sent_before_every_use_and_the_engine_is_kept(fake, policy):
    for _ in range(2):
        make_sampler("vllm", policy).generate([torch.tensor([5])], 1, torch.tensor([1]), Sampling())
        with torch.no_grad():
            policy.model.model.norm.weight += 1
    (engine,) = Engine.built
    first, second = engine.weights
    assert set(first) == {name for name, _ in policy.model.named_parameters()}
    assert engine.resets == 2
    assert torch.equal(second["model.norm.weight"], first["model.norm.weight"] + 1)
    assert engine.options["logprobs_mode"] == "processed_logprobs"
    assert engine.options["dtype"] == "float32" and engine.options["model"] == policy.tokenizer.name


def test_batches_hold_what_the_engine_sampled(fake, policy):
    batch = Sample(2, 3, Sampling(max_tokens=5), engine="vllm")(
        Letters(), policy, lambda count: list(range(count)), Stream((0,))
    )
    a, b = (policy.encode_prompt(Letters().problem("train", number)) for number in range(2))
    assert [ids.tolist() for ids in batch["traj.input_ids"]] == [[*a, *a, 1]] * 3 + [[*b, *b, 1]] * 3
    assert batch["token.id"].tolist() == [*a, 1] * 3 + [*b, 1] * 3
    assert batch["token.behavior_logprob"][0] == -0.5


def test_missing_and_old_packages(monkeypatch, fake, policy):
    def refuse(**options):
        raise TypeError("unexpected keyword argument 'logprobs_mode'")

    fake.LLM = refuse
    with pytest.raises(GuerdonError, match=r"needs vllm 0\.10\.2 or newer"):
        make_sampler("vllm", policy)
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(
        GuerdonError, match=r"needs the package vllm, which is not installed; pip install 'guerdon\[vllm\]'"
    ):
        make_sampler("vllm", policy)


def test_other_policies_are_refused(fake):
    tiny = TinyLM(width=16, layers=1, heads=2).build(Letters(), frozenset(), Stream((0,)))
    with pytest.raises(GuerdonError, match="needs a HuggingFaceLM policy, got TinyLanguageModel"):
        make_sampler("vllm", tiny)
