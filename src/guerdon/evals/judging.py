"""Tell right from wrong, read answers and confidences, and score by further rewards: what measures need of responses.

Idea
    The rule that tells right from wrong and the rewards that responses are picked by are asked as ``guerdon score`` asks
    them (``rewards/samples.py``). Equal responses to a problem are asked about once.
Deviations
    What could not be scored is left out, and so is a problem with fewer than ``least`` scored responses: the measures
    are of subsets, and a subset cannot hold what is not known.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from guerdon.errors import GuerdonError
from guerdon.evals.answers import Reader
from guerdon.evals.pool import Pool, Responses
from guerdon.rewards.confidence import Confidence
from guerdon.rewards.samples import SampleJudge

CHUNK = 1024
"""Responses that a reward is asked about at a time."""
LIKELIHOOD = "logprob"
"""Name of the mean log-probability of a response's tokens among the scores."""


def judge(
    responses: Responses,
    gold: SampleJudge | None,
    answers: Reader,
    *,
    rewards: Mapping[str, SampleJudge] | None = None,
    success: float = 1.0,
    least: int = 1,
    confidence: str = "confidence",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Responses:
    """The responses with everything that measures read.

    Args:
        responses: as sampled or read.
        gold: tells right from wrong; None where the responses bring ``gold`` themselves.
        answers: reads what a response gives as its answer.
        rewards: further rewards, by the name that they are shown under.
        success: from which gold score on a response is right.
        least: scored responses that a problem must have.
        confidence: the tag of a stated confidence.
        progress: called with the responses that are judged and their number in all.

    Raises:
        GuerdonError: if no problem has ``least`` scored responses, or a reward needs what responses lack.
    """
    judges = {"": gold, **(rewards or {})} if gold is not None else dict(rewards or {})
    pools, reason, stated = list(responses.pools), "", Confidence(confidence).stated
    total, done = sum(pool.size for pool in pools) * len(judges), 0
    for name, each in judges.items():
        assert each is not None
        for start in range(0, len(pools), step := max(CHUNK // max(max(p.size for p in pools), 1), 1)):
            part = pools[start : start + step]
            columns, why = _asked(each, part)
            reason = reason or (why if name == "" else "")
            pools[start : start + step] = [
                _with_scores(pool, name, rows) for pool, rows in zip(part, columns, strict=True)
            ]
            done += sum(pool.size for pool in part)
            progress(done, total)
    pools = [_read(pool, answers, stated, success) for pool in pools]
    scored = [pool.only([not math.isnan(value) for value in pool.right]) for pool in pools]
    kept = [pool for pool in scored if pool.size >= least]
    if not kept:
        raise GuerdonError(_nothing_left(scored, least, reason))
    return dataclasses.replace(
        responses,
        pools=kept,
        unscored=sum(math.isnan(value) for pool in pools for value in pool.right),
        left_out=len(scored) - len(kept),
        reason=reason,
        drawn=max(pool.size for pool in pools),
    )


def _nothing_left(scored: Sequence[Pool], least: int, reason: str) -> str:
    most = max((pool.size for pool in scored), default=0)
    if most == 0:
        return (
            f"evaluate could score no problem: the scorer failed on every response{reason and f', first with {reason}'}"
        )
    return f"--k must be at most the {most} scored responses that a problem has, got {least}"


def _asked(judge: SampleJudge, pools: Sequence[Pool]) -> tuple[list[dict[str, list[float]]], str]:
    """Per pool the scores by component, and why the first unscored response is so."""
    keys = [[_key(pool, number) for number in range(pool.size)] for pool in pools]
    samples: dict[str, dict[str, Any]] = {}
    for pool, mine in zip(pools, keys, strict=True):
        for number, key in enumerate(mine):
            if key not in samples:
                samples[key] = _sample(pool, number)
    results = dict(zip(samples, judge(list(enumerate(samples.values(), 1))), strict=True))
    columns = []
    for mine in keys:
        rewards = [results[key]["reward"] for key in mine]
        columns.append({name: [_number(reward[name]) for reward in rewards] for name in rewards[0]} if rewards else {})
    return columns, next((result["error"] for result in results.values() if "error" in result), "")


def _key(pool: Pool, number: int) -> str:
    """Equal for responses that any reward must score alike: same problem, same text, same other keys."""
    return repr((pool.key, pool.texts[number], sorted(pool.extras[number].items()) if pool.extras else ()))


def _sample(pool: Pool, number: int) -> dict[str, Any]:
    problem = pool.problem
    own = {"id": problem.id, "prompt": problem.prompt, "answer": problem.answer, "meta": dict(problem.meta)}
    return {**(pool.extras[number] if pool.extras else {}), **own, "response": pool.texts[number]}


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _with_scores(pool: Pool, name: str, columns: Mapping[str, list[float]]) -> Pool:
    """The pool with a reward's components; a nameless reward is the truth, the sum of its components."""
    if not name:
        return dataclasses.replace(pool, gold=[sum(row) for row in zip(*columns.values(), strict=True)])
    named = {name if len(columns) == 1 else f"{name}/{part}": column for part, column in columns.items()}
    return dataclasses.replace(pool, scores={**pool.scores, **named})


def _read(pool: Pool, answers: Reader, stated: Callable[[str], float], success: float) -> Pool:
    """The pool with answers, stated confidences, and right or wrong."""
    said = [confidence if confidence == confidence else stated(text) for confidence, text in _beside(pool)]
    scores = dict(pool.scores)
    if pool.logprobs and any(value != 0 for value in pool.logprobs):
        pairs = zip(pool.logprobs, pool.tokens, strict=True)
        scores[LIKELIHOOD] = [value / count if count else math.nan for value, count in pairs]
    return dataclasses.replace(
        pool,
        answers=[answers(text) for text in pool.texts],
        stated=said,
        right=[math.nan if math.isnan(value) else float(value >= success) for value in pool.gold],
        scores=scores,
    )


def _beside(pool: Pool) -> list[tuple[float, str]]:
    """The confidence that came beside each text, NaN without one, and the text."""
    return list(zip(pool.stated or [math.nan] * pool.size, pool.texts, strict=True))
