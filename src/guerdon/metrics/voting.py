"""One answer out of several samples, by their confidences (rlcr).

Maths
    Weighted majority ``argmax_y sum_i q_i [y_i = y]``; equal weights give the majority vote. Or the answer of the most
    confident sample.
Reads
    Answers and confidences of the samples of one problem.
Deviations
    None is an answer that could not be read and has no vote; NaN is a confidence of 0. Of equals, the first wins.
"""

import math
from collections.abc import Hashable, Sequence
from typing import TypeVar

from guerdon.errors import GuerdonError

Answer = TypeVar("Answer", bound=Hashable)


def weighted_majority(answers: Sequence[Answer | None], confidences: Sequence[float] | None = None) -> Answer | None:
    """The answer with the largest sum of confidences; None if there is no answer.

    Raises:
        GuerdonError: unless there is one confidence per answer.
    """
    votes: dict[Answer, float] = {}
    for answer, confidence in _pairs(answers, confidences):
        votes[answer] = votes.get(answer, 0.0) + confidence
    return max(votes, key=lambda answer: votes[answer], default=None)


def most_confident(answers: Sequence[Answer | None], confidences: Sequence[float]) -> Answer | None:
    """The answer of the sample with the largest confidence; None if there is no answer.

    Raises:
        GuerdonError: unless there is one confidence per answer.
    """
    return max(_pairs(answers, confidences), key=lambda pair: pair[1], default=(None, 0.0))[0]


def _pairs(answers: Sequence[Answer | None], confidences: Sequence[float] | None) -> list[tuple[Answer, float]]:
    confidences = [1.0] * len(answers) if confidences is None else confidences
    if len(answers) != len(confidences):
        raise GuerdonError(
            f"a vote needs one confidence per answer, got {len(answers)} answers and {len(confidences)} confidences"
        )
    known = zip(answers, confidences, strict=True)
    return [(answer, 0.0 if math.isnan(q) else q) for answer, q in known if answer is not None]
