"""Sampling responses from a language model: temperature, top-p, top-k, stop strings, log-probs of what was sampled.

Maths
    Token t of trajectory i is drawn by inverse CDF from ``softmax(z / temperature)`` (truncated and renormalised),
    at the uniform number ``u(seed_i, t)`` of a counter-based generator. A response therefore depends on the seed
    of its trajectory alone, not on which other responses share the batch.
Reads
    ``LanguageModel.prefill``; any object with ``generate`` of the same shape can take its place (vLLM).
Deviations
    Temperature 0 means greedy; its behaviour log-prob is 0, the log of probability 1.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from guerdon.errors import GuerdonError
from guerdon.piece import Piece
from guerdon.policies.language_model import LanguageModel


@dataclass(frozen=True)
class Sampling(Piece):
    """How tokens are drawn."""

    max_tokens: int = 32
    """Generation budget per response; a response that reaches it without ending is truncated."""
    temperature: float = 1.0
    """Divides the logits; 0 is greedy."""
    top_p: float = 1.0
    """Keep the smallest set of tokens whose probability reaches this."""
    top_k: int = 0
    """Keep this many most probable tokens; 0 keeps all."""
    stop: tuple[str, ...] = ()
    """Texts that end a response. They are not part of the response text; their tokens are."""

    def __post_init__(self) -> None:
        if self.max_tokens < 1 or self.temperature < 0 or not 0 < self.top_p <= 1 or self.top_k < 0:
            raise GuerdonError(
                f"Sampling needs max_tokens >= 1, temperature >= 0, 0 < top_p <= 1 and top_k >= 0, got {self}"
            )


@dataclass(frozen=True)
class Completion:
    """One sampled response."""

    ids: Tensor
    """Sampled token ids, the end-of-sequence token included, int64 ``[tokens]``."""
    logprobs: Tensor
    """Log-probability of each under the distribution it was drawn from, ``[tokens]``."""
    text: str
    """The response text, up to a stop string."""
    truncated: bool
    """Whether the budget ended it."""
    temperatures: Tensor | None = None
    """What divided the logits at each token, ``[tokens]``, where that varied."""


class Sampler(Protocol):
    """What a rollout needs: prompts, how many responses each, and a seed per response."""

    def generate(self, prompts: Sequence[Tensor], repeats: int, seeds: Tensor, how: Sampling) -> list[Completion]:
        """``len(prompts) * repeats`` completions, a prompt's next to each other; ``seeds`` is int64 of that length."""
        ...


def uniform(seeds: Tensor, position: int | range) -> Tensor:
    """Numbers in (0, 1), float64 ``[rows]``, from a splitmix64 hash of (seed, position).

    A range of positions gives ``[rows, positions]``.
    """
    if isinstance(position, range):
        steps = torch.tensor([_step(each) for each in position], device=seeds.device)
        x = seeds[:, None] + steps
    else:
        x = seeds + _step(position)
    x = (x ^ _shift(x, 30)) * -4658895280553007687
    x = (x ^ _shift(x, 27)) * -7723592293110705685
    x = x ^ _shift(x, 31)
    return (_shift(x, 11).to(torch.float64) + 0.5) * 2.0**-53


def _step(position: int) -> int:
    step = (position + 1) * 0x9E3779B97F4A7C15 % 2**64
    return step - 2**64 if step >= 2**63 else step


def _shift(x: Tensor, by: int) -> Tensor:
    """Logical right shift of int64 (torch's is arithmetic)."""
    return (x >> by) & ((1 << (64 - by)) - 1)


