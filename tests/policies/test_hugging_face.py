"""Transformers models as policies: randomly initialised ones of six architectures, with a tokenizer trained here."""

import copy
import json
import sys
from dataclasses import dataclass

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch.nn import functional

from guerdon.advantages.standardize import Standardize
from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.loop import Trainer
from guerdon.objective import Objective
from guerdon.objectives.kl import KLPenalty
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.piece import TaskSpec
from guerdon.policies.hugging_face import HuggingFaceLM, HuggingFaceModel
from guerdon.recipe import Recipe
from guerdon.rewards.guard import Guard
from guerdon.rewards.verifier import Verifier
from guerdon.rng import Stream
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.sampler import LocalSampler, Sampling
from guerdon.snapshots import frozen_copy
from guerdon.tasks.problem import Problem
from guerdon.update import Update

transformers = pytest.importorskip("transformers")

# peft asks transformers by the property's former name.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")

TEXTS = ["2+3=5", "17+25=42", "What is 3+4? Say 7.", "a longer text, with words and words"]
TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<eos>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
WANTS = frozenset({"action.logprob", "action.entropy"})
SMALL = {"vocab_size": 300, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
LLAMA_LIKE = {
    **SMALL,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "initializer_range": 0.3,
}
GPT2 = {**SMALL, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64, "initializer_range": 0.3}
CONFIGS = {
    "llama": LLAMA_LIKE,
    "gpt2": GPT2,  # learned positions, transposed linear layers, tied head, dropout 0.1
    "qwen2": {**LLAMA_LIKE, "tie_word_embeddings": True},
    "granite": {**LLAMA_LIKE, "logits_scaling": 4.0},
    "gemma2": {**LLAMA_LIKE, "head_dim": 8, "final_logit_softcapping": 3.0, "sliding_window": 6},
    "lfm2": {**LLAMA_LIKE, "layer_types": ["conv", "full_attention"]},  # a recurrent state beside the cache
}


def tokenizer(template: str | None = TEMPLATE):
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer, inner.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    special = ["<pad>", "<bos>", "<eos>", "<|user|>", "<|assistant|>", "<|system|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    inner.train_from_iterator(
        TEXTS,
        trainers.BpeTrainer(vocab_size=290, special_tokens=special, initial_alphabet=alphabet, show_progress=False),
    )
    inner.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 1)])
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", bos_token="<bos>", eos_token="<eos>"
    )
    fast.chat_template = template
    return fast


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Architecture -> folder with a randomly initialised model."""
    out = {}
    for kind, options in CONFIGS.items():
        folder = tmp_path_factory.mktemp(kind)
        with torch.random.fork_rng():
            torch.manual_seed(3)
            model = transformers.AutoModelForCausalLM.from_config(transformers.AutoConfig.for_model(kind, **options))
        model.save_pretrained(folder)
        tokenizer().save_pretrained(folder)
        out[kind] = str(folder)
    return out


def build(folder: str, wants=WANTS, **options) -> HuggingFaceModel:
    return HuggingFaceLM(folder, **options).build(None, frozenset(wants), Stream((0, "policy")))


@dataclass(frozen=True)
class Sums(TaskSpec):
    """Prompts of unequal length."""

    def size(self, split):
        return len(TEXTS)

    def problem(self, split, number):
        return Problem(number, TEXTS[number][: 2 + 3 * number])

    def score(self, problem, response):
        return float(len(response))


def sampled(policy, **how) -> Batch:
    sampling = Sampling(max_tokens=9, temperature=0.7, **how)
    return Sample(len(TEXTS), 3, sampling)(Sums(), policy, lambda count: list(range(count)), Stream((1, "rollout")))


def naive(policy, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probs and entropies from the full logits of the transformers model, one unpadded sequence at a time."""
    logprob, entropy = [], []
    row = batch.index("token", "traj")
    for number, ids in enumerate(batch["traj.input_ids"]):
        logits = policy.causal(input_ids=ids[None]).logits[0].float() / batch["traj.temperature"][number]
        logprobs = logits.log_softmax(-1)
        at = batch["token.position"][row == number]
        logprob.append(logprobs[at - 1, ids[at]])
        entropy.append(-(logprobs.exp() * logprobs).sum(-1)[at - 1])
    return torch.cat(logprob), torch.cat(entropy)


