"""The weights of transformers models that have the plain Llama shape."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from guerdon.policies.language_model import DecodeState
from guerdon.policies.llama import Layer, Llama, LlamaDecodeState

PLAIN = ("LlamaForCausalLM", "Qwen2ForCausalLM", "MistralForCausalLM")
"""Architectures that may have the plain Llama shape."""


def weights_of(policy: Any) -> Llama | None:
    """The weights of a model of the Llama shape; None of any other, of adapters, and where not all is fp32."""
    causal: Any = policy.causal
    decoder, config = causal.base_model, causal.config
    layers = getattr(decoder, "layers", ())
    turn: Any = getattr(decoder, "rotary_emb", None)
    fits = (
        type(causal).__name__ in PLAIN
        and not policy.adapter
        and getattr(config, "hidden_act", None) == "silu"
        and not getattr(config, "sliding_window", None)
        and getattr(turn, "rope_type", None) == "default"
        and getattr(turn, "attention_scaling", None) == 1
        # In fp64 the library's norms still round to fp32.
        and all(p.dtype == torch.float32 for p in causal.parameters())
    )
    if not fits:
        return None
    out = []
    for layer in layers:
        attention, mlp = layer.self_attn, layer.mlp
        inward = (attention.q_proj, attention.k_proj, attention.v_proj)
        plain = (attention.o_proj, mlp.gate_proj, mlp.up_proj, mlp.down_proj)
        if any(part.bias is not None for part in plain) or len({part.bias is None for part in inward}) > 1:
            return None
        bias = None if inward[0].bias is None else torch.cat([part.bias for part in inward])
        inner = mlp.gate_proj.weight, mlp.up_proj.weight, mlp.down_proj.weight
        norms = layer.input_layernorm.weight, layer.post_attention_layernorm.weight
        qkv = torch.cat([part.weight for part in inward])
        out.append(Layer(norms[0], qkv, bias, attention.o_proj.weight, norms[1], *inner))
    heads, shared = config.num_attention_heads, config.num_key_value_heads
    embedding, (head, offset) = decoder.embed_tokens.weight, policy.head()
    if offset is not None or policy.logit_scale != 1 or policy.logit_cap is not None:
        return None
    # The library turns in fp32 whatever the weights are.
    eps, frequency = config.rms_norm_eps, turn.inv_freq.float()
    return Llama(tuple(out), embedding, 1.0, decoder.norm.weight, head, heads, shared, eps, frequency)


@torch.no_grad()
def decodes_the_same(policy: Any, modules: Callable[[Any, Sequence[Tensor]], DecodeState]) -> bool:
    """Whether there are such weights, and the plain decoder with them gives what the model's ``modules`` give."""
    weights = weights_of(policy)
    if weights is None:
        return False
    ids = torch.arange(min(8, len(weights.head)), device=policy.device)
    own, state = modules(policy, [ids, ids[:3]]), LlamaDecodeState(weights, [ids, ids[:3]])
    same = []
    for _ in range(2):
        same.append(float((own.logits - state.logits).abs().max()) <= 1e-4 * (1 + float(own.logits.abs().max())))
        own.advance(ids[:2])
        state.advance(ids[:2])
    return all(same)
