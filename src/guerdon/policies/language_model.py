"""What every causal language model offers: log-probs of exactly the sampled tokens, and decoding with a cache.

Maths
    ``logprob_t = log softmax(z_{p-1} / temperature)[id_t]`` where p is the token's position in its sequence, and
    ``entropy_t`` is the entropy of that distribution. The temperature is the one it was sampled with.
    ``mean_logprob_t`` is the mean of that log softmax over the vocabulary; it has no gradient.
Reads
    ``traj.input_ids`` (the whole sequence as token ids), ``token.position``, ``token.id``, ``traj.temperature``
    if present. Text is never tokenised again, so what was sampled is what is trained on.
Deviations
    Truncation of the sampling distribution (top-p, top-k) is in ``behavior_logprob`` but not in ``logprob``.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from guerdon.batch import Batch
from guerdon.piece import Policy
from guerdon.policies.linear_logprob import linear_logprob, mean_logprob
from guerdon.policies.tokenizer import TextTokenizer
from guerdon.tasks.problem import Problem

PROVIDES = frozenset({"action.logprob", "action.entropy", "action.mean_logprob", "action.value", "action.hidden"})


class DecodeState(Protocol):
    """Sequences being decoded, one row each."""

    logits: Tensor
    """Next-token logits, ``[rows, vocab]``."""

    def advance(self, tokens: Tensor) -> None:
        """Append one token to each row, ``[rows]``, and compute the next logits."""
        ...

    def keep(self, rows: Tensor) -> None:
        """Keep these rows (int64 ``[kept]``), in this order; a row may appear more than once."""
        ...


class LanguageModel(Policy):
    """A causal language model: subclasses give hidden states, the head and a decoding state."""

    unit = "traj"
    tokenizer: TextTokenizer
    logit_cap: float | None = None
    """Bound c of the logits, ``c tanh(logits / c)``, where the model has one."""

    def __init__(self, width: int, wants: frozenset[str]) -> None:
        """``width``: of the hidden states; a value head is made only if ``action.value`` is wanted."""
        super().__init__()
        self.value_head = nn.Linear(width, 1) if "action.value" in wants else None
        if self.value_head is not None:
            nn.init.zeros_(self.value_head.weight)
            nn.init.zeros_(self.value_head.bias)
        self.provides = PROVIDES if self.value_head is not None else PROVIDES - {"action.value"}

    @abstractmethod
    def hidden(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Last hidden states ``[B, T, H]`` of right-padded ids ``[B, T]``; the mask is true on real tokens."""

    @abstractmethod
    def head(self) -> tuple[Tensor, Tensor | None]:
        """Weight ``[V, H]`` and bias ``[V]`` (or None) of the output layer."""

    @abstractmethod
    def prefill(self, prompts: Sequence[Tensor]) -> DecodeState:
        """Start decoding: one row per prompt (1-D int64, at least one token each)."""

    def encode_prompt(self, problem: Problem) -> list[int]:
        """Token ids of a problem's prompt. A model with a chat template overrides this.

        Chat messages become ``role: content`` lines.
        """
        if isinstance(problem.prompt, str):
            return self.tokenizer.encode(problem.prompt)
        lines = "".join(f"{message['role']}: {message['content']}\n" for message in problem.prompt)
        return self.tokenizer.encode(lines)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.head()[0].device

    def evaluate(self, batch: Batch, wants: frozenset[str]) -> dict[str, Tensor]:
        """Log-prob, entropy, value and hidden state of each sampled token, from one forward pass."""
        hidden = self.hidden_of_tokens(batch)
        out = {}
        weight, bias = self.head()
        temperature = batch["token.temperature"] if "token.temperature" in batch else 1.0
        if wants & {"action.logprob", "action.entropy"}:
            logprob, entropy = linear_logprob(
                hidden, weight, batch["token.id"], bias, temperature, "action.entropy" in wants, cap=self.logit_cap
            )
            out = {"action.logprob": logprob, "action.entropy": entropy}
        if "action.mean_logprob" in wants:
            out["action.mean_logprob"] = mean_logprob(hidden, weight, bias, temperature, cap=self.logit_cap)
        if "action.value" in wants and self.value_head is not None:
            # The head stays in fp32 where the network's weights are bf16.
            out["action.value"] = self.value_head(hidden.to(self.value_head.weight.dtype))[:, 0].float()
        if "action.hidden" in wants:
            out["action.hidden"] = hidden
        return {name: value for name, value in out.items() if name in wants and value is not None}

    def hidden_of_tokens(self, batch: Batch) -> Tensor:
        """The hidden state that predicts each token row, ``[token, H]``: the head is computed only there."""
        sequences: list[Tensor] = batch["traj.input_ids"]
        ids = nn.utils.rnn.pad_sequence(sequences, batch_first=True, padding_value=self.tokenizer.pad_id)
        lengths = torch.tensor([len(sequence) for sequence in sequences])
        mask = torch.arange(ids.shape[1])[None, :] < lengths[:, None]
        states = self.hidden(ids.to(self.device), mask.to(self.device))
        return states[batch.index("token", "traj"), batch["token.position"] - 1]
