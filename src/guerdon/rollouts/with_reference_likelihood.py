"""How likely the policy finds the reference answer after its own reasoning: a reward without a verifier.

Idea
    Each response is kept up to where its answer opens, the problem's reference answer takes the place of its own, and the
    policy says how likely every token of it is. Reasoning that leads to the reference makes it likely, also where no rule
    can compare two answers.
Maths
    ``l_t = log pi(y*_t | x, z, opening, y*_<t)`` for the tokens of ``y*`` (and of ``closing``), without gradient;
    ``traj.reference_likelihood`` holds them, one tensor per response. With ``bare``, ``group.reference_prior`` holds
    ``log pi(y*_t | x, opening, y*_<t)``: what was likely before any reasoning. ``token.own_answer`` is true on what the
    reference took the place of: the reward says nothing of these tokens, so ``MaskWhere("token.own_answer")`` keeps
    them from being trained by it, else they wander.
Reads
    ``traj.input_ids`` and ``token.position`` of another rollout; the problems' reference answers.
Deviations
    A response without the opening has an empty tensor, a problem without a reference None; rewards/reference_likelihood.py
    says what they are worth. The reference is tokenised by itself. Where a token of the response holds the end of the
    opening and more, the rest of the opening is tokenised anew, so that nothing of the response's own answer is kept.
    Without a ``closing`` a longer answer that begins like the reference is found likely too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from guerdon import segment
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.objective import call_with_state
from guerdon.piece import Pick, Rollout
from guerdon.policies.language_model import LanguageModel
from guerdon.policies.tokenizer import TextTokenizer
from guerdon.rng import Stream
from guerdon.rollouts.sample import Sample, check_kinds, pack
from guerdon.snapshots import frozen_copy
from guerdon.tasks.problem import Problem

LOGPROB = frozenset({"action.logprob"})
Tag = str | tuple[int, ...]


class StartState(nn.Module):
    """The policy as it was at the first call, saved with the run, and the other rollout's state."""

    def __init__(self, inner: nn.Module | None) -> None:
        super().__init__()
        self.inner = inner
        # In a list, so that it is no submodule: before the first call there is none to be restored.
        self.held: list[Any] = []
        self.saved: dict[str, Any] = {}

    def model(self, policy: Any) -> Any:
        """The copy, made now if this is the first call."""
        if not self.held:
            copy = frozen_copy(policy)
            if self.saved:
                copy.load_state_dict(self.saved)
            self.held.append(copy)
        return self.held[0]

    def get_extra_state(self) -> dict[str, Any]:
        """The copy's weights, empty before the first call."""
        return dict(self.held[0].state_dict()) if self.held else self.saved

    def set_extra_state(self, state: Any) -> None:
        """Counterpart of ``get_extra_state``."""
        self.held, self.saved = [], state


