"""Why a sample is unscored, in one word: what is counted in the log, and whether another try can help.

=============  ====================================================================
``timeout``    no score within the time limit
``crash``      the function took its process with it, or broke its connection
``error``      the function raised
``remote``     the reward server could not be reached, or did not answer as agreed
``invalid``    what came back is no score: NaN, text, the wrong count, beyond the range
``none``       the function said None: not to be scored
=============  ====================================================================
"""

import re
from collections import Counter
from collections.abc import Iterable

PATTERNS = {
    "timeout": re.compile(r"no score within"),
    "crash": re.compile(r"the worker died|ended its process|wrote into the worker's connection"),
    "remote": re.compile(r"the reward server"),
    "none": re.compile(r"unscored: "),
    "invalid": re.compile(
        r"returned (nan|-?inf)\b|must return (a number|components)|must name its components|scores for \d+ samples"
        r"|scores must lie in|components must be|arguments cannot be sent|OverflowError"
    ),
}
"""Kind -> what its sentences have in common; a sentence that fits none tells what was raised."""
PASSING = frozenset({"timeout", "crash", "error", "remote"})
"""Kinds that may be over at another try."""


def kinds(reason: str) -> set[str]:
    """The kinds of failure that a reason tells of; empty for an empty reason."""
    found = {kind for kind, pattern in PATTERNS.items() if pattern.search(reason)}
    return found or ({"error"} if reason else set())


def passing(reason: str) -> bool:
    """Whether another try can help."""
    return bool(kinds(reason) & PASSING)


def counted(reasons: Iterable[str]) -> dict[str, int]:
    """Kind -> samples that have a failure of this kind."""
    return dict(Counter(kind for reason in reasons if reason for kind in sorted(kinds(reason))))
