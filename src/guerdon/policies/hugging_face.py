"""Any causal language model of the transformers library, whole or through low-rank adapters.

Idea
    A pretrained model is a policy like any other: hidden states for training, a key-value cache for sampling, token
    ids in and out. Dropout is off, since with it the policy that is trained is not the one that sampled.
Maths
    LoRA (Hu et al. 2021, eq. 3): ``W x + (alpha / rank) B A x``, where only A and B are trained and B starts at 0, so
    the policy starts as the base model.
Reads
    As ``language_model.py``. A prompt of chat messages goes through the model's own chat template.
Deviations
    The frozen copy of a LoRA policy shares the base weights and has its own copy of the adapter, so the reference is
    the policy when the run began even where that was not the base model.
"""

import copy
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import PolicySpec
from guerdon.policies._hugging_face_weights import decodes_the_same, weights_of
from guerdon.policies.hugging_face_tokenizer import HuggingFaceTokenizer
from guerdon.policies.language_model import PROVIDES, DecodeState, LanguageModel
from guerdon.policies.linear_logprob import capped
from guerdon.policies.llama import LlamaDecodeState, packed_states
from guerdon.policies.packed import pack_tokens
from guerdon.rng import Stream
from guerdon.tasks.problem import Problem

if TYPE_CHECKING:
    from transformers import PreTrainedModel

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