def naive_mean(policy, batch: Batch) -> torch.Tensor:
    """Mean log-prob over the vocabulary from the full logits, likewise."""
    out, row = [], batch.index("token", "traj")
    for number, ids in enumerate(batch["traj.input_ids"]):
        logits = policy.causal(input_ids=ids[None]).logits[0].float() / batch["traj.temperature"][number]
        out.append(logits.log_softmax(-1).mean(-1)[batch["token.position"][row == number] - 1])
    return torch.cat(out)


@pytest.mark.parametrize("kind", CONFIGS)
def test_evaluate_equals_the_full_logits(folders, kind):
    # Also in training mode: dropout is off.
    policy = build(folders[kind])
    batch = sampled(policy)
    logprob, entropy = naive(policy, batch)
    for mode in (policy.eval, policy.train):
        mode()
        out = policy.evaluate(batch, WANTS | {"action.mean_logprob"})
        torch.testing.assert_close(out["action.mean_logprob"], naive_mean(policy, batch), atol=1e-4, rtol=0)
        torch.testing.assert_close(out["action.logprob"], logprob, atol=1e-5, rtol=0)
        torch.testing.assert_close(out["action.entropy"], entropy, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", CONFIGS)
def test_behavior_logprobs_are_those_of_training(folders, kind):
    # Left-padded decoding with a cache, rows leaving as they end, against right-padded training.
    policy = build(folders[kind])
    batch = sampled(policy)
    lengths = {len(ids) for ids in batch["traj.input_ids"]}
    assert len(lengths) > 3
    out = policy.evaluate(batch, WANTS)
    torch.testing.assert_close(out["action.logprob"], batch["token.behavior_logprob"], atol=1e-4, rtol=0)


def test_rows_end_at_different_times(folders):
    policy = build(folders["llama"])
    with torch.no_grad():  # makes the end of sequence likely
        policy.head()[0][2] = policy.head()[0].mean(0) + 0.05
        policy.head()[0][2:5] *= 3
    batch = sampled(policy)
    tokens = torch.bincount(batch.index("token", "traj"))
    assert len(tokens.unique()) > 1 and int(tokens.min()) < 9
    out = policy.evaluate(batch, WANTS)
    torch.testing.assert_close(out["action.logprob"], batch["token.behavior_logprob"], atol=1e-4, rtol=0)


def test_a_response_does_not_depend_on_its_batch(folders):
    policy, how = build(folders["qwen2"]), Sampling(max_tokens=7)
    prompts = [torch.tensor(policy.encode_prompt(Problem(0, text))) for text in TEXTS]
    seeds = torch.arange(4)
    together = LocalSampler(policy).generate(prompts, 1, seeds, how)
    for number, prompt in enumerate(prompts):
        alone = LocalSampler(policy).generate([prompt], 1, seeds[number : number + 1], how)[0]
        assert alone.ids.tolist() == together[number].ids.tolist()
        torch.testing.assert_close(alone.logprobs, together[number].logprobs, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_plain_decoder_gives_what_the_modules_give(folders, kind):
    policy = build(folders[kind], wants=WANTS)
    assert policy.plain == (kind in ("llama", "qwen2"))
    if not policy.plain:
        return
    with torch.no_grad():
        for name, parameter in policy.named_parameters():
            if "bias" in name or "norm" in name:
                parameter.uniform_(0.5, 1.5, generator=torch.Generator().manual_seed(len(name)))
    batch, results = sampled(policy), []
    assert policy.packs
    for plain in (True, False):
        policy.plain = plain
        policy.zero_grad()
        logprob = policy.evaluate(batch, WANTS)["action.logprob"]
        logprob.sum().backward()
        flat = [p.grad.flatten() for p in policy.parameters() if p.grad is not None]
        results.append((logprob.detach(), torch.cat(flat), sampled(policy)["token.behavior_logprob"]))
    (got, gradient, drawn), (expected, other, others) = results
    torch.testing.assert_close(got, expected, atol=2e-5, rtol=0)
    torch.testing.assert_close(gradient, other, rtol=0, atol=1e-5 * float(other.abs().max()))
    torch.testing.assert_close(drawn, others, atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", CONFIGS)
def test_padding_side_does_not_matter(folders, kind):
    policy = build(folders[kind])
    short, long = torch.tensor([5, 6, 7]), torch.tensor([9, 8, 7, 6, 5])
    alone = policy.hidden(short[None], torch.ones(1, 3, dtype=torch.bool))[0]
    for shift in (0, 2):
        ids, mask = torch.stack([functional.pad(short, (shift, 2 - shift)), long]), torch.ones(2, 5, dtype=torch.bool)
        mask[0] = functional.pad(torch.ones(3), (shift, 2 - shift)).bool()
        got = policy.hidden(ids, mask)
        assert got.isfinite().all()
        torch.testing.assert_close(got[0, shift : shift + 3], alone, atol=1e-4, rtol=1e-4)


def test_decode_rows_can_be_repeated_and_reordered(folders):
    policy = build(folders["llama"])
    prompts = [torch.tensor([5, 6, 7]), torch.tensor([9, 8])]
    state = policy.prefill(prompts)
    state.keep(torch.tensor([1, 0, 1]))
    state.advance(torch.tensor([20, 21, 22]))
    for row, ids in enumerate(([9, 8, 20], [5, 6, 7, 21], [9, 8, 22])):
        expected = policy.causal(input_ids=torch.tensor([ids])).logits[0, -1]
        torch.testing.assert_close(state.logits[row], expected, atol=1e-4, rtol=1e-4)


def test_what_was_sampled_is_what_is_trained_on(folders):
    # Random bytes do not survive a round trip through text, so a second tokenisation would be seen.
    policy = build(folders["llama"])
    batch = sampled(policy)
    row = batch.index("token", "traj")
    survived = 0
    for number, ids in enumerate(batch["traj.input_ids"]):
        start = len(policy.encode_prompt(batch["traj.problem"][number]))
        own = batch["token.id"][row == number]
        assert ids[start:].tolist() == own.tolist()
        assert batch["token.position"][row == number].tolist() == list(range(start, len(ids)))
        survived += policy.tokenizer.encode(batch["traj.response"][number]) == own.tolist()
    assert survived < batch.size("traj")


def test_chat_template_prompts(folders):
    system = ({"role": "system", "content": "2"}, {"role": "user", "content": "3"})
    plain, chat = build(folders["llama"]), build(folders["llama"], chat=True)
    encode = plain.tokenizer.encode
    assert plain.encode_prompt(Problem(0, "3+4")) == [1, *encode("3+4")]
    assert chat.encode_prompt(Problem(0, "3+4")) == [3, *encode("3+4"), 2, 4]
    for policy in (plain, chat):
        assert policy.encode_prompt(Problem(0, system)) == [5, *encode("2"), 2, 3, *encode("3"), 2, 4]
    assert plain.encode_prompt(Problem(0, "")) == [1]
    assert plain.tokenizer.decode([*encode("17+25=42"), 2, 0]) == "17+25=42"


def test_no_chat_template(folders):
    policy = build(folders["llama"], chat=True)
    policy.tokenizer.inner.chat_template = None
    with pytest.raises(GuerdonError, match="need a tokenizer with a chat template"):
        policy.encode_prompt(Problem(0, "3"))
    policy.tokenizer.inner.chat_template = "{{ raise_exception('system role not supported') }}"
    with pytest.raises(GuerdonError, match="refuses messages with roles user: system role not supported"):
        policy.encode_prompt(Problem(0, "3"))


def train_one_step(policy, batch: Batch, lr: float = 0.002) -> None:
    optimizer = torch.optim.SGD([p for group in policy.parameter_groups() for p in group["params"]], lr)
    policy.train()
    policy.evaluate(batch, WANTS)["action.logprob"].mean().neg().backward()
    optimizer.step()
    policy.eval()


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_lora_trains_only_the_adapter(folders, kind):
    base, policy = build(folders[kind]), build(folders[kind], lora_rank=2)
    batch = sampled(policy)
    assert {p.requires_grad for n, p in policy.named_parameters() if "lora_" in n} == {True}
    reference = frozen_copy(policy)
    before = base.evaluate(batch, WANTS)["action.logprob"]
    # Without adapters the weights are used without module calls: equal up to rounding.
    torch.testing.assert_close(policy.evaluate(batch, WANTS)["action.logprob"], before, atol=1e-5, rtol=0)
    weights = {name: p.clone() for name, p in policy.named_parameters() if "lora_" not in name}
    train_one_step(policy, batch)
    for name, parameter in policy.named_parameters():
        if "lora_" not in name:
            assert torch.equal(parameter, weights[name])
    assert bool(policy.evaluate(batch, WANTS)["action.logprob"].mean() > before.mean())
    torch.testing.assert_close(reference.evaluate(batch, WANTS)["action.logprob"], before, atol=1e-5, rtol=0)
    assert torch.equal(base.evaluate(batch, WANTS)["action.logprob"], before)
    # The reference holds the same base tensors, an adapter of its own, and has not frozen the policy's.
    ours, theirs = dict(policy.named_parameters()), dict(reference.named_parameters())
    for name, parameter in ours.items():
        assert (parameter is theirs[name]) == ("lora_" not in name)
        assert parameter.requires_grad == ("lora_" in name) and not theirs[name].requires_grad


def test_lora_starts_from_its_stream(folders):
    torch.manual_seed(0)
    first = build(folders["llama"], lora_rank=2).state_dict()
    torch.manual_seed(1)
    state = torch.get_rng_state()
    second = build(folders["llama"], lora_rank=2).state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_full_copy_is_independent(folders):
    policy = build(folders["gpt2"])
    batch = sampled(policy)
    reference = frozen_copy(policy)
    before = policy.evaluate(batch, WANTS)["action.logprob"]
    train_one_step(policy, batch)
    torch.testing.assert_close(reference.evaluate(batch, WANTS)["action.logprob"], before, atol=1e-5, rtol=0)
    assert not torch.equal(policy.evaluate(batch, WANTS)["action.logprob"], before)


@pytest.mark.parametrize(("kind", "rank"), [("llama", None), ("gpt2", None), ("llama", 2)])
def test_state_dict_restores(folders, tmp_path, kind, rank):
    from safetensors.torch import load_file, save_file

    wants = WANTS | {"action.value"}
    policy = build(folders[kind], wants, lora_rank=rank)
    batch = sampled(policy)
    train_one_step(policy, batch)
    # No tensor appears twice (safetensors refuses that), and no frozen one at all.
    save_file(policy.state_dict(), tmp_path / "policy.safetensors")
    state = load_file(tmp_path / "policy.safetensors")
    if rank:
        assert all("lora_" in name or name.startswith("value_head") for name in state)
    other = build(folders[kind], wants, lora_rank=rank)
    other.load_state_dict(state)
    for name, value in policy.evaluate(batch, wants).items():
        assert torch.equal(value, other.evaluate(batch, wants)[name])
    with pytest.raises(RuntimeError, match="Missing key"):
        other.load_state_dict({})


@pytest.mark.parametrize(("kind", "rank"), [("qwen2", None), ("llama", 2), ("gpt2", 2)])
def test_merged_weights_are_those_of_a_plain_model(folders, kind, rank):
    policy, plain = build(folders[kind], lora_rank=rank), build(folders[kind])
    batch = sampled(policy)
    before = policy.evaluate(batch, WANTS)["action.logprob"]
    train_one_step(policy, batch, lr=0.01)
    after = policy.evaluate(batch, WANTS)["action.logprob"]
    result = plain.model.load_state_dict(dict(policy.merged_weights()), strict=False)
    assert not result.unexpected_keys and set(result.missing_keys) <= {"lm_head.weight"}
    torch.testing.assert_close(plain.evaluate(batch, WANTS)["action.logprob"], after, atol=1e-4, rtol=0)
    assert torch.equal(policy.evaluate(batch, WANTS)["action.logprob"], after)
    assert float((after - before).detach().abs().max()) > 0.01


@pytest.mark.parametrize(("kind", "rank"), [("qwen2", None), ("llama", 2), ("gpt2", 2)])
def test_export_is_a_model_of_transformers(folders, tmp_path, kind, rank):
    policy = build(folders[kind], lora_rank=rank)
    batch = sampled(policy)
    train_one_step(policy, batch)
    folder = tmp_path / "out"
    policy.export(folder)
    assert (folder / "model.safetensors").exists() and not list(folder.glob("*.bin"))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    again = build(str(folder))
    expected = policy.evaluate(batch, WANTS)["action.logprob"]
    torch.testing.assert_close(again.evaluate(batch, WANTS)["action.logprob"], expected, atol=2e-5, rtol=0)
    assert again.encode_prompt(Problem(0, "3+4")) == policy.encode_prompt(Problem(0, "3+4"))
    with pytest.raises(GuerdonError, match="new or empty folder"):
        policy.export(folder)


def test_value_head_only_if_wanted(folders):
    without, with_value = build(folders["llama"]), build(folders["llama"], WANTS | {"action.value"})
    assert without.value_head is None and "action.value" not in without.provides
    batch = sampled(with_value)
    values = with_value.evaluate(batch, frozenset({"action.value"}))
    assert list(values) == ["action.value"] and values["action.value"].tolist() == [0.0] * batch.size("token")


def test_bf16_weights(folders):
    policy = build(folders["llama"], WANTS | {"action.value"}, dtype="bf16", lora_rank=2)
    assert {p.dtype for n, p in policy.named_parameters() if "lora_" in n} == {torch.float32}
    assert policy.head()[0].dtype == torch.bfloat16
    batch = sampled(policy)
    out = policy.evaluate(batch, WANTS | {"action.value"})
    assert {value.dtype for value in out.values()} == {torch.float32}
    exact = build(folders["llama"]).evaluate(batch, WANTS)["action.logprob"]
    assert float((out["action.logprob"] - exact).abs().mean().detach()) < 0.2
    train_one_step(policy, batch)


@pytest.mark.parametrize("rank", [None, 2])
def test_gradient_checkpointing_changes_no_number(folders, rank):
    # Decoding in training mode still uses the cache.
    gradients = []
    for option in (False, True):
        policy = build(folders["llama"], gradient_checkpointing=option, lora_rank=rank).train()
        assert any(getattr(m, "gradient_checkpointing", False) for m in policy.modules()) == option
        batch = sampled(policy)
        assert policy.model.training
        policy.evaluate(batch, WANTS)["action.logprob"].sum().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in policy.parameters() if p.grad is not None]))
    torch.testing.assert_close(gradients[0], gradients[1], rtol=0, atol=5e-6 * float(gradients[0].abs().max()))


