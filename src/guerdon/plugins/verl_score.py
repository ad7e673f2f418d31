"""guerdon's rewards as verl's ``compute_score``: one line in a configuration, or one in a file.

Idea
    ``reward.custom_reward_function.path=pkg://guerdon.plugins.verl_score``, ``name=compute_score`` and
    ``+reward_kwargs.reward=math:tag=answer`` score by any reward that ``guerdon score --reward`` takes; ``scorer(spec)``
    makes such a function in a file of one's own. What is slow, hangs or crashes is guarded, and costs one sample.
    verl calls from many threads, one sample each: what waits while a call is running goes with the next one together,
    so that ``workers`` processes are used.
Reads
    ``solution_str`` as the response, ``ground_truth`` as the answer, ``extra_info`` as ``problem.meta`` (``prompt`` or
    ``question`` in it as the prompt, ``index`` as the id).
Deviations
    verl knows no unscored sample: it gets the number ``unscored`` (0 by default) and ``"unscored": 1.0`` beside it,
    which guerdon's trainer seam takes for NaN. ``unscored=nan`` tells guerdon's scalar estimator too, and would poison
    verl's own. All samples have the same keys, as verl asks for.
"""

import json
import math
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import cache, partial
from typing import Any

from guerdon.errors import GuerdonError

ComputeScore = Callable[..., dict[str, Any]]


class Together:
    """Samples that are waiting at the same time are judged in one call."""

    def __init__(self, judge: Any) -> None:
        self.judge = judge
        self.waiting: list[tuple[dict[str, Any], Future[dict[str, Any]]]] = []
        self.door, self.desk = threading.Lock(), threading.Lock()

    def __call__(self, sample: dict[str, Any]) -> dict[str, Any]:
        """The result of one sample: ``{"reward": {name: number or None}}`` and maybe an ``error``."""
        mine: Future[dict[str, Any]] = Future()
        with self.door:
            self.waiting.append((sample, mine))
        with self.desk:
            if not mine.done():
                with self.door:
                    taken, self.waiting = self.waiting, []
                self._judge(taken)
        return mine.result()

    def _judge(self, taken: list[tuple[dict[str, Any], Future[dict[str, Any]]]]) -> None:
        try:
            results = self.judge([(number, sample) for number, (sample, _) in enumerate(taken, 1)])
            for (_, future), result in zip(taken, results, strict=True):
                future.set_result(result)
        except BaseException as error:
            for _, future in taken:
                if not future.done():
                    future.set_exception(error)


@cache
def judge_of(reward: str, timeout: float | None, workers: int | None) -> Together:
    """The judge of a spec; one per process."""
    from guerdon.rewards.samples import SampleJudge, with_options
    from guerdon.specs import reward as piece_of

    return Together(SampleJudge(with_options(piece_of(reward), timeout=timeout, workers=workers)))


def sample_of(solution_str: str, ground_truth: Any, extra_info: Mapping[str, Any] | None) -> dict[str, Any]:
    """verl's arguments as a sample of ``rewards/samples.py``.

    Raises:
        GuerdonError: if the response is no text.
    """
    if not isinstance(solution_str, str):
        raise GuerdonError(f"solution_str must be the response as a text, got {type(solution_str).__name__}")
    meta = _plain(dict(extra_info or {}))
    prompt = meta.get("prompt", meta.get("question", ""))
    if isinstance(ground_truth, Mapping):
        meta = {**meta, **_plain(dict(ground_truth))}
        ground_truth = ground_truth.get("answer", ground_truth.get("target"))
    answer = ground_truth if ground_truth is None or isinstance(ground_truth, str) else json.dumps(_plain(ground_truth))
    return {
        "response": solution_str,
        "prompt": prompt if isinstance(prompt, (str, list)) else str(prompt),
        "answer": answer,
        "meta": meta,
        "id": str(meta.get("index", "")),
    }


def _plain(value: Any) -> Any:
    """JSON values of what a parquet row holds: arrays and numpy numbers."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, (str, bool, int, float)) else _plain(_listed(value))


def _listed(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)


def compute_score(
    data_source: Any,
    solution_str: str,
    ground_truth: Any,
    extra_info: Mapping[str, Any] | None = None,
    *,
    reward: str = "math",
    weights: Mapping[str, float] | None = None,
    timeout: float | None = None,
    workers: int | None = None,
    unscored: float = 0.0,
    **others: Any,
) -> dict[str, Any]:
    """A score for verl: ``{"score", "unscored", "error", NAME...}`` with one entry per component.

    Args:
        data_source: where the sample is from; not used.
        solution_str: the response.
        ground_truth: the reference answer: a text, a number, or a dict whose items join ``problem.meta``.
        extra_info: becomes ``problem.meta``.
        reward: a scorer, a reward piece or ``module:function``, as ``guerdon score --reward`` takes it.
        weights: of the components in the score; 1 each unless named.
        timeout: seconds for one call of the reward.
        workers: calls of the reward at the same time.
        unscored: what verl gets where there is no score.
        others: whatever else verl passes; not used.

    Raises:
        GuerdonError: if there is no such reward, or a weight names no component.
    """
    result = judge_of(reward, timeout, workers)(sample_of(solution_str, ground_truth, extra_info))
    found = result["reward"]
    if unknown := sorted(set(weights or {}) - set(found)):
        raise GuerdonError(f"weights must name components of the reward ({', '.join(found)}), got {', '.join(unknown)}")
    factors = {name: (weights or {}).get(name, 1.0) for name in found}
    lost = any(value is None for name, value in found.items() if factors[name])
    total = unscored if lost else math.fsum(factors[name] * value for name, value in found.items() if factors[name])
    named = {name: unscored if value is None else value for name, value in found.items()}
    return {**named, "score": float(total), "unscored": float(lost), "error": result.get("error", "")}


def scorer(reward: str, **options: Any) -> ComputeScore:
    """``compute_score`` with its reward chosen: ``compute_score = scorer("math:tag=answer")``.

    Raises:
        GuerdonError: if there is no such reward.
    """
    judge_of(reward, options.get("timeout"), options.get("workers"))
    return partial(compute_score, reward=reward, **options)


__all__ = ["compute_score", "scorer"]