class HuggingFaceModel(LanguageModel):
    """The network of ``HuggingFaceLM``."""

    tokenizer: HuggingFaceTokenizer  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(
        self, model: Any, tokenizer: HuggingFaceTokenizer, wants: frozenset[str], *, adapter: bool, chat: bool
    ) -> None:
        """``model``: a causal language model, or with ``adapter`` a ``peft.PeftModel`` around one.

        Raises:
            GuerdonError: if it has no key-value cache, or its logits are not a linear layer of its hidden states.
        """
        causal: PreTrainedModel = model.get_base_model() if adapter else model
        output: Any = causal.get_output_embeddings()
        super().__init__(output.weight.shape[1], wants)
        self.model, self.adapter, self.tokenizer, self.chat = model, adapter, tokenizer, chat
        config: Any = causal.config.get_text_config()
        self.logit_scale = _number(config, "logit_scale") / _number(config, "logits_scaling")
        self.logit_cap = getattr(config, "final_logit_softcapping", None)
        rotary = getattr(config, "rope_parameters", None) or getattr(config, "rope_theta", None)
        self.longest = None if rotary else getattr(config, "max_position_embeddings", None)
        """Most tokens of a sequence, where positions are a learned table."""
        self.takes_positions = "position_ids" in _parameters(causal.base_model)
        """Whether the model is told positions; some derive them from the mask."""
        self.unsaved = _unsaved(self)
        _check_model(self)
        self.plain = decodes_the_same(self, HuggingFaceDecodeState)
        """Whether its weights are those of a plain Llama-shaped decoder, which needs no module calls."""

    @property
    def causal(self) -> "PreTrainedModel":
        """The transformers model, adapters inside."""
        return self.model.get_base_model() if self.adapter else self.model

    def encode_prompt(self, problem: Problem) -> list[int]:
        """Token ids of a prompt; messages, and with ``chat`` text as well, go through the chat template."""
        prompt = problem.prompt
        if isinstance(prompt, str):
            if not self.chat:
                return self.tokenizer.encode_document(prompt)
            prompt = ({"role": "user", "content": prompt},)
        return self.tokenizer.encode_chat(prompt)

    def head(self) -> tuple[Tensor, Tensor | None]:
        """Weight and bias of the output layer."""
        output: Any = self.causal.get_output_embeddings()
        return output.weight, output.bias

    def hidden(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """``[B, T, H]``; padding may be on either side."""
        return self.run(input_ids, attention_mask, use_cache=False)[0]

    def run(self, input_ids: Tensor, attention_mask: Tensor, use_cache: bool, cache: Any = None) -> tuple[Tensor, Any]:
        """Hidden states of the last ``input_ids.shape[1]`` positions of the mask, and the key-value cache."""
        if self.longest is not None and attention_mask.shape[1] > self.longest:
            raise GuerdonError(
                f"a sequence of this model must have at most {self.longest} tokens, prompt included, "
                f"got {attention_mask.shape[1]}; lower max_tokens or use shorter prompts"
            )
        decoder: Any = self.causal.base_model
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask.long(), cache_name(decoder): cache}
        if self.takes_positions:
            inputs["position_ids"] = positions(attention_mask)[:, -input_ids.shape[1] :]
        out = decoder(**inputs, use_cache=use_cache)
        hidden = out.last_hidden_state if self.logit_scale == 1 else out.last_hidden_state * self.logit_scale
        return hidden, out[cache_name(decoder)] if use_cache else None

    @property
    def packs(self) -> bool:
        """A plain decoder on a CPU holds no padding."""
        causal: Any = self.causal
        # The former name for transformers before 5.
        new = hasattr(type(causal), "is_activation_checkpointing")
        checkpointing = causal.is_activation_checkpointing if new else causal.is_gradient_checkpointing
        return self.plain and self.device.type == "cpu" and not checkpointing

    def hidden_of_tokens(self, batch: Batch) -> Tensor:
        """Of a plain decoder on a CPU without padding, shared prompts once; else as every language model."""
        if not self.packs or not batch.size("token"):
            return super().hidden_of_tokens(batch)
        weights = weights_of(self)
        assert weights is not None
        return packed_states(weights, pack_tokens(batch, weights.heads, weights.shared))

    @torch.no_grad()
    def prefill(self, prompts: Sequence[Tensor]) -> DecodeState:
        """One row per prompt."""
        weights = weights_of(self) if self.plain else None
        return HuggingFaceDecodeState(self, prompts) if weights is None else LlamaDecodeState(weights, prompts)

    def frozen(self) -> "HuggingFaceModel":
        """A copy that shares every parameter that is not trained: a LoRA reference costs one more adapter."""
        shared: dict[int, Any] = {id(p): p for p in self.parameters() if not p.requires_grad}
        shared[id(self.tokenizer)] = self.tokenizer
        return copy.deepcopy(self, shared)

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """What training can change: frozen base weights and second names of tied weights are left out."""
        state = super().state_dict(*args, **kwargs)
        prefix = kwargs.get("prefix", "")
        for name in self.unsaved:
            state.pop(prefix + name, None)
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Counterpart of ``state_dict``."""
        full = super().state_dict()
        kept = {name: full[name] for name in self.unsaved if name in full}
        return super().load_state_dict({**kept, **state_dict}, strict=strict, assign=assign)

    def merged_weights(self) -> Iterator[tuple[str, Tensor]]:
        """Names as in the model's own files, and tensors with the adapters' products added; no weight is changed."""
        layers: dict[str, Any] = dict(self.model.named_modules())
        for name, parameter in self.model.named_parameters():
            if "lora_" in name:
                continue
            layer, _, last = name.rpartition(".base_layer.")
            value = parameter.detach()
            if layer and last == "weight":
                value = value + layers[layer].get_delta_weight("default").to(value.dtype)
            yield name.removeprefix("base_model.model.").replace(".base_layer.", "."), value

    def export(self, folder: str | Path) -> None:
        """Write the model, adapters merged in, and the tokenizer as safetensors that transformers can load.

        The value head stays in checkpoints. The folder appears only when it is complete.

        Raises:
            GuerdonError: if the folder exists and is not empty.
        """
        folder = Path(folder)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise GuerdonError(f"a model must be exported to a new or empty folder, got {str(folder)!r}")
        partial = folder.with_name(folder.name + ".partial")
        # Merging changes weights in place, so it is done on a copy.
        model = copy.deepcopy(self.model).merge_and_unload() if self.adapter else self.model
        model.save_pretrained(partial)
        self.tokenizer.inner.save_pretrained(partial)
        os.replace(partial, folder)


class HuggingFaceDecodeState:
    """Left-padded prompts and the model's own key-value cache; one row per sequence."""

    def __init__(self, model: HuggingFaceModel, prompts: Sequence[Tensor]) -> None:
        self.model, device = model, model.device
        ids = nn.utils.rnn.pad_sequence(
            [prompt.flip(0) for prompt in prompts], batch_first=True, padding_value=model.tokenizer.pad_id
        ).flip(1)
        lengths = torch.tensor([len(prompt) for prompt in prompts])
        self.mask = (torch.arange(ids.shape[1]) >= ids.shape[1] - lengths[:, None]).to(device)
        self.cache: Any = None
        self._forward(ids.to(device))

    def _forward(self, ids: Tensor) -> None:
        # Gradient checkpointing would switch the cache off in training mode.
        training = self.model.training
        if training:
            self.model.eval()
        try:
            hidden, self.cache = self.model.run(ids, self.mask, use_cache=True, cache=self.cache)
        finally:
            if training:
                self.model.train()
        weight, bias = self.model.head()
        self.logits = capped(functional.linear(hidden[:, -1].to(weight.dtype), weight, bias), self.model.logit_cap)

    @torch.no_grad()
    def advance(self, tokens: Tensor) -> None:
        """Append a token to every row."""
        self.mask = torch.cat([self.mask, self.mask.new_ones(len(tokens), 1)], dim=1)
        self._forward(tokens[:, None])

    def keep(self, rows: Tensor) -> None:
        """Keep these rows, in this order."""
        self.cache.reorder_cache(rows)
        self.mask, self.logits = self.mask[rows], self.logits[rows]


