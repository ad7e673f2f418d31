"""Decoding over a cache of fixed size, so that a compiler can replay one step as a CUDA graph: a candidate for sampling.

Idea
    On a GPU a small model's step is bound by starting kernels, not by running them. With a cache, a mask and an input
    of fixed size every step does the same work on the same memory, and can be recorded once and replayed. Responses
    that have ended stay in their rows until half of the rows are idle; then the rest moves to smaller buffers.
Deviations
    Compiled on a GPU alone; elsewhere the same steps run as they are, which is how they are tested. Not yet measured on
    a GPU, which is why it stands here and not among the policies.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from guerdon.policies.hugging_face import HuggingFaceModel, cache_name
from guerdon.policies.linear_logprob import capped


class StaticDecoding:
    """A ``HuggingFaceModel`` for ``LocalSampler``, whose decoding states hold prompts and ``new_tokens`` at most."""

    def __init__(self, policy: HuggingFaceModel, new_tokens: int) -> None:
        self.policy, self.new_tokens = policy, new_tokens
        self.device, self.tokenizer = policy.device, policy.tokenizer
        on_gpu = self.device.type == "cuda"
        self.step = torch.compile(self._step, mode="reduce-overhead") if on_gpu else self._step

    @torch.no_grad()
    def prefill(self, prompts: Sequence[Tensor]) -> "StaticState":
        """One row per prompt."""
        return StaticState(self, prompts)

    def _step(self, ids: Tensor, mask: Tensor, positions: Tensor, cache: Any) -> Tensor:
        """Logits after the last of ``ids`` ``[rows, n]``; the cache takes them up in place."""
        decoder: Any = self.policy.causal.base_model
        inputs = {"input_ids": ids, "attention_mask": mask, "position_ids": positions, cache_name(decoder): cache}
        out = decoder(**inputs, use_cache=True)
        weight, bias = self.policy.head()
        return capped(functional.linear(out.last_hidden_state[:, -1], weight, bias), self.policy.logit_cap)


class StaticState:
    """Left-padded prompts in buffers of fixed size; see ``DecodeState`` of ``language_model.py``."""

    def __init__(self, model: StaticDecoding, prompts: Sequence[Tensor]) -> None:
        from transformers import StaticCache

        self.model, device = model, model.device
        ids = nn.utils.rnn.pad_sequence(
            [prompt.flip(0) for prompt in prompts], batch_first=True, padding_value=model.tokenizer.pad_id
        ).flip(1)
        self.width = ids.shape[1]
        self.longest = self.width + model.new_tokens
        self.cache: Any = StaticCache(config=model.policy.causal.config, max_cache_len=self.longest)
        lengths = torch.tensor([len(prompt) for prompt in prompts], device=device)
        places = torch.arange(self.longest, device=device)
        self.mask = ((places >= self.width - lengths[:, None]) & (places < self.width)).long()
        self.next = lengths.clone()
        positions = (self.mask[:, : self.width].cumsum(1) - 1).clamp(min=0)
        self.logits = model._step(ids.to(device), self.mask, positions, self.cache)
        self.used = self.width
        self.live = torch.arange(len(prompts), device=device)
        self.tokens = torch.full((len(prompts), 1), model.tokenizer.pad_id, device=device)

    @torch.no_grad()
    def advance(self, tokens: Tensor) -> None:
        """Append a token to every row that lives."""
        self.tokens[self.live, 0] = tokens
        self.mask[:, self.used] = 1
        self.used += 1
        logits = self.model.step(self.tokens, self.mask, self.next[:, None], self.cache)
        self.next += 1
        # A compiled step gives the same memory every time.
        self.logits = logits.clone().index_select(0, self.live)

    def keep(self, rows: Tensor) -> None:
        """Keep these rows, in this order."""
        live, held = self.live[rows], len(self.tokens)
        self.logits = self.logits[rows]
        if held // 2 < len(live) <= held:
            self.live = live
            return
        for layer in self.cache.layers:
            layer.keys, layer.values = layer.keys[live], layer.values[live]
            layer.batch_size = len(live)
            for moved in (layer.keys, layer.values):
                torch._dynamo.mark_static_address(moved)  # as the cache does; a graph may then change them in place
        self.mask, self.next, self.tokens = self.mask[live], self.next[live], self.tokens[live]
        self.live = torch.arange(len(live), device=live.device)
