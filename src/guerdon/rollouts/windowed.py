"""Responses in windows: what is not finished after a window of tokens goes on in the next step (t_ppo).

Idea
    A step need not wait for its longest response. Every slot samples at most a window of tokens per step, by the policy
    of that step; a slot whose response has ended takes a new problem.
Reads
    A ``ProblemTask`` and a ``LanguageModel``; its state holds the unfinished responses.
Deviations
    A batch holds unfinished responses from their beginning; ``token.fresh`` marks the tokens of this window, the others
    were sampled by earlier policies. A response that ends with the window's last token is finished, and so is one that
    reaches ``sampling.max_tokens`` (it is truncated). Every response is a group of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import Pick, Rollout
from guerdon.rng import Stream
from guerdon.rollouts.sample import WRITES, check_kinds, make_sampler, pack
from guerdon.rollouts.sampler import Sampling


@dataclass(frozen=True)
class Begun:
    """An unfinished response: its problem's number, its tokens so far and their log-probs when they were sampled."""

    number: int
    ids: Tensor
    logprobs: Tensor


class Unfinished(nn.Module):
    """The responses that go on in the next step."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Begun] = []

    def get_extra_state(self) -> Tensor:
        """One float64 row per response: problem, ids, log-probs; ids and log-probs are filled up with NaN."""
        longest = max((len(row.ids) for row in self.rows), default=0)
        table = torch.full((len(self.rows), 1 + 2 * longest), torch.nan, dtype=torch.float64)
        for at, row in enumerate(self.rows):
            table[at, 0] = row.number
            table[at, 1 : 1 + len(row.ids)] = row.ids
            table[at, 1 + longest : 1 + longest + len(row.ids)] = row.logprobs
        return table

    def set_extra_state(self, state: Tensor) -> None:
        """Counterpart of ``get_extra_state``."""
        longest = (state.shape[1] - 1) // 2
        self.rows = []
        for line in state.cpu():
            ids, logprobs = line[1 : 1 + longest], line[1 + longest :]
            length = int(ids.isfinite().sum())
            self.rows.append(Begun(int(line[0]), ids[:length].long(), logprobs[:length].float()))


@dataclass(frozen=True)
class WindowedSample(Rollout):
    """``slots`` responses at once, each ``window`` tokens longer per step until it ends."""

    slots: int = 64
    """Responses in progress, one per problem."""
    window: int = 8
    """Tokens per response and step."""
    sampling: Sampling = field(default_factory=Sampling)
    """How tokens are drawn; ``max_tokens`` is the budget of the whole response, a multiple of ``window``."""
    engine: Literal["local", "vllm"] = "local"
    """What samples: this process, or vLLM where it is installed."""

    writes = (
        *WRITES,
        "token.behavior_logprob",
        "token.fresh",
        "traj.finished",
        "traj.truncated",
        "traj.temperature",
    )

    def __post_init__(self) -> None:
        if self.slots < 1 or self.window < 1:
            raise GuerdonError(
                f"WindowedSample needs slots and window of at least 1, got {self.slots} and {self.window}"
            )
        if self.sampling.max_tokens % self.window:
            raise GuerdonError(
                "WindowedSample.sampling.max_tokens must be a multiple of window, "
                f"got {self.sampling.max_tokens} and {self.window}"
            )
        if self.sampling.stop:
            raise GuerdonError(
                f"WindowedSample.sampling.stop must be empty, got {self.sampling.stop}; "
                "a stop text cut by the end of a window would be missed"
            )

    def init_state(self) -> Unfinished:
        """No response has begun."""
        return Unfinished()

    def __call__(self, task: Any, policy: Any, pick: Pick, stream: Stream, state: Any = None) -> Batch:
        """One window of every slot; the state takes over what is not finished."""
        check_kinds("WindowedSample", task, policy)
        begun: list[Begun] = [] if state is None else list(state.rows)
        nothing = (torch.zeros(0, dtype=torch.int64), torch.zeros(0))
        rows = [*begun, *(Begun(number, *nothing) for number in pick(max(self.slots - len(begun), 0)))]
        problems = [task.problem("train", row.number) for row in rows]
        prompts = [torch.tensor(policy.encode_prompt(problem), dtype=torch.int64) for problem in problems]
        rows, ended = self._grown(policy, prompts, rows, stream)
        full = torch.tensor([len(row.ids) >= self.sampling.max_tokens for row in rows])
        finished = ended | full
        if state is not None:
            state.rows = [row for row, done in zip(rows, finished.tolist(), strict=True) if not done]
        batch = pack(problems, [row.number for row in rows], prompts, [row.ids for row in rows])
        before = torch.tensor([len(row.ids) for row in begun] + [0] * (len(rows) - len(begun)))
        start = torch.tensor([len(prompt) for prompt in prompts]) + before
        return batch.with_columns(
            {
                "token.behavior_logprob": torch.cat([row.logprobs for row in rows]),
                "token.fresh": batch["token.position"] >= start[batch.index("token", "traj")],
                "traj.response": [policy.tokenizer.decode(row.ids.tolist()) for row in rows],
                "traj.finished": finished,
                "traj.truncated": full & ~ended,
                "traj.temperature": torch.full((len(rows),), self.sampling.temperature or 1.0),
            }
        )

    def _grown(
        self, policy: Any, prompts: Sequence[Tensor], rows: Sequence[Begun], stream: Stream
    ) -> tuple[list[Begun], Tensor]:
        """The responses a window longer, and which of them have ended by themselves."""
        seeds = torch.randint(0, 2**62, (len(rows),), generator=stream.child("sample").generator())
        contexts = [torch.cat([prompt, row.ids]) for prompt, row in zip(prompts, rows, strict=True)]
        how = replace(self.sampling, max_tokens=self.window)
        parts = make_sampler(self.engine, policy).generate(contexts, 1, seeds, how)
        grown = [
            Begun(row.number, torch.cat([row.ids, part.ids]), torch.cat([row.logprobs, part.logprobs]))
            for row, part in zip(rows, parts, strict=True)
        ]
        return grown, torch.tensor([not part.truncated for part in parts])