@dataclass(frozen=True)
class HuggingFaceLM(PolicySpec):
    """A pretrained causal language model by name or local path, trained whole or through LoRA."""

    model: str
    """Name on the Hugging Face Hub, or a folder with ``config.json``, safetensors and a tokenizer."""
    revision: str | None = None
    """Branch, tag or commit on the Hub."""
    lora_rank: int | None = None
    """Rank of trained low-rank adapters; None trains all weights."""
    lora_alpha: int = 32
    """The adapters' output is multiplied by ``lora_alpha / lora_rank``."""
    lora_targets: tuple[str, ...] = ()
    """Names of the layers that get an adapter; empty: every linear layer but the output layer."""
    dtype: Literal["fp32", "bf16"] = "fp32"
    """Type of the weights. Train all weights in fp32 (with ``update.precision=bf16``); bf16 suits a LoRA base."""
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass: less memory, about a third more time."""
    chat: bool = False
    """Wrap a text prompt as one user message in the chat template. Prompts that are messages always are."""

    provides = PROVIDES

    def __post_init__(self) -> None:
        if self.lora_rank is not None and self.lora_rank < 1:
            raise GuerdonError(
                f"HuggingFaceLM.lora_rank must be at least 1, or None to train all weights, got {self.lora_rank}"
            )
        if self.lora_targets and self.lora_rank is None:
            raise GuerdonError("HuggingFaceLM.lora_targets must come with a lora_rank, got lora_rank=None")

    def build(self, task: Any, wants: frozenset[str], stream: Stream) -> HuggingFaceModel:
        """Load the model; adapters and a value head (only if ``action.value`` is wanted) are new.

        Raises:
            GuerdonError: if there is no such model or it cannot work as a policy; if peft is missing.
        """
        model, tokenizer = self._load()
        for parameter in model.parameters():
            parameter.data = parameter.data.to(DTYPES[self.dtype])
        if self.gradient_checkpointing:
            # The former name for transformers before 5.
            enable = getattr(model, "activation_checkpointing_enable", model.gradient_checkpointing_enable)
            enable({"use_reentrant": False})
        # The libraries' initialisers draw from torch's global generator.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(stream.child("adapter").integer())
            network = model if self.lora_rank is None else self._adapted(model)
        adapter = self.lora_rank is not None
        policy = HuggingFaceModel(
            network, HuggingFaceTokenizer(tokenizer, self.model), wants, adapter=adapter, chat=self.chat
        )
        return policy.eval()

    def _load(self) -> tuple[Any, Any]:
        from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

        try:
            config = AutoConfig.from_pretrained(self.model, revision=self.revision)
            for part in {id(part): part for part in (config, config.get_text_config())}.values():
                _without_dropout(part)
            tokenizer = AutoTokenizer.from_pretrained(self.model, revision=self.revision)
            model = AutoModelForCausalLM.from_pretrained(
                self.model, revision=self.revision, config=config, use_safetensors=True
            )
        except (OSError, ValueError) as error:
            raise GuerdonError(
                "HuggingFaceLM.model must be the name of a causal language model on the Hub or a folder with "
                f"config.json, safetensors and a tokenizer, got {self.model!r}: {str(error).strip().splitlines()[0]}"
            ) from None
        return model, tokenizer

    def _adapted(self, model: Any) -> Any:
        try:
            from peft import LoraConfig, get_peft_model
        except ImportError:
            raise GuerdonError(
                "HuggingFaceLM.lora_rank needs the package peft, which is not installed; "
                "pip install 'guerdon[peft]', or train all weights with lora_rank=None"
            ) from None
        config = LoraConfig(
            r=self.lora_rank or 0,
            lora_alpha=self.lora_alpha,
            target_modules=list(self.lora_targets) or "all-linear",
            # GPT-2 stores its linear layers transposed.
            fan_in_fan_out=any(type(module).__name__ == "Conv1D" for module in model.modules()),
            task_type="CAUSAL_LM",
        )
        output = model.get_output_embeddings()
        try:
            adapted = get_peft_model(model, config)
        except ValueError as error:
            raise GuerdonError(
                f"HuggingFaceLM.lora_targets must name layers of the model, got {self.lora_targets}: {error}"
            ) from None
        if model.get_output_embeddings() is not output:
            raise GuerdonError(
                f"HuggingFaceLM.lora_targets must leave the output layer alone, got {self.lora_targets}; "
                "log-probabilities are computed from its plain weight"
            )
        return adapted


def positions(mask: Tensor) -> Tensor:
    """Position of each token counted from its sequence's first one, ``[B, T]``; padding on either side gets any."""
    return (mask.long().cumsum(1) - 1).clamp(min=0)


