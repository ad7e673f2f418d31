"""Responses from a file: what other people sampled, measured without a model.

Idea
    One JSON object per line, as ``guerdon score`` reads them: ``prompt``, ``answer``, ``meta``, or ``problem`` (a number of
    the task's ``split``), with ``response`` or a list under ``responses``. Lines of one ``id`` (else of one problem, else of
    one prompt) are the responses to one problem. What is known of a response may stand beside it, under ``responses``
    in lists: ``gold``, ``logprob`` (of the whole response), ``tokens``, ``truncated``, ``confidence``, and any further
    numbers to pick by, such as a reward model's score.
Deviations
    Lengths are tokens where every response says how many it has, else characters.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from guerdon.errors import GuerdonError
from guerdon.evals.pool import Pool, Responses
from guerdon.rewards.samples import problem_of

BESIDE = ("gold", "logprob", "tokens", "truncated", "confidence")
"""Keys with a number that is known of a response."""
OWN = {"id", "prompt", "answer", "meta", "problem", "split", "response", "responses", "reward", *BESIDE}
"""Keys that are no extras."""


def read_responses(
    lines: Iterable[tuple[int, Mapping[str, Any]]], file: str, task: Any = None, picks: Sequence[str] = ()
) -> Responses:
    """The responses of numbered lines, grouped by problem; ``picks``: keys of numbers that best-of-n picks by.

    Raises:
        GuerdonError: with file and line, if one has another shape, or if there is none.
    """
    groups: dict[str, list[dict[str, Any]]] = {}
    problems: dict[str, Any] = {}
    for number, line in lines:
        where = f"{file}, line {number}"
        for sample in _samples(line, where, (*BESIDE, *picks)):
            _check(sample, where, picks)
            key = _key(sample, where)
            if key not in problems:
                problems[key] = problem_of(task, number, sample)
            groups.setdefault(key, []).append(sample)
    if not groups:
        raise GuerdonError(f"{file} must hold at least one response, got none")
    pools = [_pool(key, problems[key], samples, picks) for key, samples in groups.items()]
    if all(x == x for pool in pools for x in pool.tokens):
        return Responses(pools, "tokens", {"file": file})
    counted = [replace(pool, lengths=[float(len(text)) for text in pool.texts]) for pool in pools]
    return Responses(counted, "characters", {"file": file})


def _samples(line: Mapping[str, Any], where: str, beside: Sequence[str]) -> list[dict[str, Any]]:
    """One entry per response of a line."""
    line = {key: value for key, value in line.items() if value is not None or key not in beside}
    if "responses" not in line:
        return [line]
    texts = line["responses"]
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise GuerdonError(f"{where} must have a list of texts under `responses`")
    rest = {key: value for key, value in line.items() if key != "responses"}
    lists = {key: rest.pop(key) for key in beside if isinstance(rest.get(key), list)}
    for key, values in lists.items():
        if len(values) != len(texts):
            raise GuerdonError(f"{where} must have one {key} per response, got {len(values)} and {len(texts)}")
    return [
        {**rest, **{key: x for key, values in lists.items() if (x := values[row]) is not None}, "response": text}
        for row, text in enumerate(texts)
    ]


def _key(sample: Mapping[str, Any], where: str) -> str:
    """What tells a problem from others, and pairs it with itself in another file or in a sampled evaluation."""
    if "problem" in sample and "id" not in sample:
        return f"{sample.get('split', 'test')}/{sample['problem']}"
    if "id" in sample or "prompt" in sample:
        return str(sample.get("id", sample.get("prompt")))
    raise GuerdonError(f"{where} must say by `id`, `problem` or `prompt` what it answers")


def _pool(key: str, problem: Any, samples: list[dict[str, Any]], picks: Sequence[str]) -> Pool:
    known = {name: [float(sample.get(name, math.nan)) for sample in samples] for name in (*BESIDE, *picks)}
    whole = all(x == x for name in ("logprob", "tokens") for x in known[name])
    return Pool(
        key,
        problem,
        [sample["response"] for sample in samples],
        known["tokens"],
        truncated=known["truncated"] if any(x == x for x in known["truncated"]) else (),
        logprobs=known["logprob"] if whole else (),
        tokens=known["tokens"],
        stated=known["confidence"],
        gold=known["gold"],
        extras=[{name: x for name, x in sample.items() if name not in {*OWN, *picks}} for sample in samples],
        scores={name: known[name] for name in picks},
    )


def _check(sample: Mapping[str, Any], where: str, picks: Sequence[str]) -> None:
    """Refuse what stands beside a response and is no number."""
    for name in (*BESIDE, *picks):
        if name in sample and not isinstance(sample[name], (bool, int, float)):
            raise GuerdonError(f"{where} must have a number under `{name}`, got {str(sample[name])[:40]!r}")
    if not 0 <= sample.get("confidence", 0) <= 1:
        raise GuerdonError(f"{where} must have a confidence from 0 to 1, got {sample['confidence']}")