def test_too_long_for_learned_positions(folders):
    policy = build(folders["gpt2"])
    with pytest.raises(GuerdonError, match="at most 64 tokens, prompt included, got 65"):
        policy.hidden(torch.zeros(1, 65, dtype=torch.int64), torch.ones(1, 65, dtype=torch.bool))


def test_no_such_model(tmp_path):
    with pytest.raises(GuerdonError, match=r"HuggingFaceLM.model must be the name .* got '"):
        build(str(tmp_path))


def test_other_heads_are_refused(folders, monkeypatch):
    real = transformers.LlamaForCausalLM.forward

    def forward(self, **inputs):
        out = real(self, **inputs)
        out.logits = out.logits.square()
        return out

    monkeypatch.setattr(transformers.LlamaForCausalLM, "forward", forward)
    with pytest.raises(GuerdonError, match="got LlamaForCausalLM, which does something else"):
        build(folders["llama"])


def test_no_key_value_cache(tmp_path):
    config = transformers.MambaConfig(**SMALL, hidden_size=16, num_hidden_layers=1, state_size=4)
    transformers.MambaForCausalLM(config).save_pretrained(tmp_path)
    tokenizer().save_pretrained(tmp_path)
    with pytest.raises(GuerdonError, match="must be a transformer with a key-value cache, got MambaForCausalLM"):
        build(str(tmp_path))