def _number(config: Any, name: str) -> float:
    """A factor of the logits that some architectures have in their configuration, 1 elsewhere."""
    value = getattr(config, name, None)
    return float(value) if isinstance(value, (int, float)) else 1.0


def _without_dropout(config: Any) -> None:
    """Set every dropout rate of a configuration to 0."""
    for name, value in config.to_dict().items():
        if isinstance(value, float) and ("dropout" in name or name.endswith(("pdrop", "layerdrop"))):
            setattr(config, name, 0.0)


def _parameters(decoder: nn.Module) -> Mapping[str, Any]:
    import inspect

    return inspect.signature(decoder.forward).parameters


def cache_name(decoder: nn.Module) -> str:
    """What a decoder calls its key-value cache, as argument and as output: the former name before transformers 5.24."""
    return "cache" if "cache" in _parameters(decoder) else "past_key_values"


def _unsaved(policy: nn.Module) -> frozenset[str]:
    """Names of parameters that ``state_dict`` leaves out: never trained, or a second name of a tied weight."""
    out, seen = set(), set()
    for name, parameter in policy.named_parameters(remove_duplicate=False):
        if not parameter.requires_grad or id(parameter) in seen:
            out.add(name)
        seen.add(id(parameter))
    return frozenset(out)


@torch.no_grad()
def _check_model(policy: HuggingFaceModel) -> None:
    """Refuse a model that cannot decode with a cache, or whose logits the head does not give."""
    causal: Any = policy.causal
    name = type(causal).__name__
    takes = _parameters(causal.base_model)
    # A state-space model may take a cache too, but no positions: left padding would change its state.
    state_alone = getattr(causal, "_is_stateful", False) and "position_ids" not in takes
    if cache_name(causal.base_model) not in takes or state_alone:
        raise GuerdonError(f"HuggingFaceLM.model must be a transformer with a key-value cache, got {name}")
    weight, bias = policy.head()
    was_training = causal.training
    causal.eval()
    ids = torch.arange(min(8, len(weight)), device=weight.device)[None]
    expected = causal(input_ids=ids, use_cache=False).logits.float()
    hidden = policy.hidden(ids, torch.ones_like(ids))
    got = capped(functional.linear(hidden.to(weight.dtype), weight, bias).float(), policy.logit_cap)
    causal.train(was_training)
    tolerance = 1e-3 if weight.dtype == torch.float32 else 0.05
    if float((expected - got).abs().max()) > tolerance * (1 + float(expected.abs().max())):
        raise GuerdonError(
            "HuggingFaceLM.model must compute its logits from its last hidden states by one linear layer, scaled or "
            f"capped as its configuration says, got {name}, which does something else; choose another model"
        )
