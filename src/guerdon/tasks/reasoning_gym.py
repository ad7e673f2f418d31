"""Problems of the reasoning-gym generators, scored by their own scorers.

Idea
    More than 100 procedural generators with verifiers. Number n of a split is entry n of the generator under a seed
    that is a hash of (seed, split, attempt), so problems are made when asked for and are the same in every run.
Maths
    The test split is fixed first: its questions are distinct. A training problem whose question is in the
    test split is replaced by the entry of the same number under the next attempt's seed. So the splits are disjoint
    by seed and by text, the test split does not depend on ``train_size``, and only the test split is made in advance.
Reads
    The package reasoning-gym (extra ``tasks``).
Deviations
    None in the scores: ``score`` is the generator's ``score_answer``, partial credit included. A few generators
    (codeio, isomorphic_strings, knight_swap, polynomial_multiplication, ransom_note) iterate over sets of strings,
    so their problems repeat between runs only under a fixed PYTHONHASHSEED.
"""

import dataclasses
import difflib
import hashlib
import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from guerdon.base import TaskSpec
from guerdon.errors import GuerdonError
from guerdon.tasks.answer import tagged
from guerdon.tasks.problem import Problem

ATTEMPTS = 64
"""Seeds to try for one problem before its question counts as not to be had."""
ENDLESS = 2**31 - 1


@dataclass(frozen=True)
class ReasoningGym(TaskSpec):
    """Entries of ``reasoning_gym.create_dataset(name, **options)``, split into train and test."""

    name: str
    """A data set of reasoning-gym, such as ``chain_sum``."""
    train_size: int | None = 10_000
    """Training problems; None: without end."""
    test_size: int = 500
    """Held-out problems, all with different questions, none of them a training question."""
    seed: int = 0
    """Of the generator; each split draws from seeds of its own."""
    options: dict[str, Any] = field(default_factory=dict)
    """The generator's own settings, such as ``{"min_terms": 2, "max_terms": 2}``."""
    answer_tag: str | None = None
    """Score only what the last ``<answer_tag>...</answer_tag>`` holds (0 without one); None: the whole response."""

    def __post_init__(self) -> None:
        if (self.train_size is not None and self.train_size < 1) or self.test_size < 1:
            raise GuerdonError(
                f"ReasoningGym.train_size and test_size must be at least 1, got {self.train_size} and {self.test_size}"
            )
        if taken := sorted({"seed", "size"} & set(self.options)):
            raise GuerdonError(
                f"ReasoningGym.options must not hold {' and '.join(taken)}; use the fields seed, train_size, test_size"
            )
        # Tuples, so that a task loaded from JSON equals the one that was saved.
        object.__setattr__(self, "options", {key: _tuples(value) for key, value in self.options.items()})

    def size(self, split: str) -> int | None:
        """Number of problems of a split; None if they have no end."""
        return self._size(_checked(split))

    def problem(self, split: str, number: int) -> Problem:
        """Problem ``number``; ``meta["entry"]`` is the generator's entry.

        Raises:
            GuerdonError: if the number is out of range, the package is missing, the name or an option is unknown,
                or the generator has too few different questions.
        """
        size = self._size(_checked(split))
        if not 0 <= number < (ENDLESS if size is None else size):
            raise GuerdonError(f"a {split} problem must have a number in 0..{size and size - 1}, got {number}")
        test, held_out = _test_split(self.name, self._options(), self.seed, self.test_size)
        entry = test[number] if split == "test" else self._train_entry(number, held_out)
        return Problem(number, entry["question"], entry["answer"], {"entry": entry})

    def score(self, problem: Problem, response: str) -> float:
        """The generator's own score of the answer in the response, in [0, 1]."""
        answer = tagged(response, self.answer_tag)
        if answer is None:
            return 0.0
        scorer = _dataset(self.name, self._options(), self.seed, "train", 0, self._size("train") or ENDLESS)
        return float(scorer.score_answer(answer, problem.meta["entry"]))

    def _size(self, split: str) -> int | None:
        return self.test_size if split == "test" else self.train_size

    def _options(self) -> str:
        return json.dumps(self.options, sort_keys=True)

    def _train_entry(self, number: int, held_out: frozenset[str]) -> dict[str, Any]:
        for attempt in range(ATTEMPTS):
            size = ENDLESS if self.train_size is None else self.train_size
            entry = _dataset(self.name, self._options(), self.seed, "train", attempt, size)[number]
            if entry["question"] not in held_out:
                return entry
        raise GuerdonError(_exhausted(self.name, self.test_size, "train"))


def _checked(split: str) -> str:
    if split not in ("train", "test"):
        raise GuerdonError(f"a split must be train or test, got {split!r}")
    return split


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, (list, tuple)) else value


def _exhausted(name: str, test_size: int, split: str) -> str:
    return (
        f"reasoning-gym {name!r} has too few different questions under these options for a {split} problem outside "
        f"{test_size} test problems; lower test_size or widen options"
    )


@lru_cache(maxsize=16)
def _test_split(name: str, options: str, seed: int, size: int) -> tuple[tuple[dict[str, Any], ...], frozenset[str]]:
    """The test entries and the set of their questions."""
    entries: dict[str, dict[str, Any]] = {}
    for number in range(size):
        for attempt in range(ATTEMPTS):
            entry = _dataset(name, options, seed, "test", attempt, size)[number]
            if entry["question"] not in entries:
                entries[entry["question"]] = entry
                break
        else:
            raise GuerdonError(_exhausted(name, size, "test"))
    return tuple(entries.values()), frozenset(entries)


@lru_cache(maxsize=256)
def _dataset(name: str, options: str, seed: int, split: str, attempt: int, size: int) -> Any:
    """The generator under the seed of (seed, split, attempt).

    Raises:
        GuerdonError: if the package is missing, or the name or an option is not known to it.
    """
    try:
        from reasoning_gym.factory import DATASETS, create_dataset
    except ImportError as error:
        raise GuerdonError(f"ReasoningGym needs reasoning-gym; run `pip install guerdon[tasks]` ({error})") from None
    if name not in DATASETS:
        near = difflib.get_close_matches(name, DATASETS, n=3) or sorted(DATASETS)
        raise GuerdonError(
            f"ReasoningGym.name must be one of the {len(DATASETS)} data sets of reasoning-gym, got {name!r}; "
            f"did you mean {', '.join(near)}?"
        )
    known = {item.name: item for item in dataclasses.fields(DATASETS[name][1])}
    given = json.loads(options)
    if unknown := sorted(set(given) - set(known)):
        have = ", ".join(sorted(set(known) - {"seed", "size"}))
        raise GuerdonError(f"ReasoningGym.options of {name!r} must be among {have}; got {', '.join(unknown)}")
    digest = hashlib.blake2b(repr((seed, split, attempt)).encode(), digest_size=4).digest()
    try:
        return create_dataset(name, seed=int.from_bytes(digest, "big") >> 2, size=size, **given)
    except (AssertionError, TypeError, ValueError) as error:
        raise GuerdonError(f"reasoning-gym refuses these options of {name!r}: {error} (got {given})") from None
