"""Sample many responses to many problems, a batch at a time, and keep only what measures read.

Idea
    Every response has a seed of its own, drawn before anything is sampled, so it does not depend on how many are
    sampled at a time. Of each response the text, its length and its log-probability stay; tensors do not.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from guerdon.errors import GuerdonError
from guerdon.evals.pool import Pool, Responses
from guerdon.rng import Stream
from guerdon.rollouts.sample import check_kinds, make_sampler
from guerdon.rollouts.sampler import Completion, Sampling

BATCH = 1024
"""Responses sampled at a time."""


def sample_responses(
    policy: Any,
    task: Any,
    *,
    problems: int = 200,
    samples: int = 8,
    sampling: Sampling | None = None,
    split: str = "test",
    seed: int = 0,
    engine: str = "local",
    batch: int = BATCH,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Responses:
    """``samples`` responses to each of the first ``problems`` of a split.

    Args:
        policy: a language model.
        task: problems with a verifier.
        problems: how many; all, if the split has fewer.
        samples: responses to each.
        sampling: how tokens are drawn.
        split: ``train`` or ``test``.
        seed: of the sampling.
        engine: ``local`` or ``vllm``.
        batch: responses at a time: what memory allows.
        progress: called with the responses that are done and their number in all.

    Raises:
        GuerdonError: if the task or the split has no problems, or the policy is no language model.
    """
    check_kinds("evaluate", task, policy)
    if min(problems, samples, batch) < 1:
        raise GuerdonError(
            f"problems, samples and batch must be at least 1, got {problems}, {samples} and {batch} to evaluate"
        )
    size, how = task.size(split), sampling or Sampling()
    numbers = range(problems if size is None else min(problems, size))
    if not numbers:
        raise GuerdonError(
            f"the {split} split of {type(task).__name__} must hold problems to evaluate, but it is empty"
        )
    generator = Stream((seed, "evaluate")).generator()
    seeds = torch.randint(0, 2**62, (len(numbers), samples), generator=generator)
    sampler, pools = make_sampler(engine, policy), []
    for part in _parts(numbers, max(batch // samples, 1)):
        chosen = [task.problem(split, number) for number in part]
        prompts = [torch.tensor(policy.encode_prompt(problem), dtype=torch.int64) for problem in chosen]
        found: list[list[Completion]] = [[] for _ in part]
        for start in range(0, samples, batch):
            some = seeds[part[0] : part[-1] + 1, start : start + batch]
            done = sampler.generate(prompts, some.shape[1], some.reshape(-1), how)
            for row, mine in enumerate(found):
                mine += done[row * some.shape[1] : (row + 1) * some.shape[1]]
            progress(part[0] * samples + min(start + batch, samples) * len(part), len(numbers) * samples)
        pools += [_pool(f"{split}/{n}", p, mine) for n, p, mine in zip(part, chosen, found, strict=True)]
    facts = {"split": split, "seed": seed, "temperature": how.temperature, "max_tokens": how.max_tokens}
    return Responses(pools, "tokens", facts)


def _parts(numbers: range, size: int) -> list[range]:
    return [numbers[start : start + size] for start in range(0, len(numbers), size)]


def _pool(key: str, problem: Any, completions: Sequence[Completion]) -> Pool:
    lengths = [float(len(each.ids)) for each in completions]
    return Pool(
        key,
        problem,
        [each.text for each in completions],
        lengths,
        [float(each.truncated) for each in completions],
        [float(each.logprobs.double().sum()) for each in completions],
        lengths,
    )