@dataclass(frozen=True)
class WithReferenceLikelihood(Rollout):
    """The responses of another rollout, each with the log-probs of the reference answer in the place of its own."""

    rollout: Rollout = field(default_factory=Sample)
    """What samples the responses."""
    opening: Tag = "<answer>"
    """What the answer follows, as text or as token ids (of special tokens: ids); the last one in a response counts."""
    closing: Tag = ""
    """What has to follow the reference answer, as text or ids; its tokens are judged too."""
    bare: bool = False
    """Judge the reference without any reasoning as well: prompt, opening, reference."""
    by: Literal["policy", "start"] = "policy"
    """Who judges: the policy as it is, or as it was at the first step."""
    temperature: float = 1.0
    """Divides the logits."""
    micro_batch: int | None = None
    """Sequences per forward pass; None: all at once."""

    def __post_init__(self) -> None:
        if not self.opening:
            raise GuerdonError(f"WithReferenceLikelihood.opening must be a text or ids, got {self.opening!r}")
        if not self.temperature > 0 or (self.micro_batch is not None and self.micro_batch < 1):
            raise GuerdonError(
                "WithReferenceLikelihood needs temperature > 0 and micro_batch >= 1 or None, "
                f"got {self.temperature} and {self.micro_batch}"
            )

    @property
    def draws_policy(self) -> bool:
        """As the other rollout."""
        return self.rollout.draws_policy

    @property
    def longest(self) -> int | None:
        """As the other rollout."""
        return self.rollout.longest

    @property
    def writes(self) -> tuple[str, ...]:
        """The columns of the other rollout, log-probs of the reference, and which tokens it took the place of."""
        prior = ["group.reference_prior"] if self.bare else []
        return (*self.rollout.writes, "traj.reference_likelihood", "token.own_answer", *prior)

    def init_state(self) -> nn.Module | None:
        """The other rollout's state, with a place for the copy of the policy where one is needed."""
        inner = self.rollout.init_state()
        return StartState(inner) if self.by == "start" else inner

    def __call__(self, task: Any, policy: Any, pick: Pick, stream: Stream, state: Any = None) -> Batch:
        """One batch."""
        check_kinds("WithReferenceLikelihood", task, policy)
        if self.by == "start":
            state = self.init_state() if state is None else state
            judge, state = state.model(policy), state.inner
        else:
            judge = policy
        batch = call_with_state(self.rollout, task, policy, pick, stream, state=state)
        batch = batch.with_columns(self.likelihoods(batch, judge))
        return batch.with_columns({"group.reference_prior": self.priors(batch, judge)}) if self.bare else batch

    def likelihoods(self, batch: Batch, model: LanguageModel) -> dict[str, Column]:
        """Log-probs of the reference after each response's reasoning, and which tokens are the response's own answer."""
        heads: list[Tensor | None] = []
        ends = []
        for ids, length in zip(batch["traj.input_ids"], prompt_lengths(batch), strict=True):
            found = up_to(ids[length:].tolist(), self.opening, model.tokenizer)
            kept, more = found or (len(ids), [])
            ends.append(length + kept)
            heads.append(torch.cat([ids[: length + kept], torch.tensor(more, dtype=ids.dtype)]) if found else None)
        own = batch["token.position"] >= torch.tensor(ends, dtype=torch.int64)[batch.index("token", "traj")]
        judged = self._judged(batch["traj.problem"], heads, model)
        return {"traj.reference_likelihood": judged, "token.own_answer": own}

    def priors(self, batch: Batch, model: LanguageModel) -> list[Tensor | None]:
        """Log-probs of the reference without any reasoning."""
        opening = as_ids(self.opening, model.tokenizer)
        problems: list[Problem] = batch["group.problem"]
        heads = [torch.tensor([*model.encode_prompt(problem), *opening]) for problem in problems]
        return self._judged(problems, heads, model)

    def _judged(
        self, problems: Sequence[Problem], heads: Sequence[Tensor | None], model: LanguageModel
    ) -> list[Tensor | None]:
        tails = [self._reference(problem, model.tokenizer) for problem in problems]
        found: list[Tensor | None] = [None if tail is None else torch.zeros(0) for tail in tails]
        pairs = {
            row: (head, tail)
            for row, (head, tail) in enumerate(zip(heads, tails, strict=True))
            if head is not None and tail is not None
        }
        rows = list(pairs)
        size = self.micro_batch or max(len(rows), 1)
        for part in (rows[start : start + size] for start in range(0, len(rows), size)):
            some, before, after = zip(*((problems[row], *pairs[row]) for row in part), strict=True)
            told = answer_logprobs(model, some, before, after, self.temperature)
            for row, logprobs in zip(part, told, strict=True):
                found[row] = logprobs
        return found

    def _reference(self, problem: Problem, tokenizer: TextTokenizer) -> Tensor | None:
        """Ids of the reference answer and what closes it; None without a reference."""
        if not problem.answer:
            return None
        text, more = (self.closing, ()) if isinstance(self.closing, str) else ("", self.closing)
        ids = [*tokenizer.encode(problem.answer + text), *more]
        return torch.tensor(ids) if ids else None


def prompt_lengths(batch: Batch) -> list[int]:
    """Tokens before the first sampled one of each trajectory; all of them where none was sampled."""
    index, size = batch.index("token", "traj"), batch.size("traj")
    first = segment.first(batch["token.position"], index, size).tolist()
    some = segment.count(index, size).tolist()
    return [at if has else len(ids) for at, has, ids in zip(first, some, batch["traj.input_ids"], strict=True)]


def as_ids(tag: Tag, tokenizer: TextTokenizer) -> list[int]:
    """A tag as token ids."""
    return tokenizer.encode(tag) if isinstance(tag, str) else list(tag)


def up_to(ids: list[int], opening: Tag, tokenizer: TextTokenizer) -> tuple[int, list[int]] | None:
    """How many of the ids stand before the end of the last opening, and the ids that complete it; None without one."""
    if isinstance(opening, tuple):
        size = len(opening)
        ends = [end for end in range(size, len(ids) + 1) if tuple(ids[end - size : end]) == opening]
        return (ends[-1], []) if ends else None
    times = tokenizer.decode(ids).count(opening)
    if not times:
        return None
    low, high = 0, len(ids)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if tokenizer.decode(ids[:middle]).count(opening) >= times else (middle, high)
    text = tokenizer.decode(ids[:high])
    end = text.rfind(opening) + len(opening)
    if end == len(text):
        return high, []
    # A token may end inside a character, whose part then decodes to something else than what is there.
    cut = next(cut for cut in range(high - 1, -1, -1) if text.startswith(tokenizer.decode(ids[:cut])))
    return cut, tokenizer.encode(text[len(tokenizer.decode(ids[:cut])) : end])


@torch.no_grad()
def answer_logprobs(
    model: LanguageModel,
    problems: Sequence[Problem],
    heads: Sequence[Tensor],
    tails: Sequence[Tensor],
    temperature: float = 1.0,
) -> list[Tensor]:
    """Log-prob of every token of each tail after its head, in one forward pass, on the CPU."""
    batch = pack(problems, range(len(heads)), heads, tails)
    batch = batch.with_columns({"traj.temperature": torch.full((len(heads),), temperature)}).to(model.device)
    logprobs = model.evaluate(batch, LOGPROB)["action.logprob"]
    return list(logprobs.cpu().split([len(tail) for tail in tails]))
