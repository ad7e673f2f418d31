"""How good a policy's responses are: pass@k, maj@k, best-of-n, calibration, length, diversity, with 95% intervals.

Idea
    Sample (``evals/sampling.py``) or read (``evals/reading.py``) responses, judge them (``evals/judging.py``), measure
    (``evals/measures.py``). Every interval is over problems, from the same draws, so that two policies on the same
    problems are compared in pairs (``evals/contrast.py``). Definitions in ``docs/evaluation.md``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from guerdon.errors import GuerdonError
from guerdon.evals.answers import reader
from guerdon.evals.judging import judge
from guerdon.evals.measures import MEASURES, Path, check_families, reliability, statistics_of
from guerdon.evals.pool import Responses
from guerdon.evals.sampling import BATCH, sample_responses
from guerdon.metrics.over_problems import Estimate, draws_of, estimate
from guerdon.rewards.samples import SampleJudge
from guerdon.rewards.verifier import Verifier
from guerdon.rng import Stream
from guerdon.rollouts.sampler import Sampling


@dataclass(frozen=True)
class PassAtK:
    """One number with its interval."""

    k: int
    value: float
    low: float
    high: float
    """95% percentile bootstrap over problems."""


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation measured."""

    pass_at: tuple[PassAtK, ...]
    problems: int
    samples: int
    unscored: int
    """Samples that could not be scored; they are left out, not counted as wrong."""
    counts: tuple[tuple[int, int], ...] = field(repr=False, default=())
    """(scored samples, right samples) per problem."""
    measures: Mapping[Path, Estimate] = field(repr=False, default_factory=dict)
    """Every measure by its names, such as ``("majority_at", "8")``; those without a value are not there."""
    responses: Responses | None = field(repr=False, default=None, compare=False)
    """What was measured."""

    def __getitem__(self, k: int) -> PassAtK:
        """The entry for k."""
        return next(entry for entry in self.pass_at if entry.k == k)

    def sentence(self) -> str:
        """``pass@1 41.3% [38.2, 44.5]  pass@8 ...``"""
        parts = (f"pass@{e.k} {100 * e.value:.1f}% [{100 * e.low:.1f}, {100 * e.high:.1f}]" for e in self.pass_at)
        return "  ".join(parts)

    def to_json(self) -> dict[str, Any]:
        """Plain data for ``eval.json``."""
        found: dict[str, Any] = nested(self.measures)
        found |= {"problems": self.problems, "samples": self.samples, "unscored": self.unscored}
        if self.responses is not None:
            found |= {"left_out": self.responses.left_out, **self.responses.facts}
            for source, bins in reliability(self.responses.pools).items() if "calibration" in found else ():
                found["calibration"][source]["bins"] = bins
        return found


def nested(measures: Mapping[Path, Estimate]) -> dict[str, Any]:
    """``{("pass_at", "8"): x}`` as ``{"pass_at": {"8": x}}``, in plain data."""
    found: dict[str, Any] = {}
    for path, value in measures.items():
        inner = found
        for name in path[:-1]:
            inner = inner.setdefault(name, {})
        inner[path[-1]] = value.to_json()
    return found


def evaluate(
    policy: Any,
    task: Any,
    *,
    k: Sequence[int] = (1, 8),
    problems: int = 200,
    samples: int | None = None,
    sampling: Sampling | None = None,
    split: str = "test",
    seed: int = 0,
    engine: str = "local",
    success: float = 1.0,
    measures: Sequence[str] = ("pass_at",),
    gold: Any = None,
    rewards: Mapping[str, Any] | None = None,
    answer: str = "auto",
    tag: str | None = None,
    confidence: str = "confidence",
    batch: int = BATCH,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Evaluation:
    """Sample responses to the first problems of a split, score and measure them.

    A response is right when the task's own scorer gives at least ``success``. Problems of which fewer than
    max(k) samples could be scored are left out.

    Args:
        policy: a language model.
        task: problems with a verifier.
        k: sizes of the subsets that pass@k, maj@k, best-of-k and the number of different answers are of.
        problems: how many of the split's problems.
        samples: responses to each; None: the largest k.
        sampling: how tokens are drawn.
        split: ``train`` or ``test``.
        seed: of the sampling.
        engine: ``local`` or ``vllm``.
        success: from which score on a response is right.
        measures: families of ``MEASURES``.
        gold: a reward piece that tells right from wrong in place of the task's scorer.
        rewards: reward pieces for best-of-n, by the name to show.
        answer: how answers are read: ``auto``, ``text``, ``number`` or ``final``.
        tag: read only what is inside this tag.
        confidence: the tag of a stated confidence.
        batch: responses to sample at a time.
        progress: called with (done, of how many) while sampling.

    Raises:
        GuerdonError: if the task has no problems, the policy is no language model, or nothing could be scored.
    """
    samples = samples or max(k)
    if samples < max(k):
        raise GuerdonError(f"evaluate needs at least max(k) = {max(k)} samples per problem, got {samples}")
    check_families(measures)
    drawn = sample_responses(
        policy,
        task,
        problems=problems,
        samples=samples,
        sampling=sampling,
        split=split,
        seed=seed,
        engine=engine,
        batch=batch,
        progress=progress,
    )
    words, read = reader(answer, tag, task if gold is None else gold)
    judged = judge(
        drawn,
        SampleJudge(Verifier() if gold is None else gold, task),
        read,
        rewards={name: SampleJudge(piece, task) for name, piece in (rewards or {}).items()},
        success=success,
        least=max(k),
        confidence=confidence,
    )
    return measure(judged, k, measures, seed, {"answer": words, "success": success})


def measure(
    judged: Responses, k: Sequence[int], measures: Sequence[str] = tuple(MEASURES), seed: int = 0, facts: Any = None
) -> Evaluation:
    """Everything about judged responses; ``facts``: settings to keep beside the numbers."""
    judged = replace(judged, facts={**judged.facts, **(facts or {})})
    pools, weights = judged.pools, draws_of(len(judged.pools), bootstrap_stream(seed))
    found = {path: estimate(each, weights) for path, each in statistics_of(pools, k, ("pass_at", *measures)).items()}
    pass_at = tuple(PassAtK(each, **found["pass_at", str(each)].to_json()) for each in k)
    counts = tuple((pool.size, int(sum(pool.right))) for pool in pools)
    known = {path: value for path, value in found.items() if value.value == value.value}
    return Evaluation(pass_at, len(pools), judged.drawn, judged.unscored, counts, known, judged)


def bootstrap_stream(seed: int) -> Stream:
    """What the draws of problems come from."""
    return Stream((seed, "evaluate", "bootstrap", 1))