def test_no_end_of_sequence(folders, tmp_path):
    fast = tokenizer()
    fast.eos_token = None
    transformers.AutoModelForCausalLM.from_pretrained(folders["llama"]).save_pretrained(tmp_path)
    fast.save_pretrained(tmp_path)
    with pytest.raises(GuerdonError, match="must have an end-of-sequence token"):
        build(str(tmp_path))


def test_bad_settings(folders):
    with pytest.raises(GuerdonError, match="lora_rank must be at least 1"):
        HuggingFaceLM("x", lora_rank=0)
    with pytest.raises(GuerdonError, match="must come with a lora_rank"):
        HuggingFaceLM("x", lora_targets=("q_proj",))
    with pytest.raises(GuerdonError, match=r"must name layers of the model, got \('nothing',\)"):
        build(folders["llama"], lora_rank=1, lora_targets=("nothing",))
    with pytest.raises(GuerdonError, match="must leave the output layer alone"):
        build(folders["llama"], lora_rank=1, lora_targets=("lm_head",))


def test_peft_missing(folders, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(
        GuerdonError, match=r"needs the package peft, which is not installed; pip install 'guerdon\[peft\]'"
    ):
        build(folders["llama"], lora_rank=2)


def test_spec_is_saved_as_json(folders):
    from guerdon.serial import from_json, to_json

    spec = HuggingFaceLM("a/b", lora_rank=4, lora_targets=("q_proj", "v_proj"), dtype="bf16", chat=True)
    assert from_json(json.loads(json.dumps(to_json(spec)))) == spec
    assert copy.copy(spec) == spec


@pytest.mark.parametrize(("rank", "reference"), [(2, "ref"), (2, "ema"), (None, "ref")])
def test_trains_in_the_loop_and_resumes(folders, rank, reference):
    recipe = Recipe(
        task=Sums(),
        policy=HuggingFaceLM(folders["llama"], lora_rank=rank),
        rollout=Sample(2, 4, Sampling(max_tokens=5)),
        rewards=(Verifier(guard=Guard(isolate=False)),),
        advantage=(Standardize(),),
        objective=Objective(PPOClip(), regularizers=(KLPenalty(coef=0.1, reference=reference),)),
        update=Update(lr=1e-3, minibatches=2),
    )
    whole, first, second = (Trainer(recipe, steps=3) for _ in range(3))
    divergences = [whole.train_step()[1]["kl"] for _ in range(3)]
    assert divergences[-1] > 1e-7
    for _ in range(2):
        first.train_step()
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    second.train_step()
    expected = whole.state_dict()["policy"]
    assert all(torch.equal(value, expected[name]) for name, value in second.state_dict()["policy"].items())