def draw(logits: Tensor, uniforms: Tensor, how: Sampling, temperature: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """One token per row of ``[rows, vocab]`` and its log-prob under the distribution sampled from.

    ``temperature``: one per row, in place of ``how``'s.
    """
    if how.temperature == 0:
        return logits.argmax(-1), logits.new_zeros(len(logits))
    divisor = how.temperature if temperature is None else temperature[:, None]
    logprobs = truncate((logits.float() / divisor).log_softmax(-1), how)
    cdf = logprobs.exp().to(torch.float64).cumsum(-1)
    # Scaling by the last entry keeps rounding from pointing past the last token with probability.
    choice = torch.searchsorted(cdf, (uniforms * cdf[:, -1])[:, None], right=False)
    return choice[:, 0], logprobs.gather(1, choice)[:, 0]


def truncate(logprobs: Tensor, how: Sampling) -> Tensor:
    """Apply top-k then top-p to ``[rows, vocab]`` log-probs and renormalise; excluded tokens get -inf."""
    if how.top_k:
        kth = logprobs.topk(min(how.top_k, logprobs.shape[1])).values[:, -1:]
        logprobs = logprobs.masked_fill(logprobs < kth, -torch.inf).log_softmax(-1)
    if how.top_p < 1:
        ordered, order = logprobs.sort(descending=True)
        before = ordered.exp().cumsum(-1) - ordered.exp()
        dropped = torch.zeros_like(before, dtype=torch.bool).scatter(1, order, before >= how.top_p)
        logprobs = logprobs.masked_fill(dropped, -torch.inf).log_softmax(-1)
    return logprobs


LEAVE = 1 / 16
"""Ended responses leave the batch when they are this share of it; to leave costs time too."""
AHEAD = 64
"""Positions whose uniform numbers are computed at once."""


class LocalSampler:
    """Samples in this process. Each prompt is prefilled once; finished responses leave the batch."""

    def __init__(self, policy: LanguageModel, heat: Callable[[Tensor], Tensor] | None = None) -> None:
        """``heat``: logits ``[rows, vocab]`` -> temperatures ``[rows]``, where they vary."""
        self.policy, self.heat = policy, heat

    @torch.no_grad()
    def generate(self, prompts: Sequence[Tensor], repeats: int, seeds: Tensor, how: Sampling) -> list[Completion]:
        """See ``Sampler``."""
        device, eos = self.policy.device, self.policy.tokenizer.eos_id
        state = self.policy.prefill(prompts)
        state.keep(torch.arange(len(prompts), device=device).repeat_interleave(repeats))
        total = len(prompts) * repeats
        seeds, row = seeds.to(device), torch.arange(total, device=device)
        ids = torch.full((total, how.max_tokens), self.policy.tokenizer.pad_id, device=device)
        logprobs = torch.zeros((total, how.max_tokens), device=device)
        heats = None if self.heat is None else torch.ones_like(logprobs)
        length = torch.full((total,), how.max_tokens, device=device)
        # Rows that have ended go on until it is worth while to take them out; what they draw is not read.
        ended = torch.zeros(total, dtype=torch.bool, device=device)
        here, numbers = ended, torch.zeros(0)
        for position in range(how.max_tokens):
            if position % AHEAD == 0:
                numbers = uniform(seeds, range(position, min(position + AHEAD, how.max_tokens)))
            heat = None if self.heat is None else self.heat(state.logits)
            tokens, chosen = draw(state.logits, numbers[row, position % AHEAD], how, heat)
            ids[row, position], logprobs[row, position] = tokens, chosen.float()
            if heats is not None and heat is not None:
                heats[row, position] = heat
            done = tokens == eos
            if how.stop:
                done = done | self._stopped(ids[row, : position + 1], how)
            done = done | here
            new = done & ~here
            length[row[new]], ended[row[new]] = position + 1, True
            here = done
            alive = len(row) - int(here.sum())
            if alive == 0 or position + 1 == how.max_tokens:
                break
            if len(row) - alive >= LEAVE * len(row):
                rows = _closed_up(here)
                state.keep(rows)
                row, tokens, here = row[rows], tokens[rows], here[rows]
            state.advance(tokens)
        done = self._completions(ids.cpu(), logprobs.cpu(), length.tolist(), ended.tolist(), how)
        if heats is None:
            return done
        return [replace(each, temperatures=heats[row, : len(each.ids)].cpu()) for row, each in enumerate(done)]

    def _stopped(self, ids: Tensor, how: Sampling) -> Tensor:
        # A stop string spans at most as many tokens as it has bytes, plus the one it may start inside.
        window = max(len(stop.encode()) for stop in how.stop) + 1
        texts = [self.policy.tokenizer.decode(row) for row in ids[:, -window:].tolist()]
        return torch.tensor([any(stop in text for stop in how.stop) for text in texts], device=ids.device)

    def _completions(
        self, ids: Tensor, logprobs: Tensor, length: list[int], ended: list[bool], how: Sampling
    ) -> list[Completion]:
        out = []
        for row, tokens in enumerate(length):
            text = self.policy.tokenizer.decode(ids[row, :tokens].tolist())
            for stop in how.stop:
                text = text.partition(stop)[0]
            # Cloned, so that a kept completion does not hold the whole batch in memory.
            out.append(Completion(ids[row, :tokens].clone(), logprobs[row, :tokens].clone(), text, not ended[row]))
        return out


def _closed_up(gone: Tensor) -> Tensor:
    """The rows that stay: the last ones fill the gaps, all others keep their places."""
    stay = (~gone).nonzero()[:, 0]
    count = len(stay)
    rows = torch.arange(count, device=gone.device)
    rows[gone[:count]] = stay[stay >= count]
    return rows
